/** What a query opens and reads, counted in the file system's calls. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type QuestionInput, query, type Reading, type Storage, writePart } from '../../src/index.js';
import { openBytes } from '../../src/parquet/decode.js';
import { oracleAnswer } from '../property/oracle.js';
import { openPromptStorage, promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom } from '../support/random.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);
const DAYS = 3;
const STEP_MS = 5_000;

/** Two devices at the same milliseconds, and a third at others, for some hours a day. */
const READINGS: Reading[] = Array.from({ length: (DAYS * DAY_MS) / STEP_MS }, (_, i) => i).flatMap((i) => {
  const timestampMs = START_MS + i * STEP_MS;
  const one = (deviceId: string, heartRate: number) => {
    return { userId: 'ana', deviceId, timestampMs, heartRate, receivedMs: timestampMs };
  };
  const pair = [one('strap', 60 + (i % 50)), one('watch', 70 + (i % 61))];
  return i % 17_280 < 2_000 ? [...pair, { ...one('ring', 50 + (i % 7)), timestampMs: timestampMs + 1 }] : pair;
});

/** The file system, of which opened files and what is read of them are counted. */
function countingFileSystem() {
  const counts = { opens: 0, reads: 0, bytes: 0 };
  const fileSystem: DirectoryFileSystem = {
    ...promptFileSystem,
    openSync(file: string, flags: number) {
      if (file.endsWith('.parquet')) counts.opens += 1;
      return promptFileSystem.openSync(file, flags);
    },
    read(fd, to, offset, length, position, callback) {
      promptFileSystem.read(fd, to, offset, length, position, (error, bytes) => {
        counts.reads += 1;
        counts.bytes += bytes;
        callback(error, bytes);
      });
    },
  };
  return { counts, fileSystem };
}

async function openCounting(directory: string) {
  const { counts, fileSystem } = countingFileSystem();
  const storage = await openDirectoryStorage({ directory, fileSystem });
  onTestFinished(() => storage.close());
  async function ask(question: Partial<QuestionInput> = {}) {
    Object.assign(counts, { opens: 0, reads: 0, bytes: 0 });
    const asked = { userId: 'ana', start: START_MS, end: START_MS + DAY_MS, ...question };
    const rows = await query({ storage }, asked);
    const range = { fromMs: Number(asked.start), toMs: Number(asked.end), intervalMs: intervalOf(asked) };
    const { priority = {}, resolve } = asked;
    expect(rows).toEqual(oracleAnswer(known, { ...asked, ...range, priority, resolve }));
    return { ...counts };
  }
  return { storage, ask };
}

function intervalOf({ interval = '1m' }: Partial<QuestionInput>): number {
  return { '1m': 60_000, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '1d': DAY_MS, '1w': 0, '1mo': 0 }[interval];
}

let directory: string;
let fileBytes: number;
let known: readonly Reading[] = READINGS;

async function compacted(storage: Storage): Promise<void> {
  for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
}

const directories: string[] = [];

async function temporaryDirectory(): Promise<string> {
  const made = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-reads-'));
  directories.push(made);
  return made;
}

afterAll(async () => {
  for (const made of directories) await rm(made, { recursive: true });
});

beforeAll(async () => {
  directory = await temporaryDirectory();
  const storage = await openPromptStorage({ directory });
  await writePart({ storage }, READINGS);
  await compacted(storage);
  await storage.close();
  fileBytes = (await stat(path.join(directory, '20240115/ana/compacted.parquet'))).size;
  // What is remembered of files must be a second old, of days three.
  await sleep(3_100);
});

describe('a day of very many readings without a rollup', () => {
  it('is answered in pieces, whatever the interval, and where the range cuts', async () => {
    const data = await temporaryDirectory();
    const storage = await openPromptStorage({ directory: data });
    onTestFinished(() => storage.close());
    const readings = Array.from({ length: 240_000 }, (_, i): Reading => {
      const timestampMs = START_MS + Math.floor(i / 3) * 1_000;
      const deviceId = ['ring', 'strap', 'watch'][i % 3] as string;
      return { userId: 'ana', deviceId, timestampMs, heartRate: 50 + (i % 101), receivedMs: START_MS };
    });
    await writePart({ storage }, readings);
    for (const interval of ['1m', '15m', '1d'] as const) {
      for (const deviceId of [undefined, 'watch']) {
        const [start, end] = [START_MS + 1_234_567, START_MS + DAY_MS - 7_654_321];
        const question = { userId: 'ana', deviceId, fromMs: start, toMs: end, intervalMs: intervalOf({ interval }) };
        const rows = await query(
          { storage },
          { userId: 'ana', deviceId, start, end, interval, priority: { watch: 1 } },
        );
        expect(rows).toEqual(oracleAnswer(readings, { ...question, priority: { watch: 1 } }));
      }
    }
  });
});

describe('a day of which more has to be read than is held at once', () => {
  it('is answered once, wherever it is in a question of many days', async () => {
    const data = await temporaryDirectory();
    const storage = await openPromptStorage({ directory: data });
    onTestFinished(() => storage.close());
    const one = (deviceId: string, timestampMs: number, heartRate: number): Reading => {
      return { userId: 'ana', deviceId, timestampMs, heartRate, receivedMs: START_MS };
    };
    const minutes = Array.from({ length: 1_440 }, (_, i) => START_MS + i * 60_000);
    const stored = minutes.flatMap((ms, i) => [one('strap', ms, 50 + (i % 100)), one('watch', ms + 30_000, 60)]);
    await writePart({ storage }, stored);
    await compacted(storage);
    // What came late lies in minutes that the rollup has: those are read, the others are not.
    const late = minutes.slice(240).map((ms) => one('late', ms + 500, 90));
    await writePart({ storage }, late);
    const readings = [...stored, ...late];
    for (const interval of ['1m', '1h', '1d'] as const) {
      const whole = { userId: 'ana', intervalMs: intervalOf({ interval }), priority: {} };
      const expected = oracleAnswer(readings, { ...whole, fromMs: START_MS, toMs: START_MS + DAY_MS });
      for (const days of [2, 3, 7, 30]) {
        for (let at = 0; at < days; at += 1) {
          const start = START_MS - at * DAY_MS;
          const question = { userId: 'ana', start, end: start + days * DAY_MS, interval };
          const rows = await query({ storage }, question, { maxHeldReadings: 500 });
          expect(rows, `${interval}, day ${at} of ${days}`).toEqual(expected);
        }
      }
    }
  });
});

describe('a compacted day', () => {
  it('is one open and one read of the end of its file, and of nothing when asked again', async () => {
    const { ask } = await openCounting(directory);
    const first = await ask();
    expect(first).toMatchObject({ opens: 1, reads: 1 });
    expect(first.bytes).toBeLessThanOrEqual(32 * 1024);
    expect(await ask()).toEqual({ opens: 0, reads: 0, bytes: 0 });
    for (const interval of ['5m', '15m', '1h', '1d'] as const) expect((await ask({ interval })).reads).toBe(0);
    expect((await ask({ deviceId: 'ring' })).reads).toBe(0);
    expect((await ask({ deviceId: 'nobody' })).reads).toBe(0);
  });

  it('costs one read a day of a longer range', async () => {
    const { ask } = await openCounting(directory);
    const range = { end: START_MS + DAYS * DAY_MS, interval: '1h' } as const;
    expect(await ask(range)).toMatchObject({ opens: DAYS, reads: DAYS });
    expect(await ask(range)).toMatchObject({ opens: 0, reads: 0 });
  });

  it('is read where the range cuts a minute, of the device asked for only, and once', async () => {
    const { ask } = await openCounting(directory);
    await ask();
    const cut = { start: START_MS + 36_000_001, end: START_MS + 39_600_000, deviceId: 'watch' };
    const { reads, bytes } = await ask(cut);
    expect(reads).toBe(1);
    expect(bytes).toBeGreaterThan(0);
    // Of three devices' one, in a file that is half readings.
    expect(bytes).toBeLessThan(0.6 * fileBytes);
    expect((await ask(cut)).reads).toBe(0);
    expect((await ask({ ...cut, start: START_MS + 36_000_000 })).reads).toBe(0);
  });

  it('is read where priorities have changed, in the minutes where devices disagree', async () => {
    const { ask } = await openCounting(directory);
    await ask();
    const { reads, bytes } = await ask({ priority: { watch: 1 } });
    expect(reads).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(fileBytes);
    expect((await ask({ priority: { watch: 1 }, deviceId: 'strap' })).reads).toBe(0);
    // Whole minutes of one device are in the rollup, whatever the order.
    expect((await ask({ priority: { watch: 1 }, resolve: 'device' })).reads).toBe(0);
    expect((await ask({ priority: { ring: 1 }, resolve: 'device', interval: '1h' })).reads).toBe(0);
    // The same order of these devices, by other ranks.
    expect((await ask({ priority: { ring: 1, strap: 7, nobody: 3 } })).reads).toBe(0);
  });
});

describe('a compacted day of more devices than a word has bits', () => {
  const random = randomFrom(7);
  /** Of 40 devices each at milliseconds of its own, in the first of four hours two pairs at the same; more than is kept of a small file. */
  const readings = Array.from({ length: 40 * 2_000 }, (_, i) => ({ d: i % 40, at: Math.floor(i / 40) })).map(
    ({ d, at }): Reading => {
      const paired = at < 500 && d < 4 ? d - (d % 2) : d;
      const timestampMs = START_MS + at * 7_200 + paired;
      return {
        userId: 'ana',
        deviceId: `d${d}`,
        timestampMs,
        heartRate: 50 + Math.floor(170 * random()),
        receivedMs: 0,
      };
    },
  );
  const conflictEnd = START_MS + 3_600_000;

  it('answers its minutes without a reading, and reads where priorities have changed only minutes of conflicts', async () => {
    const own = await temporaryDirectory();
    onTestFinished(() => {
      known = READINGS;
    });
    known = readings;
    const storage = await openPromptStorage({ directory: own });
    for (let from = 0; from < readings.length; from += 50_000) {
      await writePart({ storage }, readings.slice(from, from + 50_000));
    }
    await compacted(storage);
    await storage.close();
    await sleep(1_100);
    const { ask } = await openCounting(own);
    const first = await ask();
    expect(first.opens).toBe(1);
    const bytesOfFile = await readFile(path.join(own, '20240115/ana/compacted.parquet'));
    const { bodyEnd } = (await openBytes(new Uint8Array(bytesOfFile))).opened.footer;
    // The end of the file, which says how long its footer is; then all of the footer and the rollup, and no row group.
    expect(first.bytes).toBeLessThanOrEqual(32 * 1024 + bytesOfFile.length - bodyEnd);
    expect((await ask({ interval: '1h' })).reads).toBe(0);
    expect((await ask({ deviceId: 'd39' })).reads).toBe(0);
    expect((await ask({ start: conflictEnd, priority: { d3: 1 } })).reads).toBe(0);
    const { reads, bytes } = await ask({ priority: { d3: 1 } });
    expect(reads).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(bytesOfFile.length);
    expect((await ask({ priority: { d0: 1, d1: 2 } })).reads).toBe(0);
  });
});

it('never answers from a rollup what came later, and reads little more for it', async () => {
  const own = await temporaryDirectory();
  const { storage, ask } = await openCounting(own);
  const [early, late] = [READINGS.slice(0, 20_000), READINGS.slice(20_000, 20_010)];
  onTestFinished(() => {
    known = READINGS;
  });
  known = early;
  await writePart({ storage }, early);
  await compacted(storage);
  await sleep(1_100);
  await ask();
  known = [...early, ...late];
  await writePart({ storage }, late);
  const after = await ask();
  // The part, and the row groups that have readings of the same minute.
  expect(after).toMatchObject({ opens: 2 });
  expect(after.reads).toBeGreaterThan(0);
  expect(await ask()).toEqual({ opens: 1, reads: 0, bytes: 0 });
  // A correction of what is in the rollup: the same key, received later.
  const correction = { ...(early[0] as Reading), heartRate: 200, receivedMs: START_MS + DAY_MS };
  known = [...early, ...late, correction];
  await writePart({ storage }, [correction]);
  await ask();
  await compacted(storage);
  await ask();
});

it('answers about files without rollups, of this software’s earlier versions too', async () => {
  const own = await temporaryDirectory();
  const { storage, ask } = await openCounting(own);
  known = READINGS.slice(0, 30_000);
  onTestFinished(() => {
    known = READINGS;
  });
  await writePart({ storage }, known);
  for (const name of await readdir(path.join(own, '20240115/ana'))) {
    const file = path.join(own, '20240115/ana', name);
    await writeFile(file, asEarlier(await readFile(file)));
  }
  await ask();
  await ask({ deviceId: 'strap', start: START_MS + 1, interval: '5m' });
  await compacted(storage);
  await ask();
});

/** The checksum of the whole file in the place where the footer's own stands now. */
function asEarlier(bytes: Buffer): Buffer {
  const earlier = Buffer.from(bytes);
  const [keyAt, digestAt] = [bytes.length - 113, bytes.length - 101];
  expect(bytes.toString('latin1', keyAt, keyAt + 10)).toBe('hrm.footer');
  earlier.write('hrm.sha256', keyAt, 'latin1');
  earlier.write('0'.repeat(64), digestAt, 'latin1');
  const checksum = createHash('sha256').update(earlier).digest('hex');
  earlier.write(checksum, digestAt, 'latin1');
  return earlier;
}

it('opens everything again where what it knew was forgotten meanwhile', async () => {
  const data = await temporaryDirectory();
  const storage = await openPromptStorage({ directory: data });
  onTestFinished(() => storage.close());
  const some = READINGS.slice(0, 600);
  for (let from = 0; from < some.length; from += 200) await writePart({ storage }, some.slice(from, from + 200));
  let forgotten = 0;
  const forgetful: Storage = {
    ...storage,
    snapshot(partition, options) {
      if (options?.isKnown === undefined) return storage.snapshot(partition, options);
      forgotten += 1;
      return storage.snapshot(partition, { ...options, isKnown: () => true });
    },
  };
  const question = { userId: 'ana', fromMs: START_MS, toMs: START_MS + DAY_MS, intervalMs: 60_000, priority: {} };
  const rows = await query({ storage: forgetful }, { userId: 'ana', start: START_MS, end: START_MS + DAY_MS });
  expect(rows).toEqual(oracleAnswer(some, question));
  // Once of the shared partition, once of the user's.
  expect(forgotten).toBe(2);
});

it('lets others work while it looks for a user through dates that have none', async () => {
  const data = await temporaryDirectory();
  const dates = Array.from({ length: 100 }, (_, i) => new Date(START_MS + i * DAY_MS).toISOString().slice(0, 10));
  for (const date of dates) await mkdir(path.join(data, date.replaceAll('-', '')));
  let looks = 0;
  // A look takes a millisecond, whatever the machine.
  const lstatSync = ((file: string, options: { bigint: true }) => {
    looks += 1;
    const untilMs = performance.now() + 1;
    while (performance.now() < untilMs);
    return promptFileSystem.lstatSync(file, options);
  }) as DirectoryFileSystem['lstatSync'];
  const storage = await openDirectoryStorage({ directory: data, fileSystem: { ...promptFileSystem, lstatSync } });
  onTestFinished(() => storage.close());
  const [before, question] = [looks, { userId: 'nobody', start: START_MS, end: START_MS + 100 * DAY_MS }];
  let isDone = false;
  const asked = query({ storage }, question).finally(() => {
    isDone = true;
  });
  let turns = 0;
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  expect(await asked).toEqual([]);
  expect(looks - before).toBeGreaterThanOrEqual(200);
  // 200 ms of looking, in pieces of 5 ms or of one date.
  expect(turns).toBeGreaterThan(20);
});
