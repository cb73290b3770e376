/**
 * Stable ids of records: the same value asked for again, in another range or form, has the same id. Each is a UUID of version 8, which
 * begins with the time and ends with 74 bits of a hash of whose value it is.
 * @see RFC 9562, 5.8
 */
import type { RecordSubject, RecordTable } from './table.js';

/** Tells the id of a row of a table. */
export type IdOf = (row: number) => string;

/** Makes the ids of one document. It hashes once a device, by the Web's own cryptography, which browsers have as well. */
export function createRecordIds({
  userId,
  deviceId,
  intervalMs,
}: RecordSubject): (table: RecordTable) => Promise<IdOf> {
  const known = new Map<string | null, string>();
  async function endOf(device: string | null): Promise<string> {
    const found = known.get(device) ?? (await hashedEnd([userId, device, intervalMs]));
    known.set(device, found);
    return found;
  }
  return async ({ startMs, deviceSet, deviceSets }) => {
    if (intervalMs !== null) {
      const end = await endOf(deviceId ?? null);
      return (row) => beginningOf(startMs[row] as number) + end;
    }
    const ends: string[] = [];
    for (const [device = null] of deviceSets) ends.push(await endOf(device));
    return (row) => beginningOf(startMs[row] as number) + (ends[deviceSet[row] as number] as string);
  };
}

function beginningOf(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}

async function hashedEnd(parts: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(digest.subarray(0, 10), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const variant = '89ab'[Number.parseInt(hex.charAt(3), 16) % 4];
  return `8${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
