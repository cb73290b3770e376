import { eachOfMask, wordsFor } from '../device-mask.js';
import type { DevicePriority } from '../merge.js';
import type { Buckets, Rollup } from './rollup.js';

/** Minutes of a day, half-open. */
export interface MinuteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Tells whether two rollups say the same of the minutes of a range, whatever devices they know besides. `null` says that
 * there is nothing.
 */
export function sayTheSame(left: Rollup | null, right: Rollup | null, range: MinuteRange): boolean {
  return describe(left, range) === describe(right, range);
}

/** The priorities under which a rollup's order is the current one. */
export function priorityOf({ devices, order }: Rollup): DevicePriority {
  return Object.fromEntries(order.map((device, place) => [devices[device] as string, place + 1]));
}

function describe(rollup: Rollup | null, range: MinuteRange): string {
  if (rollup === null) return '';
  const { userId, devices, series, conflicts } = rollup;
  const ofDevices = series.flatMap((buckets, d) => {
    const rows = rowsIn(buckets, range);
    return rows.length === 0 ? [] : [[devices[d], rows]];
  });
  if (ofDevices.length === 0) return '';
  const words = wordsFor(devices.length);
  const survivors: (string | undefined)[][] = [];
  for (const [i, minute] of conflicts.minute.entries()) {
    if (minute < range.from || minute >= range.to) continue;
    const own: (string | undefined)[] = [];
    eachOfMask(conflicts.devices, words, i, (d) => own.push(devices[d]));
    survivors.push(own);
  }
  return JSON.stringify([userId, ofDevices, rowsIn(conflicts, range), survivors]);
}

function rowsIn({ minute, count, sum, min, max }: Buckets, { from, to }: MinuteRange): (number | undefined)[][] {
  const rows: (number | undefined)[][] = [];
  for (const [i, at] of minute.entries()) if (at >= from && at < to) rows.push([at, count[i], sum[i], min[i], max[i]]);
  return rows;
}
