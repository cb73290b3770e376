/** How large a rollup is. It is held whole, and everybody waits while it is decoded: so a too large one is not made. */
import { DAY_MS, MAX_ROLLUP_BYTES, MINUTE_MS } from '../../limits.js';
import { wordsFor } from '../device-mask.js';

/** Bytes of a bucket as a rollup is encoded, at most: minute 2, count 3, minimum 2, maximum 2, sum 4; held, it takes 12. */
export const BUCKET_BYTES = 13;

/** Of a device in memory: five arrays and their objects. */
const DEVICE_BYTES = 600;

/** Of a word of a conflict's devices, as it is encoded, at most. */
const WORD_BYTES = 5;

/** Devices that no rollup exceeds. */
export const MAX_ROLLUP_DEVICES = Math.floor(MAX_ROLLUP_BYTES / DEVICE_BYTES);

/** What of a rollup decides its size. */
interface Sized {
  readonly devices: readonly string[];
  readonly series: readonly { readonly minute: ArrayLike<number> }[];
  readonly conflicts: { readonly minute: ArrayLike<number> };
}

/** What a rollup takes in memory or inflated, whichever is more, at most. */
export function rollupBytes({ devices, series, conflicts }: Sized): number {
  const buckets = series.reduce((sum, { minute }) => sum + minute.length, 0);
  return sizeOf(devices, buckets, conflicts.minute.length);
}

/** Whether a user's day has a rollup, however many conflicts there are. @param buckets - of all devices together. */
export function mustHaveRollup(devices: readonly string[], buckets: number): boolean {
  return sizeOf(devices, buckets, DAY_MS / MINUTE_MS) <= MAX_ROLLUP_BYTES;
}

function sizeOf(devices: readonly string[], buckets: number, conflicts: number): number {
  // A code unit of an id is at most three bytes.
  const ids = devices.reduce((sum, device) => sum + 3 * device.length, 0);
  const conflictBytes = BUCKET_BYTES + WORD_BYTES * wordsFor(devices.length);
  return ids + devices.length * DEVICE_BYTES + buckets * BUCKET_BYTES + conflicts * conflictBytes;
}
