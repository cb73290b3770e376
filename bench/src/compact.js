/**
 * Twenty parts into one file of 80,000 rows: against DuckDB doing the same, and against decoding and encoding alone. And a run that
 * finds nothing to do, against how much is settled already.
 */
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compact } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { parquetMetadata, parquetRead } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { listFiles, writeDataset } from './support/dataset.js';
import { openDuckDb, survivingSql } from './support/duckdb.js';
import { interleave, runFigure, timeMs } from './support/figure.js';
import { openIdleRuns } from './support/idle-runs.js';

const PARTS = 20;
const ROWS = 80_000;
const STEP_MS = 86_400_000 / ROWS;

/** @typedef {import('hyparquet').DecodedArray} DecodedArray */

/** The contract's columns, as the writer takes them. */
const COLUMNS = /** @type {const} */ ([
  { name: 'timestamp_ms', type: 'INT64', encoding: 'DELTA_BINARY_PACKED' },
  { name: 'heart_rate', type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
  { name: 'device_id', type: 'STRING', encoding: undefined },
  { name: 'user_id', type: 'STRING', encoding: undefined },
  { name: 'received_minute', type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
]);

/**
 * Decodes files and encodes their rows as one file, in memory: no merge, no check, nothing synced.
 * @param {readonly string[]} files
 */
async function recode(files) {
  const columns = COLUMNS.map(({ type }) => makeColumn(type));
  for (const [index, file] of files.entries()) {
    const bytes = readFileSync(file);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const metadata = parquetMetadata(buffer);
    const firstRow = (index * ROWS) / files.length;
    await parquetRead({
      file: buffer,
      metadata,
      compressors: { GZIP: (page) => gunzipSync(page) },
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = columns[COLUMNS.findIndex(({ name }) => name === columnName)];
        if (column === undefined) throw new Error(`an unknown column: ${columnName}`);
        place(column, columnData, firstRow + rowStart);
      },
    });
  }
  const encoded = parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    rowGroupSize: 100_000,
    columnData: COLUMNS.map(({ name, type, encoding }, i) => ({
      name,
      type,
      nullable: false,
      data: columns[i] ?? [],
      ...(encoding === undefined ? {} : { encoding }),
    })),
  });
  return encoded.byteLength;
}

/** @param {'INT64' | 'INT32' | 'STRING'} type */
function makeColumn(type) {
  if (type === 'INT64') return new BigInt64Array(ROWS);
  return type === 'INT32' ? new Int32Array(ROWS) : /** @type {string[]} */ (new Array(ROWS));
}

/**
 * @param {BigInt64Array | Int32Array | string[]} column
 * @param {DecodedArray} values
 * @param {number} at
 */
function place(column, values, at) {
  if (column instanceof BigInt64Array) column.set(/** @type {BigInt64Array} */ (values), at);
  else if (column instanceof Int32Array) column.set(/** @type {Int32Array} */ (values), at);
  else for (let i = 0; i < values.length; i += 1) column[at + i] = /** @type {string} */ (values[i]);
}

await runFigure('compact', async (bench) => {
  const directory = await bench.directory('compact');
  const source = path.join(directory, 'source');
  const deviceIds = ['garmin-forerunner-255'];
  const shape = { directory: source, userId: 'user-1000001', deviceIds, days: 1, stepMs: STEP_MS };
  await writeDataset({ ...shape, partsPerDay: PARTS, compacted: false });
  const files = listFiles(source).sort();
  const duckdb = await openDuckDb(directory);
  let copies = 0;

  async function runCompact() {
    copies += 1;
    const copy = path.join(directory, `copy-${copies}`);
    cpSync(source, copy, { recursive: true });
    const storage = await openDirectoryStorage({ directory: copy });
    const sample = await timeMs(async () => {
      const { readings, merged } = await compact({ storage }, { all: true });
      if (readings !== ROWS || merged !== PARTS) throw new Error(`merged ${merged} parts into ${readings} readings`);
    });
    await storage.close();
    return sample;
  }
  function runDuckDb() {
    copies += 1;
    const target = path.join(directory, `duckdb-${copies}.parquet`);
    return timeMs(() =>
      duckdb.run(`COPY (
        ${survivingSql(`read_parquet('${source}/*/*/*.parquet')`)} ORDER BY user_id, device_id, timestamp_ms
      ) TO '${target}' (FORMAT parquet)`),
    );
  }

  const subject = `compact ${PARTS} parts into ${ROWS} rows`;
  const sql = 'DuckDB: COPY of the same files by rule 1, sorted; all cores, not synced';
  const raw = 'hyparquet(-writer): decode and encode the same rows in memory';
  const samples = await interleave(
    { [subject]: runCompact, [sql]: runDuckDb, [raw]: () => timeMs(() => recode(files)) },
    bench.quick ? 5 : 15,
  );
  bench.compare(samples, subject, sql, 'ms', '', { share: 1.5 });
  bench.compare(samples, subject, raw, 'ms');

  const runs = await openIdleRuns(bench, [10, 100, 1_000]);
  const idle = await interleave(runs.variants, bench.quick ? 5 : 15);
  await runs.close();
  const [least = '', ...more] = Object.keys(idle);
  for (const name of more) bench.compare(idle, name, least, 'ms');
});
