/** Files of devices and exports into a queue, and what is answered then. */
import { getEventListeners } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { query } from '../../src/flow/read/query.js';
import { drainBatch } from '../../src/flow/write/drain-batch.js';
import { enqueue } from '../../src/flow/write/enqueue.js';
import {
  type FileResult,
  type ImportFilesOptions,
  importFiles,
  importFingerprint,
  inspectPaths,
  listFiles,
  openFinishedFiles,
} from '../../src/import/index.js';
import type { Queue } from '../../src/ports/queue.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { type FitMessage, fitSeconds, writeFit } from '../support/write-fit.js';

const T0 = Date.UTC(2024, 0, 15, 10);
const WATCH = 'garmin-3415-77';

let directory: string;
let queue: Queue & { close(): Promise<void> };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hrm-import-files-'));
  queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
});
afterEach(async () => {
  await queue.close();
  await rm(directory, { recursive: true });
});

/** A watch's file of a reading a second. */
function fit(rates: readonly number[], start = T0): Uint8Array {
  const fileId: FitMessage = {
    message: 0,
    fields: [
      [1, 2, 1],
      [2, 2, 3415],
      [3, 4, 77],
    ],
  };
  const records = rates.map(
    (rate, i): FitMessage => ({
      message: 20,
      fields: [
        [253, 4, fitSeconds(start) + i],
        [3, 1, rate],
      ],
    }),
  );
  return writeFit([fileId, ...records]);
}

async function put(files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(join(directory, name, '..'), { recursive: true });
    await writeFile(join(directory, name), bytes);
  }
}

async function importAll(paths: readonly string[], options: ImportFilesOptions = {}) {
  return await importFiles({ queue }, await listFiles(paths, directory), { cwd: directory, user: 'ana', ...options });
}

/** Stores what is queued, and tells the minute's row. */
async function answer(deviceId?: string) {
  const storage = await openDirectoryStorage({ directory: join(directory, 'data'), fileSystem: promptFileSystem });
  try {
    await drainBatch({ queue, storage }, {});
    const range = { userId: 'ana', start: T0, end: T0 + 60_000 };
    return await query({ storage }, deviceId === undefined ? range : { ...range, deviceId });
  } finally {
    await storage.close();
  }
}

describe('an import of files', () => {
  it('takes a directory of whatever is there, and one bad file stops no other', async () => {
    await put({
      'all/a.fit': fit([70, 72]),
      'all/b.bin.gz': gzipSync(fit([74, 0, 255], T0 + 2_000)),
      'all/cut.fit': fit([80, 81], T0 + 10_000).subarray(0, -8),
      'all/d/rows.csv': 'user_id,device_id,timestamp,heart_rate\nana,strap,2024-01-15T10:00:20Z,90\n',
      'all/photo.jpg': Uint8Array.of(0xff, 0xd8, 0xff, 0xe0),
      'all/naive.gpx': '<gpx><trkpt><time>2024-01-15T10:00:00</time><hr>72</hr></trkpt></gpx>',
      'all/.hidden/e.fit': fit([99]),
    });
    expect(await inspectPaths(['all'], { cwd: directory })).toMatchObject({ needFiles: true });
    const results = await importAll(['all']);
    expect(results.map(({ file, outcome, enqueued, error }) => [file, outcome, enqueued, error?.code])).toEqual([
      ['all/.hidden', 'not_read', 0, 'hidden'],
      ['all/a.fit', 'imported', 2, undefined],
      ['all/b.bin.gz', 'imported', 1, undefined],
      ['all/cut.fit', 'imported', 1, undefined],
      ['all/d/rows.csv', 'imported', 1, undefined],
      ['all/naive.gpx', 'failed', 0, 'time_zone_needed'],
      ['all/photo.jpg', 'unknown', 0, 'unknown_format'],
    ]);
    expect(results[2]?.account?.dropped).toEqual({ no_contact: 1, absent: 1 });
    expect(results[3]?.account?.damages).toHaveLength(1);
    expect(results[6]?.error?.message).toContain('(4 bytes, binary, begins with ff d8 ff e0)');
    const [row] = await answer();
    expect(row).toMatchObject({ heartRate: (70 + 72 + 74 + 80 + 90) / 5, count: 5, deviceIds: [WATCH, 'strap'] });
  });

  it('keeps what stands before damaged gzip', async () => {
    const bytes = gzipSync(fit(Array.from({ length: 5_000 }, (_, i) => 60 + (i % 90))), { level: 0 });
    await put({ 'a.fit.gz': bytes.subarray(0, bytes.length / 2) });
    const [result] = await importAll(['a.fit.gz']);
    expect(result).toMatchObject({ outcome: 'imported', account: { damageCount: expect.any(Number) } });
    expect(result?.enqueued).toBeGreaterThan(500);
  });

  it('asks whose readings they are, where the file does not say', async () => {
    await put({ 'a.fit': fit([70]) });
    expect(await importAll(['a.fit'], { user: undefined })).toMatchObject([
      { outcome: 'failed', error: { code: 'user_needed' } },
    ]);
    // A dry run finds what the import would be refused for.
    expect(await importAll(['a.fit'], { user: undefined, dryRun: true })).toMatchObject([
      { outcome: 'failed', error: { code: 'user_needed' } },
    ]);
    expect(await importAll(['a.fit'], { dryRun: true })).toMatchObject([
      { outcome: 'imported', enqueued: 0, account: { readings: 1 } },
    ]);
    expect((await queue.depth()).readings).toBe(0);
  });

  it('refuses strictly what has damage or values that are wrong, and takes what was not measured', async () => {
    await put({
      'good.fit': fit([70, 0, 255, 71]),
      'low.fit': fit([70, 29]),
      'cut.fit': fit([70, 71]).subarray(0, -8),
      'crc.fit': fit([70, 71]).with(-1, 1),
      'uncrc.fit': fit([70, 71]).subarray(0, -2),
      'latin.csv': Buffer.from('time;bpm;device\n2024-01-15T10:00:00Z;72;Ger\xe4t\n', 'latin1'),
    });
    const names = ['good.fit', 'low.fit', 'cut.fit', 'crc.fit', 'uncrc.fit', 'latin.csv'];
    const results = await importAll(names, { strict: true });
    expect(results.map(({ outcome, enqueued }) => [outcome, enqueued])).toEqual([
      ['imported', 2],
      ...new Array(5).fill(['refused', 0]),
    ]);
    expect((await queue.depth()).readings).toBe(2);
  });

  it('passes over files that were imported and have not changed', async () => {
    await put({
      'a.fit': fit([70]),
      'b.fit': fit([71], T0 + 1_000),
      'c.gpx': '<gpx><trkpt><time>2024-01-15T10:00:00</time><hr>72</hr></trkpt></gpx>',
    });
    const run = async (options: ImportFilesOptions = {}, place = 'queue') => {
      const finished = await openFinishedFiles(join(directory, 'finished.json'), importFingerprint(options, place));
      return (await importAll(['a.fit', 'b.fit', 'c.gpx'], { ...options, finished })).map(({ outcome }) => outcome);
    };
    expect(await run()).toEqual(['imported', 'imported', 'failed']);
    await utimes(join(directory, 'b.fit'), new Date(T0), new Date(T0));
    expect(await run()).toEqual(['passed_over', 'imported', 'failed']);
    // With other options a file comes to other readings, and so it does elsewhere.
    const others = [{ user: 'bo' }, { receivedMs: T0 }, { keepLowConfidence: true }, { columns: { heart_rate: 'x' } }];
    for (const options of others) expect(await run(options)).toEqual(['imported', 'imported', 'failed']);
    expect(await run({ timeZone: 'UTC' })).toEqual(['imported', 'imported', 'imported']);
    expect(await run({ timeZone: 'UTC' }, 'another queue')).toEqual(['imported', 'imported', 'imported']);
    expect(await run({ timeZone: 'UTC' }, 'another queue')).toEqual(['passed_over', 'passed_over', 'passed_over']);
    // An older list does not say how they were imported.
    await put({ 'finished.json': '{"version":1,"finished":{}}' });
    expect(await run()).toEqual(['imported', 'imported', 'failed']);
    await put({ 'finished.json': '{"version":2}' });
    await expect(run()).rejects.toMatchObject({ code: 'invalid_checkpoint' });
  });

  it('goes to no server that would stamp it, unless that is wanted', async () => {
    await put({ 'a.fit': fit([70]) });
    const client = {} as never;
    await expect(
      importFiles({ client }, await listFiles(['a.fit'], directory), { cwd: directory }),
    ).rejects.toMatchObject({ code: 'received_at_needed' });
    await expect(
      importFiles({ client }, await listFiles(['a.fit'], directory), { cwd: directory, dryRun: true }),
    ).rejects.toMatchObject({ code: 'received_at_needed' });
  });
});

describe('options that no file could be imported with', () => {
  it.each([
    [{ user: '' }, 'invalid_user', /^the user must be a string of 1 to 128/],
    [{ user: ' \t' }, 'invalid_user', /^the user must not have control characters/],
    [{ user: '  ' }, 'invalid_user', /^the user must not be blank$/],
    [{ user: 'x'.repeat(129) }, 'invalid_user', /^the user must be a string of 1 to 128/],
    [{ timeZone: 'Europe/Nowhere' }, 'invalid_time_zone', /Europe\/Nowhere/],
  ] as const)('are refused before anything is read, on a dry run too: %j', async (options, code, message) => {
    await put({ 'a.fit': fit([70]) });
    for (const dryRun of [false, true])
      await expect(importAll(['a.fit'], { ...options, dryRun })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    expect((await queue.depth()).readings).toBe(0);
  });
});

describe('a directory', () => {
  it('has links, which are told and not followed, and what somebody names is followed', async () => {
    await put({ 'all/a.fit': fit([70]), 'elsewhere/b.fit': fit([71], T0 + 1_000) });
    await symlink(join(directory, 'elsewhere'), join(directory, 'all/out'));
    await symlink('..', join(directory, 'all/loop'));
    await symlink('nowhere', join(directory, 'all/z'));
    await symlink('all', join(directory, 'named'));
    const told = (results: readonly FileResult[]) =>
      results.map(({ file, outcome, error }) => [file, outcome, error?.code]);
    expect(told(await importAll(['all']))).toEqual([
      ['all/a.fit', 'imported', undefined],
      ['all/loop', 'not_read', 'link'],
      ['all/out', 'not_read', 'link'],
      ['all/z', 'not_read', 'link'],
    ]);
    expect(told(await importAll(['named', 'all/out/b.fit']))).toEqual([
      ['named/a.fit', 'imported', undefined],
      ['named/loop', 'not_read', 'link'],
      ['named/out', 'not_read', 'link'],
      ['named/z', 'not_read', 'link'],
      ['all/out/b.fit', 'imported', undefined],
    ]);
  });
});

describe('what is said of an unknown file', () => {
  it.each([
    ['María\n1990-05-01', '(17 bytes, text)'],
    ['', '(0 bytes, empty)'],
    [Buffer.from('\ufeffAna', 'utf16le'), '(8 bytes, text in UTF-16)'],
    [Buffer.from('Jos\xe9', 'latin1'), '(4 bytes, text)'],
    [Uint8Array.of(0, 1, 2, 3, 4, 5), '(6 bytes, binary, begins with 00 01 02 03)'],
  ] as const)('has nothing of a text: %j', async (content, said) => {
    await put({ 'a.x': content });
    expect((await importAll(['a.x']))[0]?.error?.message).toBe(`no known format ${said}`);
  });
});

describe('importing again', () => {
  const correct = (heartRate: number) =>
    enqueue({ queue }, { userId: 'ana', deviceId: WATCH, timestamp: T0, heartRate });

  it('changes nothing, neither a correction that was posted before, between or after', async () => {
    await put({ 'a.fit': fit([180, 72]), 'longer.fit': fit([180, 72, 75]) });
    await correct(60);
    await importAll(['a.fit']);
    expect(await answer(WATCH)).toMatchObject([{ count: 2, min: 60, max: 72 }]);
    await importAll(['longer.fit', 'a.fit']);
    expect(await answer(WATCH)).toMatchObject([{ count: 3, min: 60, max: 75 }]);
  });

  it('undoes no correction of what was imported before it', async () => {
    await put({ 'a.fit': fit([180, 72]) });
    await importAll(['a.fit']);
    expect(await answer(WATCH)).toMatchObject([{ max: 180 }]);
    await correct(61);
    expect(await answer(WATCH)).toMatchObject([{ min: 61, max: 72 }]);
    await importAll(['a.fit']);
    expect(await answer(WATCH)).toMatchObject([{ count: 2, min: 61, max: 72 }]);
  });

  it('replaces what is there where somebody says so', async () => {
    await put({ 'a.fit': fit([180, 72]), 'mended.fit': fit([62, 72]) });
    await importAll(['a.fit']);
    await answer();
    await importAll(['mended.fit'], { receivedMs: T0 + 3_600_000 });
    expect(await answer(WATCH)).toMatchObject([{ count: 2, min: 62, max: 72 }]);
  });

  it('is no backlog: what waits counts from when it was queued', async () => {
    await put({ 'one.fit': fit([70]), 'two.fit': fit([70, 71]) });
    const before = Date.now();
    await importAll(['one.fit', 'two.fit']);
    expect((await queue.depth()).oldestMs).toBeGreaterThanOrEqual(before - 1);
  });
});

it('leaves nothing of a file listening to the signal, however many there are', async () => {
  const { signal } = new AbortController();
  const names = ['a.fit', 'b.fit.gz', 'c.json', 'd.txt'];
  // A reader leaves what follows its damage unread.
  const damaged = Buffer.concat([fit([70, 71]), Buffer.alloc(300_000, 7)]);
  const contents = [damaged, gzipSync(damaged), '[{"dateTime":"01/15/24 10:00:00"}]', 'what is it'];
  await put(Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`${i}/${names[i % 4]}`, contents[i % 4] ?? ''])));
  let most = 0;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...given: Parameters<typeof add>) => {
    add(...given);
    most = Math.max(most, getEventListeners(signal, 'abort').length);
  };
  await importAll(
    Array.from({ length: 80 }, (_, i) => String(i)),
    { signal },
  );
  expect(most).toBeGreaterThan(0);
  // Node warns of more than ten.
  expect(most).toBeLessThanOrEqual(10);
});
