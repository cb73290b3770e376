/**
 * Whoever works with the storage may stand still at any await: a client that reads slowly, a laptop that is closed, a busy disk.
 * Meanwhile everybody else writes, compacts everything, splits it, and sweeps what was replaced: all graces are over.
 * What is answered in the end is what was stored, nothing less and nothing else.
 */

import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { storeParts } from '../../src/flow/files/store-parts.js';
import {
  compact,
  devices,
  drainBatch,
  enqueue,
  exportReadings,
  latest,
  query,
  queryDays,
  queryTag,
  type Storage,
  verify,
} from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { type OracleReading, oracleAnswer, oracleDevices } from '../property/oracle.js';
import { type Pause, pauseAtEach, pausedQueue, pausedStorage, takeSlowly } from '../support/paused-ports.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { rowsOfFile } from '../support/rows-of-file.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const DAYS = 4;
const RANGE = { userId: 'ana', start: START_MS, end: START_MS + DAYS * DAY_MS };
const QUESTION = { userId: 'ana', fromMs: RANGE.start, toMs: RANGE.end, intervalMs: 60_000, priority: {} };

/** Readings of a day, two devices in turn, equal keys among them; `round` makes others of the same kind. */
function readingsOf(userId: string, day: number, round: number): OracleReading[] {
  return Array.from({ length: 12 }, (_, i) => ({
    userId,
    deviceId: i % 2 === 0 ? 'strap' : 'watch',
    timestampMs: START_MS + day * DAY_MS + Math.floor((i + round * 5) / 3) * 41_000,
    heartRate: 60 + ((i * 7 + round * 13 + day) % 90),
    receivedMs: START_MS + round * 60_000,
  }));
}

interface World {
  readonly directory: string;
  readonly storage: Storage;
  /** What was stored, of everybody. */
  readonly stored: readonly OracleReading[];
  /** Writes readings: into parts of each user's own, or into shared ones. */
  write(readings: readonly OracleReading[], where: 'own' | 'shared'): Promise<void>;
  /** Merges everything and splits it; a second run deletes what was replaced. */
  compactAll(runs?: number): Promise<void>;
  /** Puts files in place of those that are there, as a compacter does, and deletes the others. */
  become(later: Stored): void;
}

/** What a world has stored, in a directory of its own. */
interface Stored {
  readonly directory: string;
  readonly stored: readonly OracleReading[];
}

/** Its files, by their paths in it. */
function filesIn(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.relative(directory, path.join(parentPath, name)));
}

/** Those of days, without what the storage has beside them. */
function storedIn(directory: string): string[] {
  return filesIn(directory)
    .filter((file) => /^[0-9]{8}\//.test(file))
    .sort();
}

/** A copy of what a world has stored when something was done there. */
async function storedBy(from: Stored | null, act: (world: World) => Promise<void>): Promise<Stored> {
  return withWorld(from?.stored ?? [], from?.directory ?? null, async (world) => {
    await act(world);
    const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-pause-'));
    cpSync(world.directory, directory, { recursive: true });
    return { directory, stored: world.stored };
  });
}

async function withWorld<T>(given: readonly OracleReading[], from: string | null, use: (world: World) => Promise<T>) {
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-pause-'));
  if (from !== null) cpSync(from, directory, { recursive: true });
  const storage = await openDirectoryStorage({ directory, fileSystem: promptFileSystem });
  const stored = [...given];
  const world: World = {
    directory,
    storage,
    stored,
    async write(readings, where) {
      stored.push(...readings);
      const options = { maxSmallParts: where === 'shared' ? 0 : readings.length };
      const { failed } = await storeParts(storage, columnsFromReadings(readings), options);
      expect(failed).toEqual([]);
    },
    async compactAll(runs = 2) {
      for (let run = 0; run < runs; run += 1) {
        const { failures } = await compact({ storage }, { all: true, sweepAfterMs: 0 });
        expect(failures).toEqual([]);
      }
    },
    become(later) {
      // Of who has changed something, that would be undone.
      expect(storedIn(directory)).toEqual(storedIn(from ?? directory));
      stored.push(...later.stored.slice(stored.length));
      const files = filesIn(later.directory);
      for (const file of files) {
        const [source, target] = [path.join(later.directory, file), path.join(directory, file)];
        if (existsSync(target) && readFileSync(source).equals(readFileSync(target))) continue;
        mkdirSync(path.dirname(target), { recursive: true });
        copyFileSync(source, `${target}.new`);
        renameSync(`${target}.new`, target);
      }
      for (const file of filesIn(directory)) if (!files.includes(file)) rmSync(path.join(directory, file));
    },
  };
  try {
    return await use(world);
  } finally {
    await storage.close();
    await rm(directory, { recursive: true });
  }
}

/** A day of each kind: of another user only, in shared parts only, compacted with a part beside it, and in parts of both kinds. */
async function fill({ write, compactAll }: World): Promise<void> {
  for (const userId of ['ana', 'ben']) await write(readingsOf(userId, 2, 0), 'own');
  await compactAll();
  await write(readingsOf('ana', 2, 1), 'own');
  const both = [1, 2, 3].flatMap((day) => ['ana', 'ben'].flatMap((userId) => readingsOf(userId, day, 2)));
  await write([...readingsOf('ben', 0, 2), ...both], 'shared');
  await write(readingsOf('ana', 3, 3), 'own');
}

/** What goes on meanwhile changes no answer about ana: others' readings, and hers delivered again. */
async function goOn({ stored, write, compactAll }: World): Promise<void> {
  const again = stored.filter(({ userId }, i) => userId === 'ana' && i % 3 === 0);
  await compactAll();
  await write([...again, ...[0, 1, 2, 3].flatMap((day) => readingsOf('ben', day, 4))], 'shared');
  await write(readingsOf('ana', DAYS, 5), 'own');
  await compactAll(1);
}

/**
 * Reads, with a pause at each await in turn.
 * @param maxOpenFiles - that the reader may have; with three it holds no part open while it pauses.
 * @param meanwhile - what others do; by default what they did once is put in place, which a reader that changes nothing cannot tell apart.
 * @returns how many awaits there are.
 */
function readWithPauses(
  read: (storage: Storage, pause: Pause, world: World) => Promise<void>,
  maxOpenFiles?: number,
  meanwhile: (world: World) => Promise<void> = async ({ become }) => become(later),
): Promise<number> {
  return pauseAtEach((at) =>
    withWorld(given.stored, given.directory, async (world) => {
      const pause = { at, awaits: 0, meanwhile: () => meanwhile(world) };
      const storage = await openDirectoryStorage({
        directory: world.directory,
        maxOpenFiles,
        fileSystem: promptFileSystem,
      });
      await read(pausedStorage(storage, pause), pause, world);
      await storage.close();
      return pause;
    }),
  );
}

/** What there is at the start of each run, and what it becomes while others go on: made once. */
let given: Stored;
let later: Stored;
beforeAll(async () => {
  given = await storedBy(null, fill);
  later = await storedBy(given, goOn);
});
afterAll(() => Promise.all([given, later].map(({ directory }) => rm(directory, { recursive: true }))));

const expected = (stored: readonly OracleReading[]) => oracleAnswer(stored, QUESTION);

describe('a reader who stands still at any await', () => {
  it.each([undefined, 3])('of query answers what was stored, where %s files may be open', async (maxOpenFiles) => {
    const awaits = await readWithPauses(async (storage, _, { stored }) => {
      const rows = expected(stored);
      expect(await query({ storage }, RANGE)).toEqual(rows);
    }, maxOpenFiles);
    expect(awaits).toBeGreaterThan(10);
  });

  it('of queryDays, or whose caller does between two days, answers what was stored', async () => {
    const awaits = await readWithPauses(async (storage, pause, { stored }) => {
      const rows = expected(stored);
      expect((await takeSlowly(queryDays({ storage }, RANGE), pause)).flat()).toEqual(rows);
    });
    expect(awaits).toBeGreaterThan(12);
  });

  it('of queryTag tells the answer from the one when there was nothing', async () => {
    const range = { ...RANGE, end: START_MS + 2 * DAY_MS };
    const before = await withWorld([], null, ({ storage }) => queryTag({ storage }, range));
    await readWithPauses(async (storage) => {
      expect(await queryTag({ storage }, range)).not.toBe(before);
    });
  });

  it('of exportReadings, or whose caller does between two pieces, exports what was stored', async () => {
    await readWithPauses(async (storage, pause, { stored }) => {
      const rows = expectedRows(stored);
      const pieces = await takeSlowly(exportReadings({ storage }, RANGE), pause);
      expect(await rowsOfFile(Buffer.concat(pieces))).toEqual(rows);
    });
  });

  it('of devices and latest finds the first and last that were stored', async () => {
    await readWithPauses(async (storage, _, { stored }) => {
      const before = oracleDevices(stored, 'ana', {});
      const found = await devices({ storage }, RANGE);
      const after = oracleDevices(stored, 'ana', {});
      // What is written meanwhile lies after the range, and may be the last already.
      expect(found.map(({ first }) => first)).toEqual(before.devices.map(({ first }) => first));
      for (const [d, { last }] of found.entries()) {
        expect([before.devices[d]?.last, after.devices[d]?.last]).toContainEqual(last);
      }
    });
    await readWithPauses(async (storage, _, { stored }) => {
      const before = oracleDevices(stored, 'ana', {}).latest;
      const found = await latest({ storage }, RANGE);
      expect([before, oracleDevices(stored, 'ana', {}).latest]).toContainEqual(found);
    });
  });

  it.each([undefined, 3])(
    'of verify, repairing, looks at every reading, where %s files may be open',
    async (maxOpenFiles) => {
      await readWithPauses(async (storage, _, { stored, ...world }) => {
        const keys = distinct(stored);
        const { faults, failures, readings } = await verify({ storage }, { repair: true });
        expect([faults, failures]).toEqual([[], []]);
        expect(readings).toBeGreaterThanOrEqual(keys);
        expect(await query({ storage: world.storage }, RANGE)).toEqual(expected(stored));
      }, maxOpenFiles);
    },
  );
});

describe('a compacter who stands still at any await', () => {
  it.each([undefined, 3])('changes no answer and loses nothing, where %s files may be open', async (maxOpenFiles) => {
    const awaits = await readWithPauses(
      async (storage, _, { stored, storage: others, compactAll }) => {
        // A day that has a compacted file, a part beside it, and a shared one to be split.
        const { failures } = await compact({ storage }, { date: '20240117', all: true, sweepAfterMs: 0 });
        expect(failures).toEqual([]);
        for (const userId of ['ana', 'ben']) {
          const rows = oracleAnswer(stored, { ...QUESTION, userId });
          expect(await query({ storage: others }, { ...RANGE, userId })).toEqual(rows);
        }
        await compactAll();
        expect(await query({ storage: others }, RANGE)).toEqual(expected(stored));
        const { readings, faults } = await verify({ storage: others });
        expect([readings, faults]).toEqual([distinct(stored), []]);
      },
      maxOpenFiles,
      goOn,
    );
    expect(awaits).toBeGreaterThan(20);
  });
});

describe('a consumer who stands still at any await, for longer than its lease', () => {
  it('loses nothing and stores nothing else, while another takes over what it claimed', async () => {
    const leaseMs = 30_000;
    const stale = new Set<string>();
    const awaits = await pauseAtEach((at) =>
      withWorld([], null, async ({ directory, storage, compactAll }) => {
        const clock = { now: START_MS, nowMs: () => clock.now };
        const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
        const sent: OracleReading[] = [];
        async function send(round: number): Promise<void> {
          const readings = ['ana', 'ben'].flatMap((userId) => readingsOf(userId, 0, round));
          sent.push(...readings.map((reading) => ({ ...reading, receivedMs: clock.now })));
          const wire = readings.map(({ timestampMs, receivedMs: _, ...reading }) => {
            return { ...reading, timestamp: new Date(timestampMs).toISOString() };
          });
          await enqueue({ queue, clock }, wire);
        }
        const drain = () => drainBatch({ queue, storage, clock }, { leaseMs });
        async function takeOver(): Promise<void> {
          clock.now += leaseMs + 60_000;
          await send(1);
          while ((await drain()).outcome !== 'empty');
          await compactAll();
          await send(2);
        }
        const pause: Pause = { at, awaits: 0, meanwhile: takeOver };
        const ports = { queue: pausedQueue(queue, pause), storage: pausedStorage(storage, pause), clock };
        await send(0);
        stale.add((await drainBatch(ports, { leaseMs })).outcome);
        clock.now += leaseMs + 60_000;
        while ((await drain()).outcome !== 'empty');
        for (const userId of ['ana', 'ben']) {
          const rows = oracleAnswer(sent, { ...QUESTION, userId });
          expect(await query({ storage }, { ...RANGE, userId })).toEqual(rows);
        }
        expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0, deadLetters: 0 });
        await queue.close();
        return pause;
      }),
    );
    expect(awaits).toBeGreaterThan(3);
    expect([...stale].sort()).toEqual(['acked', 'stale']);
  });
});

/** How many readings are told apart by user, device and moment. */
function distinct(readings: readonly OracleReading[]): number {
  return new Set(readings.map(({ userId, deviceId, timestampMs }) => `${userId} ${deviceId} ${timestampMs}`)).size;
}

/** Rule 1, in the order of the files. */
function expectedRows(readings: readonly OracleReading[]) {
  const rows = ['strap', 'watch'].flatMap((deviceId) =>
    oracleAnswer(readings, { ...QUESTION, deviceId, intervalMs: 1 }).map(({ timestamp, heartRate }) => {
      return { deviceId, timestampMs: Date.parse(timestamp), heartRate };
    }),
  );
  return rows;
}
