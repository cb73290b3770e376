import { parquetWriteBuffer } from 'hyparquet-writer';

/** A Parquet file of one reading of ana. */
export function oneRow(device: string, instant: string): Uint8Array {
  const columnData = [
    { name: 'timestamp_ms', data: [BigInt(Date.parse(instant))], type: 'INT64' },
    { name: 'heart_rate', data: [70], type: 'INT32' },
    { name: 'device_id', data: [device], type: 'STRING' },
    { name: 'user_id', data: ['ana'], type: 'STRING' },
  ] as const;
  return new Uint8Array(parquetWriteBuffer({ columnData: columnData as never }));
}
