/** A figure about a query: through the SDK and over HTTP, against DuckDB with the rules in SQL, and the files' bytes. */
import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import path from 'node:path';
import { query } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { listFiles, readBytes, writeDataset } from './dataset.js';
import { minutesSql, openDuckDb } from './duckdb.js';
import { interleave, timeMs } from './figure.js';
import { DAY_MS, START_MS } from './readings.js';
import { withServers } from './servers.js';

const USER_ID = 'user-1000001';

/**
 * @typedef {object} QueryCase
 * @property {string} name
 * @property {readonly string[]} deviceIds
 * @property {number} days
 * @property {number} stepMs
 * @property {number} [partsPerDay]
 * @property {boolean} [compacted]
 */

/**
 * Writes the case's readings, checks that all ways to ask give one answer, and measures each.
 * @param {import('./figure.js').Bench} bench
 * @param {QueryCase} queryCase
 * @param {number} rounds
 */
export async function compareQuery(bench, { name, ...shape }, rounds) {
  const directory = await bench.directory('query');
  const data = path.join(directory, 'data');
  await writeDataset({ ...shape, directory: data, userId: USER_ID });
  const files = listFiles(data);
  const storage = await openDirectoryStorage({ directory: data });
  const duckdb = await openDuckDb();
  const [fromMs, toMs] = [START_MS, START_MS + shape.days * DAY_MS];
  const sql = minutesSql({ files: `${data}/*/${USER_ID}/*.parquet`, userId: USER_ID, fromMs, toMs });
  const ask = () => query({ storage }, { userId: USER_ID, start: fromMs, end: toMs });
  const agent = new Agent({ keepAlive: true });

  await withServers({ server: { kind: 'api', directory } }, async ({ server }) => {
    const range = { start: new Date(fromMs).toISOString(), end: new Date(toMs).toISOString() };
    const url = `http://127.0.0.1:${server.port}/metrics/heart-rate?${new URLSearchParams({ user_id: USER_ID, ...range })}`;
    const rows = await ask();
    const wireRows = rows.map(({ heartRate, deviceIds, ...row }) => ({
      ...row,
      heart_rate: heartRate,
      device_ids: deviceIds,
    }));
    assert.deepEqual(JSON.parse((await download(agent, url)).toString()).data, wireRows);
    assert.deepEqual(await rowsOf(duckdb, sql), wireRows);

    const names = {
      sdk: `${name}: SDK`,
      http: `${name}: HTTP, JSON`,
      duckdb: 'DuckDB in process, rules 1 to 4, all cores, rows not read',
      bytes: 'reading the bytes of the files',
    };
    const samples = await interleave(
      {
        [names.sdk]: () => timeMs(ask),
        [names.http]: async () => {
          const before = await server.cpuMs();
          const { value } = await timeMs(() => download(agent, url));
          return { value, cpu: (await server.cpuMs()) - before };
        },
        [names.duckdb]: () => timeMs(() => duckdb.runAndReadAll(sql)),
        [names.bytes]: () => timeMs(() => readBytes(files)),
      },
      rounds,
    );
    const note = `${rows.length} rows of ${files.length} files, ${readBytes(files)} bytes`;
    for (const limit of [names.duckdb, names.bytes]) bench.compare(samples, names.sdk, limit, 'ms', note);
    for (const limit of [names.duckdb, names.sdk]) bench.compare(samples, names.http, limit, 'ms');
  });
  agent.destroy();
  duckdb.closeSync();
  await storage.close();
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

/**
 * @param {Agent} agent
 * @param {string} url
 * @returns {Promise<Buffer>}
 */
function download(agent, url) {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`GET answered ${response.statusCode}`));
      });
    });
    request.setTimeout(60_000, () => request.destroy(new Error('no answer within 60 s')));
    request.on('error', reject);
  });
}
