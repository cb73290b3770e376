import { DAY_MS, MINUTE_MS } from '../limits.js';
import { formatTimestamp } from './timestamp.js';

/** One interval that has readings. */
export interface Row {
  /** The interval's start, UTC: `2024-01-15T10:00:00Z`, also where the range cuts inside it. */
  readonly timestamp: string;
  /** Arithmetic mean of the surviving readings in bpm, rounded half-up to 2 decimals. */
  readonly heartRate: number;
  /** bpm. */
  readonly min: number;
  /** bpm. */
  readonly max: number;
  /** Surviving readings, >= 1. */
  readonly count: number;
  /** The devices with a surviving reading, in UTF-8 byte order. */
  readonly deviceIds: readonly string[];
}

/** Rows of an answer, ascending, column by column: arrays of one length. */
export interface RowTable {
  readonly length: number;
  /** The interval's start, epoch milliseconds. */
  readonly startMs: Float64Array;
  /** bpm. */
  readonly sum: Float64Array;
  readonly count: Int32Array;
  /** bpm. */
  readonly min: Int32Array;
  /** bpm. */
  readonly max: Int32Array;
  /** Index into `deviceSets`. */
  readonly deviceSet: Uint32Array;
  /** Distinct lists of device ids, each in UTF-8 byte order. */
  readonly deviceSets: readonly (readonly string[])[];
}

/** The mean of a row, rounded half-up to 2 decimals. Exactly this: `toFixed` rounds 72.825 down, since no double is 72.825. */
export function meanOf(sum: number, count: number): number {
  return Math.round((100 * sum) / count) / 100;
}

/** The rows as objects. */
export function rowsOf({ length, startMs, sum, count, min, max, deviceSet, deviceSets }: RowTable): Row[] {
  const rows = new Array<Row>(length);
  const formatStart = startFormatter();
  for (let i = 0; i < length; i += 1) {
    rows[i] = {
      timestamp: formatStart(startMs[i] as number),
      heartRate: meanOf(sum[i] as number, count[i] as number),
      min: min[i] as number,
      max: max[i] as number,
      count: count[i] as number,
      deviceIds: deviceSets[deviceSet[i] as number] as readonly string[],
    };
  }
  return rows;
}

/** `T00:00:00Z` to `T23:59:00Z`. */
const MINUTE_TEXTS = Array.from({ length: DAY_MS / MINUTE_MS }, (_, m) => {
  const [hour, minute] = [Math.floor(m / 60), m % 60].map((part) => String(part).padStart(2, '0'));
  return `T${hour}:${minute}:00Z`;
});

/** Formats starts of minutes, `2024-01-15T10:00:00Z`; the date only when it changes. */
export function startFormatter(): (startMs: number) => string {
  let dayMs = Number.NaN;
  let date = '';
  return (startMs) => {
    const current = startMs - (startMs % DAY_MS);
    if (current !== dayMs) {
      dayMs = current;
      date = formatTimestamp(dayMs).slice(0, 10);
    }
    return date + (MINUTE_TEXTS[(startMs - dayMs) / MINUTE_MS] as string);
  };
}
