/** Bytes a reading on the disk: of a made-up day at 1 Hz, and of real readings where they are. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { compact, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { listFiles, readBytes, writeDataset } from './support/dataset.js';
import { openDuckDb } from './support/duckdb.js';
import { runFigure } from './support/figure.js';

const CSV = fileURLToPath(new URL('../../../shared/data/fitbit-2users.csv.gz', import.meta.url));
const DAY_READINGS = 86_400;
/** Readings of one batch, as a consumer under load would write them. */
const BATCH_READINGS = 50_000;

/**
 * @param {import('./support/figure.js').Bench} bench
 * @param {{ name: string, data: string, readings: number }} stored
 */
async function compareBytes(bench, { name, data, readings }) {
  const duckdb = await openDuckDb();
  const directory = await bench.directory('duckdb');
  const subject = `${name}: data directory`;
  /** @param {number} bytes */
  const each = (bytes) => [{ value: bytes / readings, cpu: null }];
  const files = listFiles(data);
  for (const codec of ['snappy', 'zstd']) {
    const file = path.join(directory, `${codec}.parquet`);
    await duckdb.run(`COPY (FROM read_parquet('${data}/*/*/*.parquet') ORDER BY user_id, device_id, timestamp_ms)
      TO '${file}' (FORMAT parquet, CODEC '${codec}')`);
    const limit = `one file by DuckDB, ${codec}`;
    const samples = { [subject]: each(readBytes(files)), [limit]: each(statSync(file).size) };
    bench.compare(samples, subject, limit, 'bytes/reading', `${readings} readings in ${files.length} files`);
  }
  duckdb.closeSync();
}

/** The real readings, in order of time, received two seconds after they were measured. */
function readRealReadings() {
  const [, ...lines] = gunzipSync(readFileSync(CSV)).toString('utf8').trimEnd().split('\n');
  return lines
    .map((line) => {
      const [userId = '', deviceId = '', timestamp = '', heartRate = ''] = line.split(',');
      const timestampMs = Date.parse(timestamp);
      return { userId, deviceId, timestampMs, heartRate: Number(heartRate), receivedMs: timestampMs + 2_000 };
    })
    .sort((a, b) => a.timestampMs - b.timestampMs);
}

await runFigure('bytes', async (bench) => {
  const shape = { userId: 'user-1000001', deviceIds: ['watch-1'], days: 1, stepMs: 1_000 };
  const day = await bench.directory('day');
  await writeDataset({ ...shape, directory: day });
  await compareBytes(bench, { name: 'a day at 1 Hz, compacted', data: day, readings: DAY_READINGS });

  const parts = await bench.directory('parts');
  await writeDataset({ ...shape, directory: parts, partsPerDay: 50, compacted: false });
  await compareBytes(bench, { name: 'a day at 1 Hz, 50 parts', data: parts, readings: DAY_READINGS });

  if (!existsSync(CSV)) {
    process.stderr.write(`bytes: no real readings at ${path.relative(process.cwd(), CSV)}, left out\n`);
    return;
  }
  const real = await bench.directory('real');
  const storage = await openDirectoryStorage({ directory: real });
  const readings = readRealReadings();
  for (let from = 0; from < readings.length; from += BATCH_READINGS) {
    await writePart({ storage }, readings.slice(from, from + BATCH_READINGS));
  }
  for (let run = 0; run < 2; run += 1) await compact({ storage }, { all: true, sweepAfterMs: 0 });
  await storage.close();
  await compareBytes(bench, { name: 'real readings, compacted', data: real, readings: readings.length });
});
