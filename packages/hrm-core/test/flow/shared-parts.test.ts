/** Parts of many users: written, asked, merged and split. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compact, HrmError, query, type Storage, verify, writePart } from '../../src/index.js';
import { type OracleReading, oracleAnswer } from '../property/oracle.js';
import { flipAt } from '../support/damaged-files.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const DATE = '20240115';

/** `count` readings of each user, the b-th batch of them. */
function batch(users: number, count: number, b = 0): OracleReading[] {
  return Array.from({ length: users * count }, (_, i) => ({
    userId: `user ${i % users}`,
    deviceId: i % 2 === 0 ? 'strap' : 'watch',
    timestampMs: START_MS + (b * count + Math.floor(i / users)) * 20_000,
    heartRate: 60 + ((i * 7 + b) % 90),
    receivedMs: START_MS + b * 60_000,
  }));
}

interface System {
  storage: Storage;
  data: string;
  clock: { now: number; nowMs: () => number };
  stored: OracleReading[];
  write(readings: OracleReading[]): Promise<readonly string[]>;
  ask(users: number): Promise<void>;
  files(directory: string): Promise<string[]>;
}

async function withSystem(use: (system: System) => Promise<void>): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openPromptStorage({ directory: data });
    const clock = { now: START_MS + DAY_MS / 2, nowMs: () => clock.now };
    const stored: OracleReading[] = [];
    try {
      await use({
        storage,
        data,
        clock,
        stored,
        async write(readings) {
          stored.push(...readings);
          const parts = await writePart({ storage }, readings);
          return parts.map(({ partition }) => partition.directory);
        },
        async ask(users) {
          for (let u = 0; u < users; u += 1) {
            const range = { userId: `user ${u}`, fromMs: START_MS, toMs: START_MS + DAY_MS };
            const rows = await query({ storage }, { userId: range.userId, start: range.fromMs, end: range.toMs });
            const own = stored.filter(({ userId }) => userId === range.userId);
            expect(rows).toEqual(oracleAnswer(own, { ...range, intervalMs: 60_000, priority: {} }));
          }
        },
        files: (directory) => readdir(path.join(data, DATE, directory)).catch(() => []),
      });
    } finally {
      await storage.close();
    }
  });
}

describe('a batch', () => {
  it('of up to 32 users of a day makes a part for each, of more one for all', async () => {
    await withSystem(async ({ write, ask }) => {
      expect(new Set(await write(batch(32, 3)))).toEqual(new Set(Array.from({ length: 32 }, (_, u) => `user%20${u}`)));
      expect(await write(batch(33, 3, 1))).toEqual(['_shared']);
      await ask(34);
    });
  });

  it('leaves those who have a thousand readings a part of their own', async () => {
    await withSystem(async ({ write, ask, files }) => {
      const heavy = batch(1, 1_000).map((reading) => ({ ...reading, userId: 'user 77' }));
      expect([...(await write([...batch(40, 2), ...heavy]))].sort()).toEqual(['_shared', 'user%2077']);
      expect(await files('_shared')).toHaveLength(1);
      await ask(41);
    });
  });
});

describe('a question', () => {
  it('reads one row group of a shared part, and that once', async () => {
    await withSystem(async ({ storage, write }) => {
      await write(batch(5_000, 4));
      let [reads, bytes] = [0, 0];
      const counting: Storage = {
        ...storage,
        async snapshot(...args) {
          const snapshot = await storage.snapshot(...args);
          const files = snapshot.files.map((file) => ({
            ...file,
            read(from: number, to: number) {
              reads += 1;
              bytes += to - from;
              return file.read(from, to);
            },
          }));
          return { ...snapshot, files };
        },
      };
      const question = { userId: 'user 1234', start: START_MS, end: START_MS + DAY_MS };
      expect(await query({ storage: counting }, question)).toHaveLength(2);
      expect(reads).toBeLessThanOrEqual(3);
      expect(bytes).toBeLessThan(80_000);
      const before = reads;
      expect(await query({ storage: counting }, question)).toHaveLength(2);
      expect(reads).toBe(before);
      // Of another user the end of the file is known.
      expect(await query({ storage: counting }, { ...question, userId: 'user 1235' })).toHaveLength(2);
      expect(reads).toBeLessThanOrEqual(before + 1);
      expect(await query({ storage: counting }, { ...question, userId: 'nobody' })).toEqual([]);
    });
  });
});

describe('shared parts', () => {
  it('are merged by sixteen while their day lasts, and the small ones go after their grace', async () => {
    await withSystem(async ({ storage, clock, write, ask, files }) => {
      for (let b = 0; b < 16; b += 1) await write(batch(40, 2, b));
      expect(await files('_shared')).toHaveLength(16);
      const before = await compact({ storage, clock });
      expect(before).toMatchObject({ compacted: 0, merged: 16, readings: 16 * 80, swept: 0, failures: [] });
      expect(await files('_shared')).toHaveLength(17);
      await ask(41);
      expect(await compact({ storage, clock }, { sweepAfterMs: 0 })).toMatchObject({ merged: 0, swept: 16 });
      expect(await files('_shared')).toHaveLength(1);
      await ask(41);
      expect(await files('user%200')).toEqual([]);
    });
  });

  it('are split when they hold enough of a user, as parts where the compacted file is far larger', async () => {
    await withSystem(async ({ storage, clock, write, ask, files }) => {
      const heavy = Array.from({ length: 3_000 }, (_, i) => ({ ...batch(1, 1)[0], timestampMs: START_MS + i * 9 }));
      await write(heavy as OracleReading[]);
      await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
      await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
      expect(await files('user%200')).toEqual(['compacted.parquet']);
      await write(batch(40, 260));
      expect(await compact({ storage, clock })).toMatchObject({ compacted: 0, readings: 40 * 260, failures: [] });
      expect(await files('user%200')).toEqual(['compacted.parquet', expect.stringContaining('part-')]);
      expect(await files('user%2039')).toEqual([expect.stringContaining('part-')]);
      expect(await files('_shared')).toHaveLength(1);
      await ask(41);
      await compact({ storage, clock }, { sweepAfterMs: 0 });
      expect(await files('_shared')).toEqual([]);
      await ask(41);
    });
  });

  it('are split when their day is over and nothing more has come for long', async () => {
    await withSystem(async ({ storage, clock, write, ask, files }) => {
      await write(batch(50, 3));
      clock.now += DAY_MS;
      expect(await compact({ storage, clock })).toMatchObject({ compacted: 0, merged: 0, waiting: 1 });
      const quiet = { quietAfterMs: 0 };
      expect(await compact({ storage, clock }, quiet)).toMatchObject({ compacted: 50, readings: 150, waiting: 0 });
      await ask(51);
      // Asked again before they are gone: nothing is brought twice.
      expect(await compact({ storage, clock }, quiet)).toMatchObject({ compacted: 0, swept: 0, readings: 0 });
      expect(await compact({ storage, clock }, { ...quiet, sweepAfterMs: 0 })).toMatchObject({
        compacted: 0,
        swept: 1,
      });
      expect(await files('_shared')).toEqual([]);
      await ask(51);
      await compact({ storage, clock });
      expect(await compact({ storage, clock })).toMatchObject({ partitions: 0 });
    });
  });

  it('give a sign of life for each user on the way: they are one partition, however many users there are', async () => {
    await withSystem(async ({ storage, write }) => {
      await write(batch(50, 3));
      let [signs, partitions] = [0, 0];
      const options = { onAlive: () => (signs += 1), onProgress: () => (partitions += 1) };
      await compact({ storage }, { all: true, sweepAfterMs: 0 }, options);
      expect([signs, partitions]).toEqual([50, 1]);
      // Proving them before the shared part goes takes as long.
      await compact({ storage }, { quietAfterMs: 0, sweepAfterMs: 0 }, options);
      expect(signs).toBe(100);
    });
  });

  it('of a date are split when one user who may be in them is compacted, and are verified for one', async () => {
    await withSystem(async ({ storage, data, clock, write, ask, files }) => {
      await write(batch(50, 3));
      expect(await verify({ storage }, { userId: 'user 7' })).toMatchObject({ files: 1, readings: 150, faultCount: 0 });
      expect(await verify({ storage }, { userId: 'zoe' })).toMatchObject({ files: 0, partitions: 0 });
      const [name = ''] = await files('_shared');
      const part = path.join(data, DATE, '_shared', name);
      const whole = await readFile(part);
      await flipAt(-6)(part);
      expect((await verify({ storage }, { userId: 'zoe' })).faults).toMatchObject([{ code: 'file_damaged' }]);
      await writeFile(part, whole);
      expect(await compact({ storage, clock }, { userId: 'zoe', all: true })).toMatchObject({ partitions: 0 });
      expect(await compact({ storage, clock }, { userId: 'user 7', all: true })).toMatchObject({ compacted: 50 });
      expect(await files('user%207')).toEqual(['compacted.parquet']);
      await ask(51);
    });
  });

  it('that were split are written again by a redelivery, and change nothing', async () => {
    await withSystem(async ({ storage, clock, write, ask, files }) => {
      await write(batch(40, 2));
      const [name] = await files('_shared');
      await compact({ storage, clock }, { all: true });
      await writePart({ storage }, batch(40, 2));
      expect(await files('_shared')).toEqual([name]);
      await ask(40);
      await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
      await writePart({ storage }, batch(40, 2));
      await ask(40);
      for (let run = 0; run < 3; run += 1) await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
      expect(await files('_shared')).toEqual([]);
      for (let u = 0; u < 40; u += 1) expect(await files(`user%20${u}`)).toEqual(['compacted.parquet']);
      await ask(40);
    });
  });

  it('lose nothing when splitting them stops at any user, and the next run goes on from there', async () => {
    const broken = new HrmError('the disk fell off', { kind: 'unavailable', code: 'storage_full' });
    for (let at = 1; at <= 36; at += 7) {
      await withSystem(async ({ storage, clock, write, ask, files }) => {
        await write(batch(35, 2));
        let calls = 0;
        const failing: Storage = {
          ...storage,
          async replace(replacement) {
            calls += 1;
            if (calls >= at) throw broken;
            return storage.replace(replacement);
          },
        };
        const outcome = await compact({ storage: failing, clock }, { all: true, sweepAfterMs: 0 }).catch(
          () => 'failed',
        );
        expect(outcome === 'failed').toBe(at <= 35);
        await ask(35);
        expect(await files('_shared')).toHaveLength(1);
        for (let run = 0; run < 3; run += 1) {
          await compact({ storage, clock }, { all: true, sweepAfterMs: 0 });
          await ask(35);
        }
        expect(await files('_shared')).toEqual([]);
        for (let u = 0; u < 35; u += 1) expect(await files(`user%20${u}`)).toEqual(['compacted.parquet']);
      });
    }
  });
});
