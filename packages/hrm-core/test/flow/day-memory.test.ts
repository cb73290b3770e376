/** What is remembered of a day: as long as nothing has changed, and never longer. */
import * as nodeFileSystem from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, query, queryTag, type Reading, type Storage, writePart } from '../../src/index.js';
import { oracleAnswer } from '../property/oracle.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY_MS = 86_400_000;
const DAY = { userId: 'ana', start: START_MS, end: START_MS + DAY_MS };
const PARTITION = { date: '20240115', directory: 'ana' };

function reading(userId: string, minute: number, over: Partial<Reading> = {}): Reading {
  const timestampMs = START_MS + minute * 60_000;
  return { userId, deviceId: 'watch', timestampMs, heartRate: 70, receivedMs: START_MS, ...over };
}

/** Tells every state at once, by counting what changes it: a change under way has no state. */
function countingStorage(storage: Storage) {
  let changes = 0;
  let underWay = 0;
  let told = 0;
  async function count<T>(call: () => Promise<T>): Promise<T> {
    underWay += 1;
    try {
      return await call();
    } finally {
      changes += 1;
      underWay -= 1;
    }
  }
  const counting: Storage = {
    ...storage,
    publish: (...args) => count(() => storage.publish(...args)),
    replace: (...args) => count(() => storage.replace(...args)),
    remove: (...args) => count(() => storage.remove(...args)),
    quarantine: (...args) => count(() => storage.quarantine(...args)),
    async state() {
      told += 1;
      return underWay > 0 ? null : `${changes}`;
    },
  };
  return { storage: counting, told: () => told };
}

it('gives the answers of the oracle, and a tag for each, whatever is written, merged and split between and meanwhile', async () => {
  const random = randomFrom(testSeed());
  const pick = (count: number) => Math.floor(random() * count);
  await withDirectory(async (directory) => {
    const real = await openDirectoryStorage({ directory });
    const { storage, told } = countingStorage(real);
    const stored: Reading[] = [];
    const answers = new Map<string, string>();
    let nowMs = START_MS + 1;
    function write(): Promise<unknown> {
      const hers = Array.from({ length: pick(4) }, () =>
        reading('ana', pick(3 * 1_440), { heartRate: 60 + pick(60), receivedMs: START_MS + pick(5) * 60_000 }),
      );
      const others = pick(2) === 0 ? Array.from({ length: 40 }, (_, u) => reading(`am${u}`, pick(1_440))) : [];
      if (hers.length + others.length === 0) return Promise.resolve();
      return writePart({ storage }, [...hers, ...others]).then(() => stored.push(...hers));
    }
    function change(): Promise<unknown> {
      if (pick(3) > 0) return write();
      nowMs += pick(DAY_MS / 4);
      return compact({ storage, clock: { nowMs: () => nowMs } }, { sweepAfterMs: 0 });
    }
    async function ask(): Promise<void> {
      const [from, to] = [pick(3 * 1_440), pick(3 * 1_440)].sort((a, b) => a - b) as [number, number];
      const isCut = pick(4) === 0;
      const [fromMs, toMs] = [START_MS + from * 60_000, START_MS + to * 60_000 + (isCut ? 1_500 : 0)];
      const expected = oracleAnswer(stored, { userId: 'ana', fromMs, toMs, intervalMs: 60_000, priority: {} });
      expect(await query({ storage }, { userId: 'ana', start: fromMs, end: toMs })).toEqual(expected);
    }
    for (let step = 0; step < 60; step += 1) {
      await change();
      for (let asked = 0; asked < 3; asked += 1) await ask();
      const tag = await queryTag({ storage }, DAY);
      const answer = JSON.stringify(await query({ storage }, DAY));
      expect(await queryTag({ storage }, DAY)).toBe(tag);
      expect(answers.get(tag) ?? answer).toBe(answer);
      answers.set(tag, answer);
      // Of a day that changes while it is looked into, nothing is remembered that no longer holds.
      await Promise.all([change(), query({ storage }, DAY), queryTag({ storage }, DAY)]);
    }
    expect(answers.size).toBeGreaterThan(5);
    expect(told()).toBeGreaterThan(100);
    await real.close();
  });
});

/** Waits until a day is old enough to be remembered. */
async function settle(storage: Storage): Promise<void> {
  while ((await storage.state([PARTITION])) === null) await sleep(50);
}

/** What the file system is asked, by the names of its calls. */
function countingFileSystem() {
  const calls: string[] = [];
  const fileSystem = new Proxy(
    { ...nodeFileSystem },
    {
      get(target, name) {
        calls.push(String(name));
        return Reflect.get(target, name) as unknown;
      },
    },
  ) as DirectoryFileSystem;
  return { calls, fileSystem };
}

it('asks nothing of the file system but whether the day has changed', async () => {
  await withDirectory(async (directory) => {
    const { calls, fileSystem } = countingFileSystem();
    const storage = await openDirectoryStorage({ directory, fileSystem });
    await writePart({ storage }, [reading('ana', 1), reading('ana', 2)]);
    await settle(storage);
    const [tag, rows] = [await queryTag({ storage }, DAY), await query({ storage }, DAY)];
    calls.length = 0;
    expect(await queryTag({ storage }, DAY)).toBe(tag);
    // The shared partition, the user's own, and its compacted file.
    expect(calls).toEqual(['lstatSync', 'lstatSync', 'lstatSync']);
    calls.length = 0;
    expect(await query({ storage }, DAY)).toEqual(rows);
    expect(calls).toEqual(['lstatSync', 'lstatSync', 'lstatSync']);
    // A reading that another process stores is in the next answer.
    const other = await openDirectoryStorage({ directory });
    await writePart({ storage: other }, [reading('ana', 3)]);
    expect(await queryTag({ storage }, DAY)).not.toBe(tag);
    expect(await query({ storage }, DAY)).toHaveLength(3);
    await other.close();
    await storage.close();
  });
});

it.each(['compacted.parquet', 'part-theirs.parquet'])(
  'sees at once that somebody has written over %s',
  async (name) => {
    await withDirectory(async (directory) => {
      const storage = await openDirectoryStorage({ directory: join(directory, 'data') });
      const copy = await openDirectoryStorage({ directory: join(directory, 'copy') });
      const file = (of: string, named = 'compacted.parquet') => join(directory, of, '20240115/ana', named);
      for (const [of, minutes] of [
        [storage, 1],
        [copy, 2],
      ] as const) {
        await writePart(
          { storage: of },
          Array.from({ length: minutes }, (_, minute) => reading('ana', minute)),
        );
        for (let run = 0; run < 2; run += 1) await compact({ storage: of }, { all: true, sweepAfterMs: 0 });
      }
      if (name !== 'compacted.parquet') await copyFile(file('data'), file('data', name));
      await settle(storage);
      const tag = await queryTag({ storage }, DAY);
      expect(await query({ storage }, DAY)).toHaveLength(1);
      await copyFile(file('copy'), file('data', name));
      expect(await queryTag({ storage }, DAY)).not.toBe(tag);
      expect(await query({ storage }, DAY)).toHaveLength(2);
      await storage.close();
      await copy.close();
    });
  },
);

it('passes over what stands in the place of a date', async () => {
  await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    await writePart({ storage }, [reading('ana', 1)]);
    await writeFile(join(directory, '20240116'), '');
    expect(await query({ storage }, { ...DAY, end: START_MS + 2 * DAY_MS })).toHaveLength(1);
    await storage.close();
  });
});
