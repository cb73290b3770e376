/** Files of tests: any bytes are a file to a storage; these are JSON lists of integers, "readings". */
import { randomBytes } from 'node:crypto';
import type { Partition, Snapshot, Storage } from '../../src/ports/storage.js';

/** A file of these readings. */
export function fileOf(readings: Iterable<number>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([...readings]));
}

/** All readings in a snapshot. @throws when a file is not whole. */
async function readingsIn(snapshot: Snapshot): Promise<Set<number>> {
  const readings = new Set<number>();
  for (const file of snapshot.files) {
    const list: number[] = JSON.parse(Buffer.from(await file.read(0, file.byteLength)).toString());
    for (const reading of list) readings.add(reading);
  }
  return readings;
}

/** All readings that a partition has now. */
export async function storedReadings(storage: Storage, partition: Partition): Promise<Set<number>> {
  const snapshot = await storage.snapshot(partition);
  try {
    return await readingsIn(snapshot);
  } finally {
    await snapshot.close();
  }
}

/** Compacts everything a partition has into one file; removes nothing. */
export async function compactAll(storage: Storage, partition: Partition): Promise<'replaced' | 'conflict'> {
  const snapshot = await storage.snapshot(partition);
  try {
    const supersededName = `part-old-${randomBytes(8).toString('hex')}.parquet`;
    return await storage.replace({ snapshot, supersededName, bytes: fileOf(await readingsIn(snapshot)) });
  } finally {
    await snapshot.close();
  }
}
