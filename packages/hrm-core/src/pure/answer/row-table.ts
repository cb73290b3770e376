import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { internStrings } from '../columns.js';
import { formatTimestamp } from '../reading/timestamp.js';

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

/** `10:07:00`. @param minute - of the day, 0 <= m < 1,440. */
export function clockText(minute: number): string {
  const [hours, minutes] = [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0'));
  return `${hours}:${minutes}:00`;
}

/** `T00:00:00Z` to `T23:59:00Z`. */
const MINUTE_TEXTS = Array.from({ length: DAY_MS / MINUTE_MS }, (_, minute) => `T${clockText(minute)}Z`);

/** Formats starts of minutes, `2024-01-15T10:00:00Z`; the date only when it changes. */
function startFormatter(): (startMs: number) => string {
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
