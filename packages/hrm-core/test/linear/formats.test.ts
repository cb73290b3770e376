/** Linear in hostile input: every format of files, with each shape in the midst of a file that has begun well. */
import { expect, it } from 'vitest';
import { growthFaults } from '../../../../test/support/growth.js';
import { FILE_FORMATS, recognizeFile } from '../../src/formats/file-formats.js';
import { readRecord } from '../../src/formats/sqlite/sqlite-record.js';
import { columnsOf } from '../../src/formats/sqlite/table-columns.js';
import { readZipDirectory } from '../../src/formats/zip/zip-directory.js';
import { MADE_UP_EXPORTS } from '../support/made-up-exports.js';
import { inPieces } from '../support/read-file-pieces.js';
import { writeZip } from '../support/zip-writer.js';

const CONTEXT = { fileName: 'file', keepLowConfidence: false, toEpochMs: () => 0 };

/** Beginnings by format: half of a file that is right. */
const BEGINNINGS = new Map(
  MADE_UP_EXPORTS.flatMap(({ format, content }) =>
    typeof content === 'string' ? [[format, content.slice(0, content.length / 2)] as const] : [],
  ),
);

it.each(FILE_FORMATS.filter(({ name }) => BEGINNINGS.has(name)))('$name', async (format) => {
  const beginning = BEGINNINGS.get(format.name) ?? '';
  async function read(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(beginning + text);
    for await (const piece of format.read(inPieces(bytes, 4_096), CONTEXT)) expect(piece.kind).not.toBe('');
  }
  expect(await growthFaults(read)).toEqual([]);
});

it('what a file begins with', async () => {
  const encoder = new TextEncoder();
  expect(await growthFaults((text) => recognizeFile(encoder.encode(text), text))).toEqual([]);
});

const inMemory = (bytes: Uint8Array) => ({
  byteLength: bytes.length,
  slice: async (from: number, to: number) => bytes.subarray(from, to),
});

it('an archive, whole or cut', async () => {
  const header = writeZip([{ name: 'a.csv', content: 'a', isStreamed: true }]);
  const ends = Buffer.alloc(22, header.subarray(-22));
  async function read(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await readZipDirectory(inMemory(Buffer.concat([header.subarray(0, 36), bytes])));
    await readZipDirectory(inMemory(Buffer.concat([header.subarray(0, 36), bytes, ends, bytes.subarray(0, 1_000)])));
  }
  expect(await growthFaults(read)).toEqual([]);
});

it('the definition of a table of SQLite', async () => {
  const encoder = new TextEncoder();
  async function read(text: string): Promise<void> {
    expect(readRecord(encoder.encode(text), new TextDecoder())).not.toBe('');
    columnsOf(`CREATE TABLE a (${text}`);
  }
  expect(await growthFaults(read)).toEqual([]);
});
