/** DuckDB as a limit: the rules of the contract as SQL, in process, over the same files, with all cores. */
import { DuckDBInstance } from '@duckdb/node-api';

/**
 * A connection to a fresh database in memory, which keeps no bytes of the files it reads, and puts what does not fit into
 * memory into a directory.
 * @param {string} directory
 */
export async function openDuckDb(directory) {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(`SET temp_directory = '${directory}'`);
  await connection.run('SET enable_external_file_cache = false');
  await connection.run("SET TimeZone = 'UTC'");
  return connection;
}

/**
 * Rule 1: of one user, device and millisecond, the latest received minute, within it the maximum heart rate.
 * @param {string} source SQL of a relation with the files' columns
 */
export function survivingSql(source) {
  return `
    SELECT user_id, device_id, timestamp_ms,
      arg_max(heart_rate, received_minute::BIGINT * 1000 + heart_rate) AS heart_rate,
      max(received_minute) AS received_minute
    FROM ${source} GROUP BY user_id, device_id, timestamp_ms`;
}

/**
 * Rules 1 to 4 for one user and range, a row a minute; equal ranks, so that the smaller device_id wins.
 * @param {{ files: string, userId: string, fromMs: number, toMs: number }} question `files` is a glob
 */
export function minutesSql({ files, userId, fromMs, toMs }) {
  const source = `read_parquet('${files}')
    WHERE user_id = '${userId}' AND timestamp_ms >= ${fromMs} AND timestamp_ms < ${toMs}`;
  return `
    WITH surviving AS (${survivingSql(source)}),
    preferred AS (
      SELECT *, row_number() OVER (PARTITION BY timestamp_ms ORDER BY device_id) AS place FROM surviving
    )
    SELECT timestamp_ms // 60000 AS minute,
      (200 * sum(heart_rate)::BIGINT + count(*)) // (2 * count(*)) / 100.0 AS heart_rate,
      min(heart_rate) AS min, max(heart_rate) AS max, count(*) AS count,
      list_sort(list(DISTINCT device_id)) AS device_ids
    FROM preferred WHERE place = 1 GROUP BY ALL ORDER BY ALL`;
}
