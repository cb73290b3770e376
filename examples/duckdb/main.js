// The stored files are plain Parquet: here DuckDB reads them, without any of this software.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';

const directory = await mkdtemp(join(tmpdir(), 'hrm-duckdb-'));
const storage = await openDirectoryStorage({ directory });
const START_MS = Date.UTC(2024, 0, 15, 10);
const readings = Array.from({ length: 600 }, (_, i) => {
  const timestampMs = START_MS + i * 1_000;
  return {
    userId: 'ana',
    deviceId: i % 2 ? 'band' : 'watch',
    timestampMs,
    heartRate: 70 + (i % 10),
    receivedMs: START_MS,
  };
});
await writePart({ storage }, readings);
await storage.close();

// A file may be there twice for a moment, as a part and in what it was merged into: rule 1 picks one of each.
const SQL = `
  WITH survivors AS (
    SELECT user_id, device_id, timestamp_ms, arg_max(heart_rate, received_minute::BIGINT * 1000 + heart_rate) AS heart_rate
    FROM read_parquet('${directory}/*/*/*.parquet')
    GROUP BY user_id, device_id, timestamp_ms
  )
  SELECT device_id, strftime(make_timestamp(timestamp_ms // 300000 * 300000000), '%H:%M') AS five_minutes,
    count(*)::INTEGER AS readings, round(avg(heart_rate), 2) AS bpm
  FROM survivors WHERE user_id = 'ana' GROUP BY ALL ORDER BY ALL`;

const database = await DuckDBInstance.create();
const connection = await database.connect();
for (const row of await (await connection.runAndReadAll(SQL)).getRows()) console.log(row.join('  '));
connection.closeSync();
await rm(directory, { recursive: true });
