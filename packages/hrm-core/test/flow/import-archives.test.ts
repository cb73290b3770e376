/** Archives of exports into a queue: each file of them is a matter of its own. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import {
  type FileResult,
  failedFiles,
  haveDamage,
  type ImportFilesOptions,
  importFiles,
  inspectPaths,
  listFiles,
  openFinishedFiles,
} from '../../src/import/index.js';
import type { Queue } from '../../src/ports/queue.js';
import { type ForeignRow, writeByHyparquet } from '../support/foreign-files.js';
import { MADE_UP_EXPORTS } from '../support/made-up-exports.js';
import { writeTar } from '../support/tar-writer.js';
import { writeZip } from '../support/zip-writer.js';

let directory: string;
let queue: Queue & { close(): Promise<void> };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hrm-import-archives-'));
  queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
});
afterEach(async () => {
  await queue.close();
  await rm(directory, { recursive: true });
});

const contentOf = (format: string) => MADE_UP_EXPORTS.find((file) => file.format === format)?.content ?? '';

const INNER = writeZip([
  { name: 'day.json.gz', content: gzipSync(contentOf('fitbit-takeout')) },
  { name: 'zepp.csv', content: contentOf('zepp') },
]);
const ARCHIVE = writeZip([
  { name: 'apple_health_export/Exportación.xml', content: contentOf('apple-health') },
  { name: '__MACOSX/apple_health_export/._export.xml', content: 'x' },
  { name: 'parts/in.zip', content: INNER },
  { name: '../out.csv', content: contentOf('fitbit-csv') },
  { name: 'photo.jpg', content: Uint8Array.of(0xff, 0xd8) },
  { name: 'rows.csv', content: 'user_id,device_id,timestamp,heart_rate\nana,strap,2024-01-15T10:00:20Z,90\n' },
]);

async function importArchive(
  bytes: Uint8Array,
  options: ImportFilesOptions = {},
  name = 'all.zip',
): Promise<readonly FileResult[]> {
  await writeFile(join(directory, name), bytes);
  return await importFiles({ queue }, await listFiles([name], directory), {
    cwd: directory,
    user: 'ana',
    timeZone: 'Europe/Madrid',
    ...options,
  });
}

const shown = (results: readonly FileResult[]) =>
  results.map(({ file, outcome, enqueued, error }) => [file, outcome, enqueued, error?.code]);

describe('an archive', () => {
  it('is imported file by file, with the archives in it', async () => {
    let bytesRead = 0;
    const results = await importArchive(ARCHIVE, {
      onProgress: (progress) => {
        bytesRead = progress.bytesRead;
      },
    });
    expect(shown(results)).toEqual([
      ['all.zip/apple_health_export/Exportación.xml', 'imported', 4, undefined],
      ['all.zip/parts/in.zip/day.json.gz', 'imported', 2, undefined],
      ['all.zip/parts/in.zip/zepp.csv', 'imported', 1, undefined],
      ['all.zip/../out.csv', 'failed', 0, 'invalid_input'],
      ['all.zip/photo.jpg', 'unknown', 0, 'unknown_format'],
      ['all.zip/rows.csv', 'imported', 1, undefined],
    ]);
    expect((await queue.depth()).readings).toBe(8);
    expect(bytesRead).toBe(ARCHIVE.length);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('hrm-archive-'))).toEqual([]);
  });

  it('is known before it is imported, and writes nothing on a dry run', async () => {
    const results = await importArchive(ARCHIVE, { dryRun: true });
    expect(await inspectPaths(['all.zip'], { cwd: directory })).toMatchObject({ needFiles: true });
    expect(results[0]).toMatchObject({ outcome: 'imported', enqueued: 0, account: { readings: 4 } });
    expect((await queue.depth()).readings).toBe(0);
  });

  it('has files that need a zone, and others that do not', async () => {
    const results = await importArchive(ARCHIVE, { timeZone: undefined });
    expect(results.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      'time_zone_needed',
      'invalid_input',
      'unknown_format',
      undefined,
    ]);
  });

  it('that was cut gives what stands before the cut', async () => {
    const results = await importArchive(ARCHIVE.subarray(0, ARCHIVE.indexOf('photo.jpg')));
    expect(
      results.flatMap(({ file, outcome, error }) => (error === null ? [] : [[file, outcome, error.message]])),
    ).toEqual([
      ['all.zip', 'damaged', expect.stringMatching(/^it ends early/)],
      ['all.zip/../out.csv', 'failed', expect.stringMatching(/^its name/)],
    ]);
    expect(haveDamage(results)).toBe(true);
    expect(results.filter(({ outcome }) => outcome === 'imported')).toHaveLength(3);
  });

  it('is refused file by file where it has to be strict', async () => {
    const results = await importArchive(ARCHIVE, { strict: true });
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'refused',
      'refused',
      'imported',
      'failed',
      'unknown',
      'imported',
    ]);
  });

  it('is passed over once all of it was imported', async () => {
    const finished = await openFinishedFiles(join(directory, 'finished.json'), 'way');
    const bytes = writeZip([{ name: 'a.csv', content: contentOf('fitbit-csv') }]);
    expect(shown(await importArchive(bytes, { finished }))).toEqual([['all.zip/a.csv', 'imported', 1, undefined]]);
    const files = await listFiles(['all.zip'], directory);
    const again = await importFiles({ queue }, files, { cwd: directory, user: 'ana', finished });
    expect(shown(again)).toEqual([['all.zip', 'passed_over', 0, undefined]]);
  });

  it('without any known file says so', async () => {
    const results = await importArchive(writeZip([{ name: 'photo.jpg', content: Uint8Array.of(0xff, 0xd8) }]));
    expect(results.map(({ file, outcome, isFound }) => [file, outcome, isFound])).toEqual([
      ['all.zip/photo.jpg', 'unknown', true],
      ['all.zip', 'unknown', false],
    ]);
  });
});

describe('a tar archive', () => {
  const TAR = writeTar([
    { name: 'd/', type: '5' },
    { name: 'd/._day.json', content: 'x' },
    { name: 'd/day.json.gz', content: gzipSync(contentOf('fitbit-takeout')) },
    { name: 'photo.gz', content: gzipSync(Buffer.alloc(300_000)) },
    { name: 'in.zip', content: INNER },
    { name: 'in.tar', content: writeTar([{ name: 'a.csv', content: contentOf('fitbit-csv') }]) },
    { name: '../out.csv', content: contentOf('fitbit-csv') },
    { name: 'link', type: '2' },
    { name: 'zepp.csv', content: contentOf('zepp') },
  ]);
  const EXPECTED = [
    ['d/day.json.gz', 'imported', 2, undefined],
    ['photo.gz', 'unknown', 0, 'unknown_format'],
    ['in.zip/day.json.gz', 'imported', 2, undefined],
    ['in.zip/zepp.csv', 'imported', 1, undefined],
    ['in.tar/a.csv', 'imported', 1, undefined],
    ['../out.csv', 'failed', 0, 'invalid_input'],
    ['link', 'not_read', 0, 'no_file'],
    ['zepp.csv', 'imported', 1, undefined],
  ];

  it.each(['all.tar', 'all.tgz'])('is imported file by file from its stream, %s', async (name) => {
    let bytesRead = 0;
    const bytes = name === 'all.tgz' ? gzipSync(TAR) : TAR;
    const onProgress = (progress: { readonly bytesRead: number }) => {
      bytesRead = progress.bytesRead;
    };
    const results = await importArchive(bytes, { onProgress }, name);
    expect(shown(results)).toEqual(EXPECTED.map(([file, ...rest]) => [`${name}/${file}`, ...rest]));
    expect(bytesRead).toBe(bytes.length);
    expect((await readdir(tmpdir())).filter((entry) => entry.startsWith('hrm-archive-'))).toEqual([]);
  });

  it('is judged before it is imported strictly, though it can be read once', async () => {
    const bytes = writeTar([
      { name: 'day.json', content: contentOf('fitbit-takeout') },
      { name: 'zepp.csv', content: contentOf('zepp') },
    ]);
    const results = await importArchive(bytes, { strict: true }, 'all.tar');
    expect(shown(results).map(([, outcome]) => outcome)).toEqual(['refused', 'imported']);
  });

  it('that was cut gives what stands before the cut', async () => {
    for (const [name, bytes] of [
      ['all.tar', TAR.subarray(0, TAR.indexOf('../out.csv') - 10)],
      ['all.tgz', gzipSync(TAR, { level: 0 }).subarray(0, TAR.indexOf('../out.csv'))],
    ] as const) {
      const results = await importArchive(bytes, {}, name);
      expect(results.filter(({ outcome }) => outcome === 'imported')).toHaveLength(4);
      expect([failedFiles(results), haveDamage(results)]).toEqual([[], true]);
    }
  });
});

it('an archive of which nothing can be read has failed, and is not merely damaged', async () => {
  const results = await importArchive(ARCHIVE.subarray(0, 40));
  expect(failedFiles(results).length).toBeGreaterThan(0);
  expect(haveDamage(results)).toBe(false);
});

it.each(['zip', 'tar'])('an archive comes from a pipe, too: %s', async (kind) => {
  const entries = [{ name: 'a.csv', content: contentOf('fitbit-csv') }];
  const bytes = kind === 'zip' ? writeZip(entries) : writeTar(entries);
  const stdin = () => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]);
  const { needFiles, peeked } = await inspectPaths(['-'], { cwd: directory, stdin });
  expect(needFiles).toBe(true);
  const results = await importFiles({ queue }, await listFiles(['-'], directory), { user: 'ana', peeked });
  expect(shown(results)).toEqual([['standard input/a.csv', 'imported', 1, undefined]]);
});

describe('Parquet', () => {
  const START = Date.UTC(2024, 0, 15, 10);
  const row = (i: number, more: Partial<ForeignRow> = {}): ForeignRow => ({
    timestampMs: START + i * 1_000,
    heartRate: 60 + i,
    deviceId: 'strap',
    userId: 'bo',
    receivedMinute: 0,
    ...more,
  });
  const rows = [row(0), row(1, { userId: '' }), row(2, { heartRate: 300 }), row(3, { deviceId: '' }), row(3), row(3)];

  it('is imported by its own columns, judged as every file, in a directory, an archive and a pipe', async () => {
    await writeByHyparquet(join(directory, 'rows'), rows);
    const bytes = await readFile(join(directory, 'rows'));
    const options = { cwd: directory, user: 'ana' };
    const expected = {
      outcome: 'imported',
      enqueued: 3,
      account: {
        format: 'parquet',
        devices: [
          { userId: 'bo', deviceId: 'strap', count: 2 },
          { deviceId: 'strap', count: 1 },
        ],
        dropped: { too_high: 1, damaged: 1, duplicate: 1 },
      },
    };
    await writeFile(join(directory, 'all.tar'), writeTar([{ name: 'rows', content: bytes }]));
    await writeFile(join(directory, 'rows.gz'), gzipSync(bytes));
    for (const name of ['rows', 'all.tar', 'rows.gz'])
      expect(await importFiles({ queue }, await listFiles([name], directory), options)).toMatchObject([expected]);
    const { needFiles, peeked } = await inspectPaths(['-'], { stdin: () => Readable.from([bytes]) });
    expect(needFiles).toBe(true);
    expect(await importFiles({ queue }, await listFiles(['-'], directory), { ...options, peeked })).toMatchObject([
      expected,
    ]);
  });

  it('that cannot be read is told, and what is wrong with it', async () => {
    await writeByHyparquet(join(directory, 'rows'), rows);
    const bytes = await readFile(join(directory, 'rows'));
    await writeFile(join(directory, 'cut'), bytes.subarray(0, -9));
    const results = await importFiles({ queue }, await listFiles(['cut'], directory), { cwd: directory });
    expect(results).toMatchObject([{ outcome: 'failed', error: { code: 'invalid_parquet' } }]);
  });
});

it('a table has the columns that somebody names', async () => {
  await writeFile(join(directory, 'a.csv'), 'Wann;Puls\n15.01.2024 10:00;72\n');
  const files = await listFiles(['a.csv'], directory);
  const options = { cwd: directory, user: 'ana', timeZone: 'UTC' };
  const columns = { timestamp: 'Wann', heart_rate: 'Puls' };
  expect(shown(await importFiles({ queue }, files, { ...options, columns }))).toEqual([
    ['a.csv', 'imported', 1, undefined],
  ]);
  expect(shown(await importFiles({ queue }, files, options))).toEqual([['a.csv', 'unknown', 0, 'unknown_format']]);
});
