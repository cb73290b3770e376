/** What a question about a user's whole history looks at grows with the user's own days, and none of them is ever missed. */
import * as nodeFileSystem from 'node:fs';
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDateMemory } from '../../src/drivers/storage/directory/dates/memory.js';
import { stampMonth } from '../../src/drivers/storage/directory/dates/stamps.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { realFileSystem } from '../../src/drivers/storage/directory/files.js';
import { compact, devices, latest, measureStorage, type Storage, writePart } from '../../src/index.js';
import { openPromptStorage, promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
import { watchedFileSystem } from '../support/watched-file-system.js';

const DAY_MS = 86_400_000;
const DATES = 2_000;
const dateOf = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
const readingOf = (userId: string, day: number) => {
  return { userId, deviceId: 'watch', timestampMs: day * DAY_MS + 1_000, heartRate: 60, receivedMs: 0 };
};

let ages = 0;

/** As if nothing had happened in it for an hour; never twice the same time. */
function age(path: string): void {
  ages += 1;
  const longAgo = new Date(Date.now() - 3_600_000 - ages * 1_000);
  utimesSync(path, longAgo, longAgo);
}

/** As if nobody had written for an hour: what is as young as what follows is not remembered. */
function ageStore(data: string): void {
  for (const name of readdirSync(data)) if (/^\d+$/.test(name)) age(join(data, name));
  const stamps = join(data, '.dates');
  for (const name of readdirSync(stamps)) age(join(stamps, name));
  for (const path of [stamps, data]) age(path);
}

/** A store with a reading of bob on each of very many dates, and of ana on three. */
async function makeStore(data: string): Promise<void> {
  for (let day = 0; day < DATES; day += 1) mkdirSync(join(data, dateOf(day), 'bob'), { recursive: true });
  const storage = await openPromptStorage({ directory: data });
  for (const day of [10, 700, 1_500]) await writePart({ storage }, [readingOf('ana', day)]);
  await storage.close();
  ageStore(data);
}

/** A handle that counts its calls of the file system. */
async function openCounted(directory: string) {
  const counted = { calls: 0 };
  const fileSystem = watchedFileSystem(
    {
      before() {
        counted.calls += 1;
        return null;
      },
    },
    promptFileSystem,
  );
  const storage = await openDirectoryStorage({ directory, readOnly: true, fileSystem });
  async function callsOf(work: () => Promise<unknown>): Promise<number> {
    counted.calls = 0;
    await work();
    return counted.calls;
  }
  return { storage, callsOf };
}

async function daysOf(storage: Storage, directory: string): Promise<string[]> {
  const dates: string[] = [];
  for await (const { date } of storage.partitions({ directories: ['_shared', directory] })) dates.push(date);
  return dates;
}

describe('a question about all days of a user', () => {
  it('looks at the user’s own, whoever asks, once the dates are known', () =>
    withDirectory(async (data) => {
      await makeStore(data);
      const { storage, callsOf } = await openCounted(data);
      for (const userId of ['ana', 'nobody']) await latest({ storage }, { userId });
      const ana = { userId: 'ana' };
      expect((await latest({ storage }, ana)).latest?.timestamp).toContain('1974-02-09');
      expect(await devices({ storage }, ana)).toHaveLength(1);
      expect(await callsOf(() => latest({ storage }, ana))).toBeLessThan(80);
      expect(await callsOf(() => devices({ storage }, ana))).toBeLessThan(80);
      expect(await callsOf(() => measureStorage({ storage }, ana))).toBeLessThan(80);
      expect(await callsOf(() => latest({ storage }, { userId: 'nobody' }))).toBeLessThan(20);
      // Also who is asked about for the first time.
      expect(await callsOf(() => latest({ storage }, { userId: 'cy' }))).toBeLessThan(20);
      await storage.close();
    }, MEMORY_DIRECTORY));

  it('sees at once what another handle writes, of dates that are there and of new ones', () =>
    withDirectory(async (data) => {
      await makeStore(data);
      const { storage, callsOf } = await openCounted(data);
      const writer = await openPromptStorage({ directory: data });
      const days = new Set([10, 700, 1_500]);
      for (const day of [3, 1_999, 5_000, 11, 3]) {
        for (let i = 0; i < 3; i += 1) await daysOf(storage, 'ana');
        expect(await callsOf(() => daysOf(storage, 'ana'))).toBeLessThan(80);
        days.add(day);
        await writePart({ storage: writer }, [readingOf('ana', day)]);
        expect(await daysOf(storage, 'ana')).toEqual([...days].sort((a, b) => a - b).map(dateOf));
        ageStore(data);
      }
      // What is split out of shared parts is as new.
      const many = Array.from({ length: 40 }, (_, i) => readingOf(`u${i}`, 600));
      await writePart({ storage: writer }, many);
      expect(await daysOf(storage, 'ana')).toContain(dateOf(600));
      ageStore(data);
      for (let i = 0; i < 3; i += 1) expect(await daysOf(storage, 'u7')).toEqual([dateOf(600)]);
      await compact({ storage: writer }, { all: true, sweepAfterMs: 0 });
      expect((await latest({ storage }, { userId: 'u7' })).devices).toHaveLength(1);
      await writer.close();
      await storage.close();
    }, MEMORY_DIRECTORY));

  it('looks anew where the store was not there when it was asked', () =>
    withDirectory(async (parent) => {
      const [data, away] = [join(parent, 'data'), join(parent, 'away')];
      mkdirSync(data);
      await makeStore(data);
      const storage = await openDirectoryStorage({ directory: data, readOnly: true });
      await daysOf(storage, 'ana');
      nodeFileSystem.renameSync(data, away);
      for (let i = 0; i < 2; i += 1)
        await expect(daysOf(storage, 'ana')).rejects.toMatchObject({ kind: 'unavailable' });
      nodeFileSystem.renameSync(away, data);
      expect(await daysOf(storage, 'ana')).toHaveLength(3);
      await storage.close();
    }, MEMORY_DIRECTORY));
});

describe('a memory of dates', () => {
  const directories = ['_shared', 'Ana', 'bob', 'cy'];
  const all = Array.from({ length: 120 }, (_, i) => dateOf(i));
  const range = { fromDate: all[3] as string, toDate: all[110] as string };

  function memoryOf(data: string, options: { nowMs?: () => number; maxNames?: number | undefined } = {}) {
    const identity = { require: async () => undefined };
    return createDateMemory({ fileSystem: realFileSystem, directory: data, identity }, options);
  }

  it.each([
    ['few directories a date', 0, undefined],
    ['many directories a date', 500, undefined],
    ['no room for what is known', 0, 20],
  ])('skips no date, whatever comes and goes: %s', (_, others, maxNames) =>
    withDirectory(async (data) => {
      const random = randomFrom(testSeed());
      const memory = memoryOf(data, { maxNames });
      for (const date of all) mkdirSync(join(data, date));
      for (const date of all.slice(0, 40))
        for (let i = 0; i < others; i += 1) mkdirSync(join(data, date, `other-${i}`));
      for (const name of ['.dates', '.tmp']) mkdirSync(join(data, name));
      let skipped = 0;
      for (let step = 0; step < 600; step += 1) {
        const date = all[Math.floor(random() * all.length)] as string;
        const path = join(data, date, directories[Math.floor(random() * directories.length)] as string);
        if (step % 10 < 3) {
          mkdirSync(path, { recursive: true });
          await stampMonth(realFileSystem, data, date);
        } else if (step % 10 < 5) rmSync(path, { recursive: true, force: true });
        if (step % 10 === 6) ageStore(data);
        const wanted = directories.filter(() => random() < 0.5);
        const found = await memory.narrow(all, { ...range, directories: wanted }, async () => undefined);
        expect(found).toEqual([...found].sort());
        const there = all.slice(3, 111).filter((each) => wanted.some((name) => existsSync(join(data, each, name))));
        expect(there.filter((each) => !found.includes(each))).toEqual([]);
        if (found.length < there.length + 30) skipped += 1;
      }
      expect(skipped).toBeGreaterThan(200);
    }, MEMORY_DIRECTORY),
  );

  it('finds a directory that somebody made by hand after a minute, and in the newest month at once', () =>
    withDirectory(async (data) => {
      let nowMs = 0;
      const memory = memoryOf(data, { nowMs: () => nowMs });
      const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
      const dates = [...all, today];
      for (const date of dates) mkdirSync(join(data, date));
      mkdirSync(join(data, '.dates'));
      ageStore(data);
      const ask = () =>
        memory.narrow(dates, { fromDate: '', toDate: '99999999', directories: ['bob'] }, async () => undefined);
      for (let i = 0; i < 3; i += 1) expect(await ask()).toEqual([]);
      for (const date of [all[50] as string, today]) {
        mkdirSync(join(data, date, 'bob'));
        age(join(data, date));
      }
      nowMs = 59_000;
      expect(await ask()).toEqual([today]);
      nowMs = 61_000;
      expect(await ask()).toEqual([all[50], today]);
    }, MEMORY_DIRECTORY));

  it('takes names that differ by case for one, as some file systems do', () =>
    withDirectory(async (data) => {
      const memory = memoryOf(data);
      for (const date of all) mkdirSync(join(data, date, 'ANA'), { recursive: true });
      writeFileSync(join(data, all[0] as string, 'note.txt'), '');
      mkdirSync(join(data, '.dates'));
      ageStore(data);
      for (let i = 0; i < 3; i += 1) {
        const found = await memory.narrow(all, { ...range, directories: ['ana'] }, async () => undefined);
        if (i > 1) expect(found).toHaveLength(108);
      }
    }, MEMORY_DIRECTORY));
});
