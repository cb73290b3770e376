/** Shared parts of very many users are split in pieces: others have their turn in between, and what is stopped is gone on with. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { runOver } from '../../src/flow/compact/run-over.js';
import { lastHeldUser } from '../../src/flow/compact/split-passes.js';
import { HrmError, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { FILE_ROWS } from '../../src/limits.js';
import { createEncoder } from '../../src/parquet/encode.js';
import { systemRandom } from '../../src/ports/random.js';
import type { Partition } from '../../src/ports/storage.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { orderWork } from '../../src/pure/order-work.js';
import { partName } from '../../src/pure/partition.js';
import { inOnePiece } from '../../src/steps.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const HISTORIES = Math.ceil(Number(process.env.HRM_HISTORIES ?? 200) / 50);

const idOf = (user: number) => `u${String(user).padStart(4, '0')}`;

/** A reading of each of some users, in the s-th minute of a day. */
function readingsOf(users: number, s = 0, day = 0): Reading[] {
  return Array.from({ length: users }, (_, user) => ({
    userId: idOf(user),
    deviceId: 'watch',
    timestampMs: START_MS + day * DAY_MS + s * 60_000,
    heartRate: 60 + (user % 90),
    receivedMs: START_MS,
  }));
}

/** One shared part, however few users there are. */
async function publishShared(storage: Storage, date: string, readings: readonly Reading[]): Promise<void> {
  const encoder = createEncoder({ shared: true });
  for (const _ of encoder.write(mergeReadings([columnsFromReadings(readings)])));
  for (const _ of encoder.flush());
  const bytes = inOnePiece(encoder.finish({}));
  await storage.publish({ date, directory: '_shared' }, partName(bytes), bytes);
}

/** Counts looks at users' partitions, and files made of them; may fail from some file on. What is young stays so, however slow the machine is. */
function watched(storage: Storage, failFrom = Number.POSITIVE_INFINITY) {
  const seen = { looks: 0, made: [] as string[], young: new Set<string>() };
  function note({ date, directory }: Partition): void {
    if (seen.made.length >= failFrom) throw new HrmError('killed', { kind: 'unavailable', code: 'storage_full' });
    seen.made.push(`${date}/${directory}`);
  }
  const watchedStorage: Storage = {
    ...storage,
    async snapshot(partition, options) {
      if (partition.directory !== '_shared') seen.looks += 1;
      const snapshot = await storage.snapshot(partition, options);
      for (const file of snapshot.files) if (seen.young.has(file.name)) Object.assign(file, { ageMs: 0 });
      return snapshot;
    },
    async replace(replacement, options) {
      note(replacement.snapshot.partition);
      return await storage.replace(replacement, options);
    },
  };
  return { seen, storage: watchedStorage };
}

/** A run over what is dirty, with pieces of so many files. */
async function run(
  storage: Storage,
  pieceFiles: number,
  { runFiles = 1_000, sweepAfterMs = 0, quietAfterMs = 0, everywhere = false } = {},
) {
  async function* work() {
    const candidates = [];
    for await (const partition of storage.partitions({
      dirty: true,
      directories: everywhere ? undefined : ['_shared'],
    })) {
      candidates.push({ partition, directory: partition.directory, files: 1 });
    }
    yield await orderWork(candidates, Math.random, async () => undefined);
  }
  const bounds = { pieceRows: pieceFiles * FILE_ROWS, runRows: runFiles * FILE_ROWS };
  const clock = { nowMs: () => START_MS + 10 * DAY_MS };
  const settings = { all: false, sweepAfterMs, quietAfterMs, priority: {}, bounds };
  return await runOver({ storage, clock, random: systemRandom, ...settings }, work(), {});
}

async function withStore(use: (open: () => Promise<Storage>, data: string) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const opened: Storage[] = [];
    await use(async () => {
      const storage = await openDirectoryStorage({ directory: data, fileSystem: promptFileSystem });
      opened.push(storage);
      return storage;
    }, data);
    for (const storage of opened) await storage.close();
  }, MEMORY_DIRECTORY);
}

async function minutesOf(storage: Storage, user: number): Promise<number> {
  return (await query({ storage }, { userId: idOf(user), start: START_MS, end: START_MS + 9 * DAY_MS })).length;
}

describe('a split of very many users', () => {
  it('lets every other partition that is due through before it ends', () =>
    withStore(async (open) => {
      const real = await open();
      await publishShared(real, '20240115', readingsOf(600));
      await publishShared(real, '20240117', readingsOf(5, 0, 2));
      for (let s = 0; s < 3; s += 1) await writePart({ storage: real }, readingsOf(4, s, 4));
      const { seen, storage } = watched(real);
      // A run ends in the midst of it, and says so.
      expect(await run(storage, 80, { runFiles: 200, everywhere: true })).toMatchObject({
        splitting: 1,
        failures: [],
      });
      const first = seen.made.length;
      expect(first).toBeLessThan(400);
      for (const [date, count] of [
        ['20240117', 5],
        ['20240119', 4],
      ] as const) {
        expect(new Set(seen.made.filter((made) => made.startsWith(date))).size).toBe(count);
      }
      const left: number[] = [];
      for (let runs = 0; runs < 20 && left.at(-1) !== 0; runs += 1)
        left.push((await run(storage, 80, { runFiles: 200, everywhere: true })).left);
      expect(left.length).toBeLessThan(12);
      // One for each user: nothing was brought twice.
      expect(seen.made.filter((made) => made.startsWith('20240115'))).toHaveLength(600);
    }));

  it('goes on with each piece where the one before ended, and so does the proof, which then deletes', () =>
    withStore(async (open, data) => {
      const { seen, storage } = watched(await open());
      await publishShared(storage, '20240115', readingsOf(600));
      // Where all were brought a moment ago, it is seen by the first.
      while ((await run(storage, 100, { sweepAfterMs: 60_000 })).splitting > 0);
      expect(seen.made).toHaveLength(600);
      expect(seen.looks).toBeLessThan(1_300);
      expect(readdirSync(join(data, '20240115', '_shared'))).toHaveLength(1);
      seen.looks = 0;
      await run(storage, 100, { sweepAfterMs: 60_000 });
      expect(seen.looks).toBeLessThan(5);
      seen.looks = 0;
      await run(storage, 10, { runFiles: 20 });
      expect(readdirSync(join(data, '20240115', '_shared'))).toHaveLength(1);
      for (let runs = 0; runs < 20 && (await run(storage, 10, { runFiles: 20 })).splitting > 0; runs += 1);
      expect(readdirSync(join(data, '20240115', '_shared'))).toEqual([]);
      expect(seen.looks).toBeLessThan(2_000);
      expect(await verify({ storage })).toMatchObject({ files: 600, readings: 600, faultCount: 0 });
    }));

  it('ends at last, when whoever does a piece is killed each time, and nobody looks for long where to go on', () =>
    withStore(async (open, data) => {
      await publishShared(await open(), '20240115', [...readingsOf(1_500), ...readingsOf(1_500, 1)]);
      let kills = 0;
      for (let isKilled = true; isKilled; kills += isKilled ? 1 : 0) {
        // A process that knows nothing of the others, and dies at its 250th file.
        const { seen, storage } = watched(await open(), 250);
        const outcome = await run(storage, 10_000, { runFiles: 10_000, sweepAfterMs: 60_000 }).catch(() => null);
        isKilled = outcome === null;
        // Users who have theirs are not all looked at again: some looks by halves, and those of a row group.
        expect(seen.looks).toBeLessThan(250 + 500 + 64 + 20);
      }
      expect(kills).toBe(5);
      // What was under way when one died is found by the pass that proves.
      const storage = await open();
      for (let runs = 0; runs < 5; runs += 1) await run(storage, 400);
      expect(readdirSync(join(data, '20240115', '_shared'))).toEqual([]);
      expect(await verify({ storage })).toMatchObject({ readings: 3_000, faultCount: 0 });
    }));

  it('goes on though more comes, and brings that afterwards', () =>
    withStore(async (open, data) => {
      const { seen, storage } = watched(await open());
      await publishShared(storage, '20240115', readingsOf(300));
      await run(storage, 70, { runFiles: 70 });
      const shared = join(data, '20240115', '_shared');
      const [first] = readdirSync(shared);
      await publishShared(storage, '20240115', readingsOf(300, 1));
      const [later = ''] = readdirSync(shared).filter((name) => name !== first);
      seen.young.add(later);
      // What has come just now waits, and does not hold up the other.
      while ((await run(storage, 70, { runFiles: 70, quietAfterMs: 600_000 })).splitting > 0);
      expect(new Set(seen.made).size).toBe(300);
      for (let runs = 0; runs < 6; runs += 1) await run(storage, 70, { quietAfterMs: 600_000 });
      expect(readdirSync(shared)).toEqual([later]);
      seen.young.clear();
      for (let runs = 0; runs < 12; runs += 1) await run(storage, 70);
      expect(readdirSync(shared)).toEqual([]);
      expect(await minutesOf(storage, 299)).toBe(2);
    }));

  it('misses no reading, whoever splits, dies and writes meanwhile', async () => {
    const random = randomFrom(testSeed());
    const pick = (count: number) => Math.floor(random() * count);
    for (let history = 0; history < HISTORIES; history += 1) {
      await withStore(async (open, data) => {
        const users = 5 + pick(25);
        const handles = [await open(), await open()];
        const stored = new Map<number, Set<number>>();
        for (let step = 0; step < 30; step += 1) {
          const at = pick(2);
          if (pick(5) === 0) handles[at] = await open();
          const storage = handles[at] as Storage;
          if (pick(3) === 0) {
            const some = 1 + pick(users);
            await publishShared(storage, '20240115', readingsOf(some, step));
            for (let user = 0; user < some; user += 1) stored.set(user, (stored.get(user) ?? new Set()).add(step));
          } else {
            const dying = watched(storage, pick(3) === 0 ? pick(users) : Number.POSITIVE_INFINITY).storage;
            const files = 1 + pick(8);
            const quietAfterMs = pick(2) * 600_000;
            await run(pick(2) === 0 ? storage : dying, files, { runFiles: files * 3, quietAfterMs }).catch(
              () => undefined,
            );
          }
          const user = pick(users);
          expect(await minutesOf(handles[1 - at] as Storage, user)).toBe(stored.get(user)?.size ?? 0);
        }
        const last = await open();
        for (let runs = 0; runs < 40; runs += 1) await run(last, 40);
        for (let user = 0; user < users; user += 1) {
          expect(await minutesOf(last, user)).toBe(stored.get(user)?.size ?? 0);
        }
        if (stored.size > 0) expect(readdirSync(join(data, '20240115', '_shared'))).toEqual([]);
      });
    }
  });
});

describe('the last user who has a slice', () => {
  it.each([
    [0, 10, null],
    [1, 10, 'u0000'],
    [7, 10, 'u0006'],
    [9, 10, 'u0008'],
    [10, 10, null],
    [500, 1_000, 'u0499'],
  ])('of %i that have theirs among %i is found by halves', async (having, users, expected) => {
    let looks = 0;
    const all = Array.from({ length: users }, (_, user) => idOf(user));
    async function isHeld(userId: string): Promise<boolean> {
      looks += 1;
      return all.indexOf(userId) < having;
    }
    expect(await lastHeldUser(all, isHeld)).toBe(expected);
    expect(looks).toBeLessThan(14);
  });
});
