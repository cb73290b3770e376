/**
 * Which devices count, where several were worn: of equal milliseconds, or of whole minutes.
 *
 * By minutes any reading is enough. A watch that reads once a minute has nothing more to give, and a strap beside it has sixty: a greater
 * number, or a share of what the busiest device has, would silence the watch whatever its priority. What is decided in a minute needs
 * nothing of another, so a minute comes out the same in every range, and wider rows are made of minutes.
 */
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import type { ReadingColumns } from '../columns.js';
import type { DevicePriority } from '../merge.js';

/** What devices are resolved by: `reading`, equal milliseconds (rule 2); `device`, minutes. */
export const RESOLVES = ['reading', 'device'] as const;

/** How devices are resolved. */
export type Resolve = (typeof RESOLVES)[number];

/** Tells whether a text names how devices are resolved. */
export function isResolve(text: string): text is Resolve {
  return RESOLVES.some((resolve) => resolve === text);
}

/** The best device of each minute of a day. */
export interface MinuteOwners {
  /** A device has readings that count in a minute. */
  offer(minute: number, device: number): void;
  /** The best device that was offered is this one. */
  isOwner(minute: number, device: number): boolean;
}

/** @param devices - of the day, in UTF-8 byte order, which decides between equal and missing ranks. */
export function startOwners(devices: readonly string[], priority: DevicePriority): MinuteOwners {
  // A Map of own entries: an id may be `__proto__` or `constructor`.
  const ranks = new Map(Object.entries(priority));
  const rankOf = Float64Array.from(devices, (device) => ranks.get(device) ?? Number.POSITIVE_INFINITY);
  const owners = new Int32Array(DAY_MS / MINUTE_MS).fill(-1);
  return {
    offer(minute, device) {
      const owner = owners[minute] as number;
      if (owner === device) return;
      const [rank, best] = [rankOf[device] as number, owner < 0 ? Number.POSITIVE_INFINITY : (rankOf[owner] as number)];
      if (owner < 0 || rank < best || (rank === best && device < owner)) owners[minute] = device;
    },
    isOwner: (minute, device) => owners[minute] === device,
  };
}

/**
 * One user's merged readings of a day: row indices of those that are of the best device of their minute.
 * @param columns - as `mergeReadings` returns them: their devices are in UTF-8 byte order.
 */
export function resolveMinutes(columns: ReadingColumns, priority: DevicePriority, dayMs: number): Uint32Array {
  const { length, timestampMs, device, devices } = columns;
  const owners = startOwners(devices, priority);
  const minuteOf = (row: number) => Math.floor(((timestampMs[row] as number) - dayMs) / MINUTE_MS);
  for (let row = 0; row < length; row += 1) owners.offer(minuteOf(row), device[row] as number);
  const rows = new Uint32Array(length);
  let count = 0;
  for (let row = 0; row < length; row += 1) {
    if (!owners.isOwner(minuteOf(row), device[row] as number)) continue;
    rows[count] = row;
    count += 1;
  }
  return rows.subarray(0, count);
}
