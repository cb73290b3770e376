/**
 * Random lives of a day with very many small parts, a user's and shared ones: merged in tiers, split, swept at once or never,
 * by several compacters whose calls interleave. Every answer is the oracle's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, type Reading, type Storage, writePart } from '../../src/index.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { rememberingStorage } from '../support/remembering-storage.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';
import { oracleAnswer } from './oracle.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
const CROWD = 34;
const DEVICES = ['strap', 'watch', 'é'];

type Step =
  | { type: 'write'; parts: number; who: 'one' | 'crowd'; fromMinute: number; seed: number }
  | { type: 'compact'; all: boolean; sweepAfterMs: number; quietAfterMs: number; ranks: number[]; compacters: number }
  | { type: 'midnight' }
  | { type: 'ask'; user: number; device: number | null; cutMs: number; ranks: number[] };

const ranks = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      parts: fc.constantFrom(1, 2, 17, 34),
      who: fc.constantFrom('one' as const, 'one' as const, 'crowd' as const),
      fromMinute: fc.nat(20),
      seed: fc.nat(1_000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('compact' as const),
      all: fc.constantFrom(false, false, false, true),
      sweepAfterMs: fc.constantFrom(0, 0, 1e9),
      quietAfterMs: fc.constantFrom(0, 0, 1e9),
      ranks,
      compacters: fc.constantFrom(1, 1, 3),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'midnight' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('ask' as const),
      user: fc.nat(CROWD - 1),
      device: fc.option(fc.nat(2)),
      cutMs: fc.constantFrom(0, 0, 31_007),
      ranks,
    }),
  },
);

function priorityOf(given: readonly number[]): Record<string, number> {
  return Object.fromEntries(given.map((rank, d) => [DEVICES[d] as string, rank]));
}

/** Some readings of a part; parts follow upon each other or overlap, and sometimes correct each other. */
function readingsOf({ who, fromMinute, seed }: Extract<Step, { type: 'write' }>, p: number): Reading[] {
  const users = who === 'one' ? ['user 0'] : Array.from({ length: CROWD }, (_, u) => `user ${u}`);
  return users.flatMap((userId, u) =>
    [0, 1, 2].slice(0, 1 + ((seed + p) % 3)).map((i) => ({
      userId,
      deviceId: DEVICES[(seed + i + u) % 3] as string,
      timestampMs: START_MS + fromMinute * 60_000 + p * (20_000 + (seed % 3) * 500) + i * ((seed % 4) * 250),
      heartRate: 40 + ((seed * 7 + p * 3 + i) % 150),
      receivedMs: START_MS + ((seed + p) % 5) * 60_000,
    })),
  );
}

async function live(steps: readonly Step[], counts: { tiers: number; homes: number }): Promise<void> {
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-tiers-'));
  const clock = { now: START_MS + DAY_MS / 2, nowMs: () => clock.now };
  const storage = await openDirectoryStorage({ directory, fileSystem: promptFileSystem });
  // Their calls interleave as the threads of the pool have it.
  const others = await Promise.all([1, 2, 3].map(() => openDirectoryStorage({ directory })));
  const stored: Reading[] = [];
  async function ask(user: number, device: number | null, cutMs: number, given: readonly number[]): Promise<void> {
    const priority = priorityOf(given);
    const deviceId = device === null ? undefined : DEVICES[device];
    const range = { userId: `user ${user}`, deviceId, fromMs: START_MS + cutMs, toMs: START_MS + DAY_MS };
    const expected = oracleAnswer(stored, { ...range, intervalMs: 60_000, priority });
    for (const asked of [storage, rememberingStorage(storage)] satisfies Storage[]) {
      const { userId, fromMs: start, toMs: end } = range;
      expectSame(await query({ storage: asked }, { userId, deviceId, start, end, priority }), expected);
    }
  }
  try {
    for (const step of steps) {
      if (step.type === 'midnight') clock.now = START_MS + 2 * DAY_MS;
      else if (step.type === 'ask') await ask(step.user, step.device, step.cutMs, step.ranks);
      else if (step.type === 'write') {
        for (let p = 0; p < step.parts; p += 1) {
          const readings = readingsOf(step, p);
          stored.push(...readings);
          await writePart({ storage }, readings);
        }
      } else {
        const { all, sweepAfterMs, quietAfterMs } = step;
        const settings = { all, sweepAfterMs, quietAfterMs, devicePriority: priorityOf(step.ranks) };
        const compacters = step.compacters === 1 ? [storage] : others.slice(0, step.compacters);
        const summaries = await Promise.all(compacters.map((one) => compact({ storage: one, clock }, settings)));
        for (const { failures, merged, compacted } of summaries) {
          expect(failures).toEqual([]);
          counts.tiers += merged > compacted ? 1 : 0;
          counts.homes += compacted > CROWD / 2 ? 1 : 0;
        }
        await ask(0, null, 0, step.ranks);
      }
    }
    for (let run = 0; run < 4; run += 1) await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
    for (let user = 0; user < CROWD; user += 1) await ask(user, null, 0, []);
    const partitions: string[] = [];
    for await (const partition of storage.partitions({})) {
      const files = await storage.versions(partition);
      partitions.push(partition.directory);
      expect(files.map(({ name }) => name)).toEqual(['compacted.parquet']);
    }
    expect(new Set(partitions)).toEqual(new Set(stored.map(({ userId }) => userId.replace(' ', '%20'))));
    expect(await storage.versions({ date: '20240115', directory: '_shared' })).toEqual([]);
  } finally {
    for (const one of [storage, ...others]) await one.close();
    await rm(directory, { recursive: true });
  }
}

const RUNS = Number(process.env.HRM_TIER_RUNS ?? 40);

it(`answers ${RUNS} lives of small parts as the oracle does (HRM_SEED=${SEED} repeats them)`, {
  timeout: 600_000,
}, async () => {
  console.log(`tiers: HRM_SEED=${SEED}`);
  const counts = { tiers: 0, homes: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 6, maxLength: 14 }), (steps) => live(steps, counts)),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
  expect(counts.tiers).toBeGreaterThan(RUNS / 10);
  expect(counts.homes).toBeGreaterThan(RUNS / 20);
});
