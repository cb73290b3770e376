/** The rules of the contract as SQL, for DuckDB: an oracle that shares no code with this project. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import type { WireRow } from './hrm.js';

/** A fresh in-memory database that does not keep pages of files: they are replaced between two queries. */
export async function openDuckDb(): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run("SET enable_external_file_cache = false; SET TimeZone = 'UTC'");
  onTestFinished(() => connection.closeSync());
  return connection;
}

/**
 * Rules 1 to 4 over a relation with the columns of the files.
 * @param source - SQL of the relation.
 * @param devicePriority - SQL of a device's rank, over `device_id`; 1 is best.
 */
export function rulesSql(source: string, devicePriority = '1', intervalMs = 60_000): string {
  return `
    WITH surviving AS (          -- rule 1: the latest received minute, within it the maximum heart rate
      SELECT user_id, device_id, timestamp_ms, arg_max(heart_rate, received_minute::BIGINT * 1000 + heart_rate) AS heart_rate
      FROM ${source} GROUP BY user_id, device_id, timestamp_ms
    ), preferred AS (            -- rule 2: at one millisecond, the device with the best rank, then the smaller id
      SELECT *, row_number() OVER (PARTITION BY user_id, timestamp_ms ORDER BY ${devicePriority}, device_id) AS place
      FROM surviving
    )
    SELECT user_id, timestamp_ms // ${intervalMs} AS interval,  -- rule 3, rounded half-up in integers
      (200 * sum(heart_rate)::BIGINT + count(*)) // (2 * count(*)) / 100.0 AS heart_rate,
      min(heart_rate) AS min, max(heart_rate) AS max, count(*) AS count,
      list_sort(list(DISTINCT device_id)) AS device_ids
    FROM preferred WHERE place = 1 GROUP BY ALL ORDER BY ALL`;
}

/** DuckDB's answer, by user, in the form of GET's rows. */
export async function answerByUser(
  connection: DuckDBConnection,
  sql: string,
  intervalMs = 60_000,
): Promise<Map<string, WireRow[]>> {
  const reader = await connection.runAndReadAll(sql);
  const answers = new Map<string, WireRow[]>();
  for (const [user, interval, heartRate, min, max, count, devices] of reader.getRowsJS()) {
    const rows = answers.get(String(user)) ?? [];
    rows.push({
      timestamp: new Date(Number(interval) * intervalMs).toISOString().replace('.000Z', 'Z'),
      heart_rate: Number(heartRate),
      min: Number(min),
      max: Number(max),
      count: Number(count),
      device_ids: devices as unknown as string[],
    });
    answers.set(String(user), rows);
  }
  return answers;
}
