import { decodeFile } from './whole-files.js';

/** The readings in a file's bytes, in its order, without user and minute. */
export async function rowsOfFile(bytes: Uint8Array) {
  const file = {
    name: 'part-x.parquet',
    version: 'x',
    byteLength: bytes.length,
    ageMs: 0,
    mask: null,
    read: async (from: number, to: number) => new Uint8Array(bytes.subarray(from, to)).buffer,
  };
  const { columns } = await decodeFile(file, { date: '20240115', directory: 'x' });
  return Array.from({ length: columns.length }, (_, row) => ({
    deviceId: columns.devices[columns.device[row] as number],
    timestampMs: columns.timestampMs[row],
    heartRate: columns.heartRate[row],
  }));
}
