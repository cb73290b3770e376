import { internStrings } from '../columns.js';
import { type Grid, UTC_MINUTES } from './grid.js';
import { instantFormatter } from './row-instants.js';

/** One interval that has readings. */
export interface Row {
  /**
   * The interval's start, also where the range cuts inside it: UTC, `2024-01-15T10:00:00Z`, or in the time zone that was asked for,
   * `2024-01-15T10:00:00-03:00`.
   */
  readonly timestamp: string;
  /** The interval's end, exclusive, in the time zone that was asked for; not there where none was. */
  readonly end?: string | undefined;
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

/** One table of two, of which the second begins where the first ends, in the midst of an interval perhaps. */
export function joinTables(left: RowTable, right: RowTable): RowTable {
  if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left;
  const last = left.length - 1;
  const isCut = left.startMs[last] === right.startMs[0];
  const from = isCut ? 1 : 0;
  const shift = left.deviceSets.length;
  const deviceSets = [...left.deviceSets, ...right.deviceSets];
  const table = {
    length: left.length + right.length - from,
    startMs: Float64Array.of(...left.startMs, ...right.startMs.subarray(from)),
    sum: Float64Array.of(...left.sum, ...right.sum.subarray(from)),
    count: Int32Array.of(...left.count, ...right.count.subarray(from)),
    min: Int32Array.of(...left.min, ...right.min.subarray(from)),
    max: Int32Array.of(...left.max, ...right.max.subarray(from)),
    deviceSet: Uint32Array.of(...left.deviceSet, ...right.deviceSet.subarray(from).map((set) => set + shift)),
    deviceSets,
  };
  if (!isCut) return table;
  table.sum[last] = (table.sum[last] as number) + (right.sum[0] as number);
  table.count[last] = (table.count[last] as number) + (right.count[0] as number);
  table.min[last] = Math.min(table.min[last] as number, right.min[0] as number);
  table.max[last] = Math.max(table.max[last] as number, right.max[0] as number);
  const sets = [left.deviceSet[last] as number, (right.deviceSet[0] as number) + shift];
  table.deviceSet[last] = deviceSets.length;
  deviceSets.push(internStrings(sets.flatMap((set) => deviceSets[set] ?? [])).values);
  return table;
}

/** The rows `from <= i < to`. */
export function sliceTable(table: RowTable, from: number, to: number): RowTable {
  return {
    length: to - from,
    startMs: table.startMs.subarray(from, to),
    sum: table.sum.subarray(from, to),
    count: table.count.subarray(from, to),
    min: table.min.subarray(from, to),
    max: table.max.subarray(from, to),
    deviceSet: table.deviceSet.subarray(from, to),
    deviceSets: table.deviceSets,
  };
}

/** The mean of a row, rounded half-up to 2 decimals. Exactly this: `toFixed` rounds 72.825 down, since no double is 72.825. */
export function meanOf(sum: number, count: number): number {
  return hundredthsOf(sum, count) / 100;
}

/** The same in hundredths. */
export function hundredthsOf(sum: number, count: number): number {
  return Math.round((100 * sum) / count);
}

/** The rows as objects. @param grid - the intervals that they are of; default: UTC's, which are written without their end. */
export function rowsOf(
  { length, startMs, sum, count, min, max, deviceSet, deviceSets }: RowTable,
  { zone, endOf }: Pick<Grid, 'zone' | 'endOf'> = UTC_MINUTES,
): Row[] {
  const rows = new Array<Row>(length);
  const format = instantFormatter(zone);
  for (let i = 0; i < length; i += 1) {
    const start = startMs[i] as number;
    const row = {
      timestamp: format(start),
      heartRate: meanOf(sum[i] as number, count[i] as number),
      min: min[i] as number,
      max: max[i] as number,
      count: count[i] as number,
      deviceIds: deviceSets[deviceSet[i] as number] as readonly string[],
    };
    rows[i] = zone === null ? row : { ...row, end: format(endOf(start)) };
  }
  return rows;
}
