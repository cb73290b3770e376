/** Files of the contract's columns that other programs wrote, by their defaults. */
import { rm, writeFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import * as arrow from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as parquetWasm from 'parquet-wasm';

/** A row, which need not be a reading. */
export interface ForeignRow {
  readonly timestampMs: number | bigint;
  readonly heartRate: number;
  readonly deviceId: string;
  readonly userId: string;
  readonly receivedMinute: number;
}

/** Writes rows in their order. */
export type ForeignWriter = (path: string, rows: readonly ForeignRow[]) => Promise<void>;

/** By hyparquet-writer, with what the footer is to say. */
export async function writeByHyparquet(
  path: string,
  rows: readonly ForeignRow[],
  kvMetadata: { key: string; value: string }[] = [],
): Promise<void> {
  const required = (name: string, type: 'INT32' | 'INT64') => ({ name, type, repetition_type: 'REQUIRED' as const });
  const text = (name: string) =>
    ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }) as const;
  const bytes = parquetWriteBuffer({
    kvMetadata,
    schema: [
      { name: 'root', num_children: 5 },
      required('timestamp_ms', 'INT64'),
      required('heart_rate', 'INT32'),
      text('device_id'),
      text('user_id'),
      required('received_minute', 'INT32'),
    ],
    columnData: [
      { name: 'timestamp_ms', data: rows.map(({ timestampMs }) => BigInt(timestampMs)) },
      { name: 'heart_rate', data: rows.map(({ heartRate }) => heartRate) },
      { name: 'device_id', data: rows.map(({ deviceId }) => deviceId) },
      { name: 'user_id', data: rows.map(({ userId }) => userId) },
      { name: 'received_minute', data: rows.map(({ receivedMinute }) => receivedMinute) },
    ],
  });
  await writeFile(path, Buffer.from(bytes));
}

/** By arrow-rs. @param properties - changes its defaults. */
export async function writeByArrow(
  path: string,
  rows: readonly ForeignRow[],
  properties: (builder: parquetWasm.WriterPropertiesBuilder) => parquetWasm.WriterPropertiesBuilder = (same) => same,
): Promise<void> {
  const { Field, Int32, Int64, Utf8, vectorFromArray } = arrow;
  const columns = [
    ['timestamp_ms', new Int64(), rows.map(({ timestampMs }) => BigInt(timestampMs))],
    ['heart_rate', new Int32(), rows.map(({ heartRate }) => heartRate)],
    ['device_id', new Utf8(), rows.map(({ deviceId }) => deviceId)],
    ['user_id', new Utf8(), rows.map(({ userId }) => userId)],
    ['received_minute', new Int32(), rows.map(({ receivedMinute }) => receivedMinute)],
  ] as const;
  const schema = new arrow.Schema(columns.map(([name, type]) => new Field(name, type, false)));
  const children = columns.map(([, type, values]) => vectorFromArray(values, type).data[0] as arrow.Data);
  const struct = arrow.makeData({ type: new arrow.Struct(schema.fields), length: rows.length, nullCount: 0, children });
  const stream = arrow.tableToIPC(new arrow.Table(schema, [new arrow.RecordBatch(schema, struct)]), 'stream');
  const writer = properties(new parquetWasm.WriterPropertiesBuilder()).build();
  await writeFile(path, parquetWasm.writeParquet(parquetWasm.Table.fromIPCStream(stream), writer));
}

/** By DuckDB. @param options - of COPY, each after a comma. */
export async function writeByDuckDb(path: string, rows: readonly ForeignRow[], options = ''): Promise<void> {
  const json = `${path}.json`;
  await writeFile(json, rows.map((row) => JSON.stringify({ ...row, timestampMs: Number(row.timestampMs) })).join('\n'));
  const duckdb = await (await DuckDBInstance.create()).connect();
  try {
    await duckdb.run(
      `COPY (SELECT timestampMs::BIGINT AS timestamp_ms, heartRate::INTEGER AS heart_rate, deviceId AS device_id,
         userId AS user_id, receivedMinute::INTEGER AS received_minute FROM read_json('${json}', format = 'newline_delimited'))
       TO '${path}' (FORMAT parquet${options})`,
    );
  } finally {
    duckdb.closeSync();
    await rm(json);
  }
}

/** By name. DuckDB writes OPTIONAL columns; arrow-rs dictionaries of integers; hyparquet-writer either. */
export const FOREIGN_WRITERS: Readonly<Record<string, ForeignWriter>> = {
  'hyparquet-writer': (path, rows) => writeByHyparquet(path, rows),
  'arrow-rs': (path, rows) => writeByArrow(path, rows),
  DuckDB: (path, rows) => writeByDuckDb(path, rows),
};
