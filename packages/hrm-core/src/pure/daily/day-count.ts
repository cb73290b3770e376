/**
 * A day in figures, counted from its minutes. The definitions are published in docs/reference/daily.md.
 *
 * A minute counts with its mean as rows show it, in hundredths of a bpm: so sums are exact, whatever their order.
 */
import { MINUTE_MS } from '../../limits.js';
import { hundredthsOf, type RowTable } from '../answer/row-table.js';

/** Minutes that a resting rate is the mean of, and how many of them have readings at least. */
const RESTING_MINUTES = 30;
const RESTING_MINUTES_NEEDED = 24;

/** A day while it is counted. */
export interface DayCount {
  readonly startMs: number;
  readonly endMs: number;
  /** Of each minute from its start on: the readings, and the sum of their bpm. */
  readonly counts: Int32Array;
  readonly sums: Float64Array;
  min: number;
  max: number;
  readonly deviceIds: Set<string>;
}

/** What the minutes of a day come to. */
export interface MinuteFigures {
  readonly minutes: number;
  /** Hundredths of a bpm; `null`: there are no 30 minutes with enough readings. */
  readonly restingHundredths: number | null;
  readonly longestGapMinutes: number;
  /** Below the first zone, and in each. `null`: there are no zones. */
  readonly zoneMinutes: readonly number[] | null;
}

/** A day without readings. */
export function startDay(startMs: number, endMs: number): DayCount {
  const minutes = Math.ceil((endMs - startMs) / MINUTE_MS);
  return {
    startMs,
    endMs,
    counts: new Int32Array(minutes),
    sums: new Float64Array(minutes),
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    deviceIds: new Set(),
  };
}

/**
 * Adds minutes to a day, as long as they are its own.
 * @param from - the first row.
 * @returns the first row that is of a later day.
 */
export function addMinutes(day: DayCount, table: RowTable, from: number): number {
  const { startMs, sum, count, min, max, deviceSet, deviceSets } = table;
  let lastSet = -1;
  let row = from;
  for (; row < table.length && (startMs[row] as number) < day.endMs; row += 1) {
    const minute = Math.floor(((startMs[row] as number) - day.startMs) / MINUTE_MS);
    day.counts[minute] = (day.counts[minute] as number) + (count[row] as number);
    day.sums[minute] = (day.sums[minute] as number) + (sum[row] as number);
    if ((min[row] as number) < day.min) day.min = min[row] as number;
    if ((max[row] as number) > day.max) day.max = max[row] as number;
    // Nearly every minute has the devices of the one before.
    if (deviceSet[row] === lastSet) continue;
    lastSet = deviceSet[row] as number;
    for (const id of deviceSets[lastSet] ?? []) day.deviceIds.add(id);
  }
  return row;
}

/** @param bounds - the lower bounds of the zones, bpm, ascending. */
export function figuresOf({ counts, sums }: DayCount, bounds: readonly number[] | null): MinuteFigures {
  const values = new Int32Array(counts.length);
  const zoneMinutes = bounds === null ? null : new Array<number>(bounds.length + 1).fill(0);
  const boundHundredths = (bounds ?? []).map((bpm) => Math.round(100 * bpm));
  let [minutes, gap, longestGapMinutes] = [0, 0, 0];
  for (let minute = 0; minute < counts.length; minute += 1) {
    const count = counts[minute] as number;
    gap = count === 0 ? gap + 1 : 0;
    longestGapMinutes = Math.max(longestGapMinutes, gap);
    if (count === 0) continue;
    minutes += 1;
    const value = hundredthsOf(sums[minute] as number, count);
    values[minute] = value;
    if (zoneMinutes === null) continue;
    let zone = 0;
    while (zone < boundHundredths.length && value >= (boundHundredths[zone] as number)) zone += 1;
    zoneMinutes[zone] = (zoneMinutes[zone] as number) + 1;
  }
  return { minutes, restingHundredths: restingOf(values), longestGapMinutes, zoneMinutes };
}

/** The lowest mean of 30 minutes in a row. @param values - of each minute, hundredths; 0 where there is none. */
function restingOf(values: Int32Array): number | null {
  let lowest: number | null = null;
  let [sum, count] = [0, 0];
  for (let minute = 0; minute < values.length; minute += 1) {
    const value = values[minute] as number;
    sum += value;
    if (value > 0) count += 1;
    const gone = minute < RESTING_MINUTES ? 0 : (values[minute - RESTING_MINUTES] as number);
    sum -= gone;
    if (gone > 0) count -= 1;
    if (minute < RESTING_MINUTES - 1 || count < RESTING_MINUTES_NEEDED) continue;
    const mean = Math.round(sum / count);
    if (lowest === null || mean < lowest) lowest = mean;
  }
  return lowest;
}
