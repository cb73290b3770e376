/** Bytes a reading on the disk, rollups included: of made-up days at 1 Hz, and of real readings where they are. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { compactAll, listFiles, readBytes, writeDataset } from './support/dataset.js';
import { openDuckDb } from './support/duckdb.js';
import { runFigure } from './support/figure.js';

const CSV = fileURLToPath(new URL('../../../shared/data/fitbit-2users.csv.gz', import.meta.url));
const DAY_READINGS = 86_400;
/** Readings of one batch, as a consumer under load would write them. */
const BATCH_READINGS = 50_000;

/**
 * @param {import('./support/figure.js').Bench} bench
 * @param {{ name: string, data: string, readings: number, target?: import('./support/figure.js').Target | undefined }} stored
 */
async function compareBytes(bench, { name, data, readings, target }) {
  const directory = await bench.directory('duckdb');
  const duckdb = await openDuckDb(directory);
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
    bench.compare(samples, subject, limit, 'bytes/reading', `${readings} readings in ${files.length} files`, target);
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
  const oneDevice = { deviceIds: ['watch-1'], days: 1, stepMs: 1_000 };
  const twoDevices = { ...oneDevice, deviceIds: ['strap-1', 'watch-1'] };
  const target = { value: 0.45 };
  const days = [
    { name: 'a day at 1 Hz, compacted', shape: oneDevice, target },
    { name: 'a day of two devices at 1 Hz, compacted', shape: twoDevices, target },
    { name: 'a day at 1 Hz, 50 parts', shape: { ...oneDevice, partsPerDay: 50, compacted: false } },
  ];
  for (const { shape, ...stored } of days) {
    const data = await bench.directory('day');
    await writeDataset({ ...shape, directory: data });
    await compareBytes(bench, { ...stored, data, readings: shape.deviceIds.length * DAY_READINGS });
  }

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
  await compactAll(storage);
  await storage.close();
  await compareBytes(bench, { name: 'real readings, compacted', data: real, readings: readings.length });
});
