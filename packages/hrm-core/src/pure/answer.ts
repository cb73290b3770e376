/**
 * Rules 2 to 5: from rollups and one user's merged readings to the rows of a day's answer.
 */
import { DAY_MS, MINUTE_MS } from '../limits.js';
import { internStrings, type ReadingColumns } from './columns.js';
import { resolveDevices } from './merge.js';
import { type DayPlan, FROM_SEVERAL, type PlannedFile } from './plan-query.js';
import type { Question } from './question.js';
import type { Buckets, Rollup } from './rollup.js';
import type { RowTable } from './row-table.js';

const MAX_INT32 = 2 ** 31 - 1;

/** The intervals of a day, as they fill. */
interface Intervals {
  readonly intervalMs: number;
  readonly count: Int32Array;
  readonly sum: Float64Array;
  readonly min: Int32Array;
  readonly max: Int32Array;
  /** Of each interval `words` words: bit d of them says that device d has a surviving reading. */
  readonly devices: Uint32Array;
  readonly words: number;
}

/**
 * The rows of one day, ascending; intervals without readings have none.
 * @param files - as they were planned.
 * @param readings - what `selectReadings` chose of the row groups to read, merged by `mergeReadings`.
 */
export function answerDay(
  files: readonly Pick<PlannedFile, 'rollup'>[],
  { source }: Pick<DayPlan, 'source'>,
  readings: ReadingColumns,
  question: Question,
  dayMs: number,
): RowTable {
  const rollups = files.map(({ rollup }) => (rollup?.userId === question.userId ? rollup : null));
  const { values: devices, indices } = internStrings([
    ...rollups.flatMap((rollup) => rollup?.devices ?? []),
    ...readings.devices,
  ]);
  const intervals = allocate(question.intervalMs, devices.length);
  let at = 0;
  const resolved = new Int32Array(DAY_MS / MINUTE_MS).fill(-1);
  for (const [f, rollup] of rollups.entries()) {
    if (rollup === null) continue;
    const own = indices.subarray(at, at + rollup.devices.length);
    at += rollup.devices.length;
    addRollup(intervals, { rollup, devices: own, file: f, resolved }, question, source);
  }
  addReadings(intervals, readings, indices.subarray(at), question, dayMs);
  return toTable(intervals, devices, dayMs);
}

function allocate(intervalMs: number, devices: number): Intervals {
  const length = DAY_MS / intervalMs;
  const words = Math.max(1, Math.ceil(devices / 32));
  return {
    intervalMs,
    count: new Int32Array(length),
    sum: new Float64Array(length),
    min: new Int32Array(length).fill(MAX_INT32),
    max: new Int32Array(length),
    devices: new Uint32Array(length * words),
    words,
  };
}

/** A file's rollup, and of its devices their numbers in the day. */
interface NumberedRollup {
  readonly rollup: Rollup;
  readonly devices: Uint32Array;
  readonly file: number;
  /** Of each minute the last file whose devices disagree in it. */
  readonly resolved: Int32Array;
}

/** Adds the minutes that are the file's, alone or with others. By plain loops: a day of parts has hundreds of them. */
function addRollup(
  intervals: Intervals,
  { rollup, devices, file, resolved }: NumberedRollup,
  question: Question,
  source: Int32Array,
): void {
  const { conflicts, series } = rollup;
  for (let i = 0; question.deviceId === undefined && i < conflicts.minute.length; i += 1) {
    const minute = conflicts.minute[i] as number;
    resolved[minute] = file;
    const from = source[minute];
    if (from !== file && from !== FROM_SEVERAL) continue;
    const interval = addBucket(intervals, conflicts, i);
    const mask = conflicts.devices[i] as number;
    for (let d = 0; d < devices.length; d += 1) {
      if ((mask & (1 << d)) !== 0) addDevice(intervals, interval, devices[d] as number);
    }
  }
  for (let d = 0; d < series.length; d += 1) {
    if (question.deviceId !== undefined && rollup.devices[d] !== question.deviceId) continue;
    const buckets = series[d] as Buckets;
    for (let i = 0; i < buckets.minute.length; i += 1) {
      const minute = buckets.minute[i] as number;
      const from = source[minute];
      if ((from !== file && from !== FROM_SEVERAL) || resolved[minute] === file) continue;
      addDevice(intervals, addBucket(intervals, buckets, i), devices[d] as number);
    }
  }
}

/** Adds one bucket, and returns the interval it is in. */
function addBucket(intervals: Intervals, { minute, count, sum, min, max }: Buckets, i: number): number {
  const { count: counts, sum: sums, min: mins, max: maxs } = intervals;
  const interval = Math.floor(((minute[i] as number) * MINUTE_MS) / intervals.intervalMs);
  counts[interval] = (counts[interval] as number) + (count[i] as number);
  sums[interval] = (sums[interval] as number) + (sum[i] as number);
  if ((min[i] as number) < (mins[interval] as number)) mins[interval] = min[i] as number;
  if ((max[i] as number) > (maxs[interval] as number)) maxs[interval] = max[i] as number;
  return interval;
}

function addDevice({ devices, words }: Intervals, interval: number, device: number): void {
  const word = interval * words + (device >>> 5);
  devices[word] = (devices[word] as number) | (1 << (device & 31));
}

function addReadings(
  intervals: Intervals,
  readings: ReadingColumns,
  devices: Uint32Array,
  { priority }: Question,
  dayMs: number,
): void {
  const { intervalMs, count, sum, min, max } = intervals;
  for (const row of resolveDevices(readings, priority)) {
    const interval = Math.floor(((readings.timestampMs[row] as number) - dayMs) / intervalMs);
    const heartRate = readings.heartRate[row] as number;
    count[interval] = (count[interval] as number) + 1;
    sum[interval] = (sum[interval] as number) + heartRate;
    if (heartRate < (min[interval] as number)) min[interval] = heartRate;
    if (heartRate > (max[interval] as number)) max[interval] = heartRate;
    addDevice(intervals, interval, devices[readings.device[row] as number] as number);
  }
}

/** By plain loops: iterators over these arrays took more than half of a day's answer. */
function toTable(intervals: Intervals, devices: readonly string[], dayMs: number): RowTable {
  const { intervalMs, count, sum, min, max } = intervals;
  let length = 0;
  for (let i = 0; i < count.length; i += 1) if ((count[i] as number) > 0) length += 1;
  const table = {
    length,
    startMs: new Float64Array(length),
    sum: new Float64Array(length),
    count: new Int32Array(length),
    min: new Int32Array(length),
    max: new Int32Array(length),
    deviceSet: new Uint32Array(length),
  };
  const sets = createDeviceSets(intervals, devices);
  for (let i = 0, row = 0; i < count.length; i += 1) {
    if (count[i] === 0) continue;
    table.startMs[row] = dayMs + i * intervalMs;
    table.sum[row] = sum[i] as number;
    table.count[row] = count[i] as number;
    table.min[row] = min[i] as number;
    table.max[row] = max[i] as number;
    table.deviceSet[row] = sets.indexOf(i);
    row += 1;
  }
  return { ...table, deviceSets: sets.deviceSets };
}

/** Numbers the distinct sets of devices that intervals have. */
function createDeviceSets({ devices: bits, words }: Intervals, devices: readonly string[]) {
  const indices = new Map<string, number>();
  const deviceSets: string[][] = [];
  let last = { interval: -1, index: -1 };
  function isLast(interval: number): boolean {
    if (last.interval < 0) return false;
    for (let w = 0; w < words; w += 1) {
      if (bits[interval * words + w] !== bits[last.interval * words + w]) return false;
    }
    return true;
  }
  function indexOf(interval: number): number {
    // Nearly every interval has the devices of the one before.
    if (isLast(interval)) return last.index;
    const mask = bits.subarray(interval * words, (interval + 1) * words);
    const key = mask.join();
    let index = indices.get(key);
    if (index === undefined) {
      index = deviceSets.length;
      indices.set(key, index);
      deviceSets.push(devices.filter((_, d) => ((mask[d >>> 5] as number) & (1 << (d & 31))) !== 0));
    }
    last = { interval, index };
    return index;
  }
  return { deviceSets, indexOf };
}
