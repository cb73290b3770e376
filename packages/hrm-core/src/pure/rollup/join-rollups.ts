import { MAX_ROLLUP_BYTES } from '../../limits.js';
import { internStrings } from '../columns.js';
import { addToMask, eachOfMask, wordsFor } from '../device-mask.js';
import { type DevicePriority, rankDevices } from '../merge.js';
import { type Buckets, type Conflicts, type Rollup, toBuckets } from './rollup.js';
import { BUCKET_BYTES, rollupBytes } from './rollup-size.js';

/**
 * One rollup of several, each of its own minutes.
 * @param rollups - of one user's day, by minute.
 * @param priority - that they were made under.
 * @returns `null` where there is none, or where it is too large together.
 */
export function joinRollups(rollups: readonly Rollup[], priority: DevicePriority): Rollup | null {
  const [first] = rollups;
  if (first === undefined || rollups.length === 1) return first ?? null;
  const buckets = rollups.reduce((sum, { series }) => sum + series.reduce((own, one) => own + one.minute.length, 0), 0);
  // Before anything is made of them.
  if (buckets * BUCKET_BYTES > MAX_ROLLUP_BYTES) return null;
  const { values: devices, indices } = internStrings(rollups.flatMap((rollup) => rollup.devices));
  const series: Buckets[][] = devices.map(() => []);
  const numbered: NumberedConflicts[] = [];
  let at = 0;
  for (const rollup of rollups) {
    const own = indices.subarray(at, at + rollup.devices.length);
    at += rollup.devices.length;
    for (const [d, device] of own.entries()) series[device]?.push(rollup.series[d] as Buckets);
    numbered.push({ conflicts: rollup.conflicts, own });
  }
  const joined = {
    userId: first.userId,
    devices,
    series: series.map(concatBuckets),
    order: rankDevices(devices, priority),
    conflicts: joinConflicts(numbered, wordsFor(devices.length)),
  };
  return rollupBytes(joined) > MAX_ROLLUP_BYTES ? null : joined;
}

/** Conflicts, and of the devices that their masks know the numbers among all. */
interface NumberedConflicts {
  readonly conflicts: Conflicts;
  readonly own: Uint32Array;
}

function joinConflicts(parts: readonly NumberedConflicts[], words: number): Conflicts {
  const buckets = concatBuckets(parts.map(({ conflicts }) => conflicts));
  const devices = new Uint32Array(buckets.minute.length * words);
  let at = 0;
  for (const { conflicts, own } of parts) {
    for (let i = 0; i < conflicts.minute.length; i += 1, at += 1) {
      eachOfMask(conflicts.devices, wordsFor(own.length), i, (d) => addToMask(devices, words, at, own[d] as number));
    }
  }
  return { ...buckets, devices };
}

function concatBuckets(parts: readonly Buckets[]): Buckets {
  function all(of: (buckets: Buckets) => ArrayLike<number>): number[] {
    return parts.flatMap((part) => Array.from(of(part)));
  }
  return toBuckets(
    all(({ minute }) => minute),
    all(({ count }) => count),
    all(({ sum }) => sum),
    all(({ min }) => min),
    all(({ max }) => max),
  );
}
