/**
 * Rules 2 to 5: from one user's merged readings to the rows of an answer.
 */
import type { ReadingColumns } from './columns.js';
import { takeRows } from './columns.js';
import { type DevicePriority, resolveDevices } from './merge.js';
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

/** What an answer depends on besides the readings. */
export interface Question {
  readonly userId: string;
  /** Only this device's readings count, and rule 2 does not apply. */
  readonly deviceId?: string | undefined;
  /** Inclusive, epoch milliseconds. */
  readonly fromMs: number;
  /** Exclusive, epoch milliseconds. */
  readonly toMs: number;
  readonly intervalMs: number;
  readonly priority: DevicePriority;
}

/**
 * The readings of `columns` that the question is about, before any rule: a file may hold other users, and other times.
 */
export function selectReadings(columns: ReadingColumns, question: Question): ReadingColumns {
  const user = columns.users.indexOf(question.userId);
  const device = question.deviceId === undefined ? -1 : columns.devices.indexOf(question.deviceId);
  const rows = new Uint32Array(columns.length);
  let count = 0;
  for (let i = 0; i < columns.length; i += 1) {
    const timestampMs = columns.timestampMs[i] as number;
    if (columns.user[i] !== user || timestampMs < question.fromMs || timestampMs >= question.toMs) continue;
    if (question.deviceId !== undefined && columns.device[i] !== device) continue;
    rows[count] = i;
    count += 1;
  }
  return count === columns.length ? columns : takeRows(columns, rows.subarray(0, count));
}

/**
 * The rows of an answer, ascending; intervals without readings have none.
 * @param columns - selected by {@link selectReadings}, then merged by `mergeReadings`.
 */
export function answerRows(columns: ReadingColumns, question: Question): Row[] {
  const order = resolveDevices(columns, question.priority);
  const answer: Row[] = [];
  for (let from = 0; from < order.length; ) {
    const bucket = bucketOf(columns, order[from] as number, question.intervalMs);
    let to = from + 1;
    while (to < order.length && bucketOf(columns, order[to] as number, question.intervalMs) === bucket) to += 1;
    answer.push(summarise(columns, order.subarray(from, to), bucket * question.intervalMs));
    from = to;
  }
  return answer;
}

function bucketOf(columns: ReadingColumns, row: number, intervalMs: number): number {
  return Math.floor((columns.timestampMs[row] as number) / intervalMs);
}

function summarise(columns: ReadingColumns, rows: Uint32Array, startMs: number): Row {
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const devices = new Set<number>();
  for (const row of rows) {
    const heartRate = columns.heartRate[row] as number;
    sum += heartRate;
    if (heartRate < min) min = heartRate;
    if (heartRate > max) max = heartRate;
    devices.add(columns.device[row] as number);
  }
  return {
    timestamp: formatTimestamp(startMs),
    // Exactly this: `toFixed` rounds 72.825 down, since no double is 72.825.
    heartRate: Math.round((100 * sum) / rows.length) / 100,
    min,
    max,
    count: rows.length,
    deviceIds: [...devices].sort((a, b) => a - b).map((device) => columns.devices[device] as string),
  };
}
