import { it } from 'vitest';
import { liveHistories } from './live-history.js';

const HISTORIES = Number(process.env.HRM_HISTORIES ?? 200);
const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);

/** Into so many files the histories are parted, so that no core waits for the other at the end. */
const SHARES = 4;

/** One file's share of the histories. */
export function testShare(share: 1 | 2 | 3 | 4): void {
  const count = Math.ceil(HISTORIES / SHARES);
  // Each share has a seed of its own, which repeats it.
  const seed = SEED + share;
  it(`answers ${count} random histories as the oracle does (HRM_SEED=${SEED} repeats them)`, {
    timeout: 600_000,
  }, async () => {
    console.log(`histories: HRM_SEED=${SEED}, share ${share}`);
    await liveHistories(count, seed);
  });
}
