import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { answerByUser, openDuckDb, rulesSql } from './support/duckdb.js';
import {
  environment,
  getRows,
  postBatch,
  runHrm,
  startService,
  temporaryDirectory,
  type WireRow,
} from './support/hrm.js';
import { expectSame } from './support/same.js';

/** Three days of two people; test/data/README.md has the source. */
const EXCERPT = {
  name: 'three days',
  csv: fileURLToPath(new URL('data/fitbit-excerpt.csv.gz', import.meta.url)),
  readings: 41_000,
  days: 5,
};
/** The whole month, where it lies beside the clone. */
const WHOLE = {
  name: 'a month',
  csv: fileURLToPath(new URL('../../shared/data/fitbit-2users.csv.gz', import.meta.url)),
  readings: 440_000,
  days: 50,
};
const BATCH = 8_000;
const STRAP_FIRST = '{"strap":1}';

/** The file's readings, and those of a second device made of them: other values, a third of the timestamps. */
async function loadReadings(duckdb: DuckDBConnection, csv: string): Promise<object[]> {
  await duckdb.run(`
    CREATE TABLE readings AS
    SELECT user_id, device_id, epoch_ms(timestamp) AS timestamp_ms, heart_rate, 0 AS received_minute
    FROM read_csv('${csv}', types = {'user_id': 'VARCHAR', 'timestamp': 'TIMESTAMP'});
    INSERT INTO readings
    SELECT user_id, 'strap', timestamp_ms, heart_rate + (timestamp_ms // 1000) % 17 - 8, 0
    FROM readings WHERE (timestamp_ms // 5000) % 3 = 0`);
  const reader = await duckdb.runAndReadAll(
    `SELECT user_id, device_id, timestamp_ms, heart_rate FROM readings ORDER BY hash(user_id, device_id, timestamp_ms)`,
  );
  return reader.getRowsJS().map(([user_id, device_id, timestampMs, heartRate]) => {
    return {
      user_id,
      device_id,
      timestamp: new Date(Number(timestampMs)).toISOString(),
      heart_rate: Number(heartRate),
    };
  });
}

function days(rows: readonly WireRow[]): Map<string, WireRow[]> {
  const byDay = new Map<string, WireRow[]>();
  for (const row of rows) {
    const day = row.timestamp.slice(0, 10);
    const rowsOfDay = byDay.get(day);
    if (rowsOfDay === undefined) byDay.set(day, [row]);
    else rowsOfDay.push(row);
  }
  return byDay;
}

/** GET's answer for each user and day of the oracle's, compared with it; how many days were compared. */
async function compare(
  url: string,
  expected: Map<string, WireRow[]>,
  question: Record<string, string> = {},
): Promise<number> {
  let compared = 0;
  for (const [user, rows] of expected) {
    for (const [day, dayRows] of days(rows)) {
      const end = new Date(Date.parse(day) + 86_400_000).toISOString();
      const asked = { ...question, user_id: user, start: `${day}T00:00:00Z`, end };
      expectSame(await getRows(url, asked), dayRows, `${user} ${day}`);
      compared += 1;
    }
    const month = { ...question, user_id: user, start: '2016-04-01T00:00:00Z', end: '2016-06-01T00:00:00Z' };
    expectSame(await getRows(url, month), rows);
  }
  return compared;
}

const given = existsSync(WHOLE.csv) ? [EXCERPT, WHOLE] : [EXCERPT];

it.each(given)(
  'answers about the real readings of $name as DuckDB does straight from them, before and after compaction',
  async ({ csv, ...atLeast }) => {
    const duckdb = await openDuckDb();
    const readings = await loadReadings(duckdb, csv);
    expect(readings.length).toBeGreaterThan(atLeast.readings);
    const both = await answerByUser(duckdb, rulesSql('readings'));
    const strapFirst = await answerByUser(
      duckdb,
      rulesSql('readings', "CASE device_id WHEN 'strap' THEN 1 ELSE 2 END"),
    );
    const strapOnly = await answerByUser(duckdb, rulesSql("(FROM readings WHERE device_id = 'strap')"));
    const hours = await answerByUser(duckdb, rulesSql('readings', '1', 3_600_000), 3_600_000);
    expect(both).not.toEqual(strapFirst);

    const directory = await temporaryDirectory();
    const env = environment(directory, { HRM_BATCH_MAX_READINGS: '40000', HRM_SWEEP_AFTER_MS: '0' });
    const first = await startService(env, '--only', 'api');
    for (let from = 0; from < readings.length; from += BATCH) {
      expect(await postBatch(first.url, readings.slice(from, from + BATCH))).toBe(202);
    }
    expect(JSON.parse(await runHrm(env, 'drain', '--all', '--json'))).toMatchObject({
      claimed: readings.length,
      dead_lettered: 0,
    });
    // Every day of two people, with the hours that UTC days cut off at both ends of the month.
    expect(await compare(first.url, both)).toBeGreaterThan(atLeast.days);
    expect(await compare(first.url, strapOnly, { device_id: 'strap' })).toBeGreaterThan(atLeast.days);

    for (let run = 0; run < 2; run += 1) await runHrm(env, 'compact', '--all', '--json');
    expect(await compare(first.url, both)).toBeGreaterThan(atLeast.days);
    expect(await compare(first.url, hours, { interval: '1h' })).toBeGreaterThan(atLeast.days);
    expect(await compare(first.url, strapOnly, { device_id: 'strap' })).toBeGreaterThan(atLeast.days);
    expect(await first.end('SIGTERM')).toBe(0);

    // Priorities are applied when answering: another order changes the answer about stored readings.
    const second = await startService({ ...env, HRM_DEVICE_PRIORITY: STRAP_FIRST }, '--only', 'api');
    expect(await compare(second.url, strapFirst)).toBeGreaterThan(atLeast.days);

    // The stored files themselves, by the same SQL: compaction kept every reading of every device.
    const stored = `read_parquet('${env.HRM_DATA_DIR}/*/*/*.parquet')`;
    expectSame(await answerByUser(duckdb, rulesSql(stored)), both);
    const [[count] = []] = (await duckdb.runAndReadAll(`SELECT count(*)::INTEGER FROM ${stored}`)).getRowsJS();
    expect(count).toBe(readings.length);
  },
  300_000,
);
