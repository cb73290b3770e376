/** Linear in hostile input: every reader of files of readings, with every shape of `test/support/hostile-shapes.ts`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Feed, type GrowthOptions, growthFaults } from '../../../../test/support/growth.js';
import { createCsvReader } from '../../src/formats/csv.js';
import { type Format, formatOfName } from '../../src/formats/formats.js';
import { createNdjsonReader } from '../../src/formats/ndjson.js';
import { readRows } from '../../src/formats/read-rows.js';
import { openCheckpoint } from '../../src/import/checkpoint.js';
import { enqueueChunks } from '../../src/import/enqueue-chunks.js';
import type { Input } from '../../src/import/inputs.js';

const LONG: GrowthOptions = { longest: 2 ** 16 };
const HEADER = 'user_id,device_id,timestamp,heart_rate\n';

/** Reads an input that comes in pieces of a pipe, to its end, and has its rows judged. */
async function importText(text: string, format: Format | undefined, pieceBytes: number): Promise<void> {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  async function* chunks() {
    for await (const { rows } of readRows(pieces(), { format })) {
      yield { input: { label: 'a' } as Input, rows: rows.slice(0, 100), point: null };
    }
  }
  const tally = { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
  const rules = {
    naiveTimestamps: 'reject',
    maxFutureMs: 0,
    skipInvalid: true,
    signal: new AbortController().signal,
  } as const;
  const nowhere = {
    waitsForRoom: false,
    enqueue: async (items: readonly unknown[]) => items.length,
    depth: async () => Promise.reject(new Error('none')),
  };
  await enqueueChunks(nowhere, chunks(), rules, tally);
}

function csvLine(text: string, header: string): void {
  const reader = createCsvReader(header);
  reader.take({ number: 2, text });
  reader.end();
}

const PARSERS: readonly (readonly [name: string, feed: Feed, options?: GrowthOptions])[] = [
  ['CSV', (text) => importText(HEADER + text, 'csv', 65_536), LONG],
  ['CSV within a quote', (text) => importText(`${HEADER}"${text}`, 'csv', 65_536), LONG],
  ['CSV in small pieces', (text) => importText(HEADER + text, 'csv', 64)],
  ['the header of CSV', (text) => createCsvReader().take({ number: 1, text })],
  ['the known header of CSV', (text) => csvLine('a', text)],
  ['a line of CSV', (text) => csvLine(text, HEADER.trim())],
  ['a field of CSV', (text) => csvLine(`"${text}",${text},2024-01-15T10:00:00Z,${text}`, HEADER.trim())],
  ['NDJSON', (text) => importText(text, 'ndjson', 65_536), LONG],
  ['NDJSON in small pieces', (text) => importText(text, 'ndjson', 64)],
  ['a line of NDJSON', (text) => createNdjsonReader().take({ number: 1, text })],
  ['an input of an unknown format', (text) => importText(text, undefined, 65_536)],
  ['the name of a file', formatOfName],
];

it.each(PARSERS.map(([name, feed, options]) => ({ name, feed, options })))('$name', async ({ feed, options }) => {
  expect(await growthFaults(feed, options)).toEqual([]);
});

it('a checkpoint', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-import-'));
  const path = join(directory, 'checkpoint.json');
  const read = async (text: string) => {
    await writeFile(path, text);
    await openCheckpoint(path, 'way');
  };
  expect(await growthFaults(read)).toEqual([]);
  await rm(directory, { recursive: true });
});
