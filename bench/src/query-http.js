/**
 * One user's minutes of two devices that measure at the same milliseconds, 1 Hz: over HTTP and through the SDK, against DuckDB
 * with the rules in SQL, and the files' bytes. `--quick` makes a year at a reading every 15 s, since writing one at 1 Hz takes minutes.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { query } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { ask, timeAnswers, timeFirstAnswer } from './support/ask.js';
import { listFiles, readBytes, USER_ID, writeDataset } from './support/dataset.js';
import { minutesSql, openDuckDb } from './support/duckdb.js';
import { runFigure, timeMs } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';
import { withServers } from './support/servers.js';

const DEVICE_IDS = ['strap-1', 'watch-1'];

/**
 * @typedef {object} QueryCase
 * @property {string} name
 * @property {number} [share] of DuckDB's time that an answer over HTTP may take
 * @property {number} days
 * @property {number} stepMs
 * @property {boolean} [compacted]
 */

/**
 * Writes the case's readings, checks that all ways to ask give one answer, and measures each.
 * @param {import('./support/figure.js').Bench} bench
 * @param {QueryCase} queryCase
 * @param {number} rounds
 */
async function compareQuery(bench, { name, share, ...shape }, rounds) {
  const directory = await bench.directory('query');
  const data = path.join(directory, 'data');
  await writeDataset({ ...shape, directory: data, deviceIds: DEVICE_IDS });
  const files = listFiles(data);
  const storage = await openDirectoryStorage({ directory: data });
  const duckdb = await openDuckDb(directory);
  const [fromMs, toMs] = [START_MS, START_MS + shape.days * DAY_MS];
  const question = { userId: USER_ID, fromMs, toMs };
  const sql = minutesSql({ files: `${data}/*/${USER_ID}/*.parquet`, ...question });
  const askSdk = () => query({ storage }, { userId: USER_ID, start: fromMs, end: toMs });
  const rows = await askSdk();
  await checkAnswers(rows, directory, question, await rowsOf(duckdb, sql));

  const names = {
    http: `${name}: HTTP, JSON`,
    first: `${name}: HTTP, a new server's first answer`,
    sdk: `${name}: SDK`,
    duckdb: 'DuckDB in process, rules 1 to 4, all cores, rows fetched',
    bytes: 'reading the bytes of the files',
  };
  const asked = { directory, question };
  const samples = await timeAnswers({ [names.http]: asked }, rounds, {
    [names.first]: () => timeFirstAnswer(asked),
    [names.sdk]: () => timeMs(askSdk),
    [names.duckdb]: () => timeMs(() => duckdb.runAndReadAll(sql)),
    [names.bytes]: () => timeMs(() => readBytes(files)),
  });
  duckdb.closeSync();
  await storage.close();
  const note = `${rows.length} rows of ${files.length} files, ${readBytes(files)} bytes`;
  bench.compare(samples, names.http, names.duckdb, 'ms', note, share === undefined ? share : { share });
  bench.compare(samples, names.http, names.sdk, 'ms');
  bench.compare(samples, names.first, names.duckdb, 'ms');
  for (const limit of [names.duckdb, names.bytes]) bench.compare(samples, names.sdk, limit, 'ms');
}

/**
 * All ways to ask must give one answer.
 * @param {readonly import('hrm-core').Row[]} rows
 * @param {string} directory
 * @param {import('./support/ask.js').Question} question
 * @param {unknown} rowsOfDuckDb
 */
async function checkAnswers(rows, directory, question, rowsOfDuckDb) {
  const expected = rows.map(({ heartRate, deviceIds, ...row }) => ({
    ...row,
    heart_rate: heartRate,
    device_ids: deviceIds,
  }));
  const body = await withServers({ server: { kind: 'api', directory } }, ({ server }) => ask(server, question));
  assert.deepEqual(JSON.parse(Buffer.concat(body).toString()).data, expected);
  assert.deepEqual(rowsOfDuckDb, expected);
}

/**
 * DuckDB's answer in the form of GET's rows.
 * @param {import('@duckdb/node-api').DuckDBConnection} duckdb
 * @param {string} sql
 */
async function rowsOf(duckdb, sql) {
  const reader = await duckdb.runAndReadAll(sql);
  return reader.getRowsJS().map(([minute, heartRate, min, max, count, deviceIds]) => ({
    timestamp: new Date(Number(minute) * 60_000).toISOString().replace('.000Z', 'Z'),
    heart_rate: Number(heartRate),
    min: Number(min),
    max: Number(max),
    count: Number(count),
    device_ids: deviceIds,
  }));
}

await runFigure('query-http', async (bench) => {
  const [day, month, year] = bench.quick ? [9, 1, 1] : [21, 5, 1];
  const hz = { stepMs: 1_000 };
  await compareQuery(bench, { ...hz, name: 'a day', share: 0.35, days: 1 }, day);
  // One part of a whole day is too large to be rolled up when it is read, and has no rollup with it.
  await compareQuery(bench, { ...hz, name: 'a day without a rollup', share: 0.8, days: 1, compacted: false }, day);
  await compareQuery(bench, { ...hz, name: '30 days', share: 0.25, days: 30 }, month);
  // The target is that of 1 Hz: DuckDB's work is a fifteenth with a reading every 15 s, an answer's the same.
  const yearCase = bench.quick
    ? { name: '365 days, every 15 s', stepMs: 15_000 }
    : { ...hz, name: '365 days', share: 0.1 };
  await compareQuery(bench, { ...yearCase, days: 365 }, year);
});
