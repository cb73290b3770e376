/**
 * Rollups: what a file's readings come to, minute by minute, so that an answer needs no reading.
 *
 * Of each device apart its buckets hold whatever the priorities are. Of all devices together a minute is the sum of the
 * devices' buckets unless two of them have a reading at the same millisecond (a conflict): then rule 2 drops one, and the
 * minute's survivors are kept under the order of devices that was current. Under another order only those minutes fall
 * back to the readings.
 */
import { DAY_MS, MAX_ROLLUP_BYTES, MINUTE_MS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { type ReadingColumns, ROWS_A_STEP } from '../columns.js';
import { addToMask, wordsFor } from '../device-mask.js';
import { type DevicePriority, rankDevices } from '../merge.js';
import { sortRowsSteps } from '../sort-rows.js';
import { MAX_ROLLUP_DEVICES, rollupBytes } from './rollup-size.js';

/** What a bucket's byte holds; accepted readings stay far below, and those of another writer's file have no rollup then. */
const MAX_BUCKET_BPM = 255;

/** Minutes that have readings, ascending: arrays of one length. */
export interface Buckets {
  /** Of the day, 0 to 1439. */
  readonly minute: Uint16Array;
  /** Readings, >= 1. */
  readonly count: Int32Array;
  /** bpm; at most 60,000 readings of 220. */
  readonly sum: Int32Array;
  /** bpm. */
  readonly min: Uint8Array;
  /** bpm. */
  readonly max: Uint8Array;
}

/** Minutes in which devices disagree, resolved by rule 2. */
export interface Conflicts extends Buckets {
  /** Of each minute the devices that have a surviving reading: `wordsFor(devices.length)` words of a mask. */
  readonly devices: Uint32Array;
}

/** How many of some buckets, which are ascending, lie before a minute of the day. */
export function bucketsBefore({ minute: minutes }: Pick<Buckets, 'minute'>, minute: number): number {
  let [from, to] = [0, minutes.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((minutes[middle] as number) < minute) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The rollup of one user's readings of one day. */
export interface Rollup {
  readonly userId: string;
  /** In UTF-8 byte order. */
  readonly devices: readonly string[];
  /** Of each device. */
  readonly series: readonly Buckets[];
  /** Indices of devices, best first: what `conflicts` were resolved under. */
  readonly order: readonly number[];
  readonly conflicts: Conflicts;
}

/**
 * Rolls up readings, in steps.
 * @param columns - merged by `mergeReadings`, at least one row.
 * @param dayMs - the first millisecond of their day.
 * @returns `null` where there is none: of several users, of another day, of impossible heart rates, too large.
 */
export function* rollUpSteps(columns: ReadingColumns, dayMs: number, priority: DevicePriority): Steps<Rollup | null> {
  const [userId] = columns.users;
  if (userId === undefined || columns.users.length > 1 || columns.length === 0) return null;
  const series = seriesOf(columns);
  if (series.length > MAX_ROLLUP_DEVICES) return null;
  for (let row = 0; row < columns.length; row += 1) {
    if (row % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    const ms = (columns.timestampMs[row] as number) - dayMs;
    const heartRate = columns.heartRate[row] as number;
    if (ms < 0 || ms >= DAY_MS || heartRate < 0 || heartRate > MAX_BUCKET_BPM) return null;
  }
  const devices = series.map(({ device }) => columns.devices[device] as string);
  const order = rankDevices(devices, priority);
  const buckets: Buckets[] = [];
  for (const { fromRow, toRow } of series) {
    buckets.push(bucketsOf(columns, fromRow, toRow, dayMs));
    if (Math.floor(fromRow / ROWS_A_STEP) < Math.floor(toRow / ROWS_A_STEP)) yield;
  }
  const rollup = {
    userId,
    devices,
    series: buckets,
    order,
    conflicts: yield* resolveConflicts(columns, series, order, dayMs),
  };
  return rollupBytes(rollup) > MAX_ROLLUP_BYTES ? null : rollup;
}

/** When a file's readings lie, of each minute from its first to its last: arrays of one length. */
export interface Spans {
  /** Of the day. */
  readonly fromMinute: number;
  /** The first reading, milliseconds of the day; meaningless in a minute without readings. */
  readonly firstMs: Uint32Array;
  /** The last, inclusive. */
  readonly lastMs: Uint32Array;
}

/**
 * Finds when readings lie.
 * @param columns - at least one row, of the day that begins at `dayMs`.
 */
export function spansOf({ timestampMs }: ReadingColumns, dayMs: number): Spans {
  let [first, last] = [DAY_MS, 0];
  for (const ms of timestampMs) {
    first = Math.min(first, ms - dayMs);
    last = Math.max(last, ms - dayMs);
  }
  const fromMinute = Math.floor(first / MINUTE_MS);
  const minutes = Math.floor(last / MINUTE_MS) + 1 - fromMinute;
  const spans = { fromMinute, firstMs: new Uint32Array(minutes).fill(DAY_MS), lastMs: new Uint32Array(minutes) };
  for (const ms of timestampMs) {
    const at = Math.floor((ms - dayMs) / MINUTE_MS) - fromMinute;
    spans.firstMs[at] = Math.min(spans.firstMs[at] as number, ms - dayMs);
    spans.lastMs[at] = Math.max(spans.lastMs[at] as number, ms - dayMs);
  }
  return spans;
}

/** Tells whether two rollups say the same, under the same order. */
export function sameRollup(left: Rollup | null, right: Rollup | null): boolean {
  if (left === null || right === null) return left === right;
  const [a, b] = [left, right].map(({ userId, devices, order }) => JSON.stringify([userId, devices, order]));
  return (
    a === b &&
    left.series.every((buckets, d) => sameBuckets(buckets, right.series[d] as Buckets)) &&
    sameBuckets(left.conflicts, right.conflicts) &&
    sameValues(left.conflicts.devices, right.conflicts.devices)
  );
}

function sameBuckets(left: Buckets, right: Buckets): boolean {
  return (['minute', 'count', 'sum', 'min', 'max'] as const).every((name) => sameValues(left[name], right[name]));
}

function sameValues(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i += 1) if (left[i] !== right[i]) return false;
  return true;
}

interface Series {
  readonly device: number;
  readonly fromRow: number;
  readonly toRow: number;
}

function seriesOf({ device, length }: ReadingColumns): Series[] {
  const series: Series[] = [];
  for (let fromRow = 0; fromRow < length; ) {
    let toRow = fromRow + 1;
    while (toRow < length && device[toRow] === device[fromRow]) toRow += 1;
    series.push({ device: device[fromRow] as number, fromRow, toRow });
    fromRow = toRow;
  }
  return series;
}

/** Collects buckets in ascending order of their minutes. */
function bucketsOf(columns: ReadingColumns, fromRow: number, toRow: number, dayMs: number): Buckets {
  const minute: number[] = [];
  const count: number[] = [];
  const sum: number[] = [];
  const min: number[] = [];
  const max: number[] = [];
  for (let row = fromRow; row < toRow; ) {
    const current = minuteOf(columns, row, dayMs);
    const first = row;
    let [total, low, high] = [0, MAX_BUCKET_BPM, 0];
    for (; row < toRow && minuteOf(columns, row, dayMs) === current; row += 1) {
      const heartRate = columns.heartRate[row] as number;
      total += heartRate;
      if (heartRate < low) low = heartRate;
      if (heartRate > high) high = heartRate;
    }
    minute.push(current);
    count.push(row - first);
    sum.push(total);
    min.push(low);
    max.push(high);
  }
  return toBuckets(minute, count, sum, min, max);
}

/** Buckets of lists of one length. */
export function toBuckets(
  minute: readonly number[],
  count: readonly number[],
  sum: readonly number[],
  min: readonly number[],
  max: readonly number[],
): Buckets {
  return {
    minute: Uint16Array.from(minute),
    count: Int32Array.from(count),
    sum: Int32Array.from(sum),
    min: Uint8Array.from(min),
    max: Uint8Array.from(max),
  };
}

function minuteOf({ timestampMs }: ReadingColumns, row: number, dayMs: number): number {
  return Math.floor(((timestampMs[row] as number) - dayMs) / MINUTE_MS);
}

/** What survives of a minute. */
interface Survivors {
  readonly minute: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly devices: Uint32Array;
}

function* resolveConflicts(
  columns: ReadingColumns,
  series: readonly Series[],
  order: readonly number[],
  dayMs: number,
): Steps<Conflicts> {
  const rows = new Uint32Array(series.length > 1 ? columns.length : 0);
  let at = 0;
  for (const d of series.length > 1 ? order : []) {
    const { fromRow, toRow } = series[d] as Series;
    for (let row = fromRow; row < toRow; row += 1, at += 1) rows[at] = row;
  }
  // Stable, so of equal timestamps the best device's stays first.
  yield* sortRowsSteps(rows, columns.timestampMs, new Uint32Array(rows.length));
  const words = wordsFor(series.length);
  const seriesOfDevice = new Uint32Array(columns.devices.length);
  for (const [s, { device }] of series.entries()) seriesOfDevice[device] = s;
  const found: Survivors[] = [];
  for (let from = 0; from < rows.length; ) {
    const minute = minuteOf(columns, rows[from] as number, dayMs);
    const survivors = { minute, count: 0, sum: 0, min: MAX_BUCKET_BPM, max: 0, devices: new Uint32Array(words) };
    let to = from;
    for (; to < rows.length && minuteOf(columns, rows[to] as number, dayMs) === minute; to += 1) {
      const row = rows[to] as number;
      if (to > from && columns.timestampMs[row] === columns.timestampMs[rows[to - 1] as number]) continue;
      const heartRate = columns.heartRate[row] as number;
      survivors.count += 1;
      survivors.sum += heartRate;
      survivors.min = Math.min(survivors.min, heartRate);
      survivors.max = Math.max(survivors.max, heartRate);
      addToMask(survivors.devices, words, 0, seriesOfDevice[columns.device[row] as number] as number);
    }
    if (survivors.count < to - from) found.push(survivors);
    if (Math.floor(from / ROWS_A_STEP) < Math.floor(to / ROWS_A_STEP)) yield;
    from = to;
  }
  const buckets = toBuckets(
    found.map(({ minute }) => minute),
    found.map(({ count }) => count),
    found.map(({ sum }) => sum),
    found.map(({ min }) => min),
    found.map(({ max }) => max),
  );
  const masks = new Uint32Array(found.length * words);
  for (const [i, { devices }] of found.entries()) masks.set(devices, i * words);
  return { ...buckets, devices: masks };
}
