/** Archives of exports into a queue: each file of them is a matter of its own. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import {
  type FileResult,
  type ImportFilesOptions,
  importFiles,
  listFiles,
  needImportFiles,
  openFinishedFiles,
} from '../../src/import/index.js';
import type { Queue } from '../../src/ports/queue.js';
import { MADE_UP_EXPORTS } from '../support/made-up-exports.js';
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

async function importArchive(bytes: Uint8Array, options: ImportFilesOptions = {}): Promise<readonly FileResult[]> {
  await writeFile(join(directory, 'all.zip'), bytes);
  return await importFiles({ queue }, await listFiles(['all.zip'], directory), {
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
    const results = await importArchive(ARCHIVE, { dryRun: true, user: undefined });
    expect(await needImportFiles(['all.zip'], { cwd: directory })).toBe(true);
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
    expect(results.flatMap(({ outcome, error }) => (outcome === 'failed' ? [error?.message] : []))).toEqual([
      expect.stringMatching(/^all\.zip: it ends early/),
      expect.stringMatching(/^all\.zip\/\.\.\/out\.csv: its name/),
    ]);
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
    const finished = await openFinishedFiles(join(directory, 'finished.json'));
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
