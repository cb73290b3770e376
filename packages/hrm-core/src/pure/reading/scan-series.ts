/**
 * Reads series straight from their bytes into columns, as scan-batch.ts reads readings: what is plainly valid, and all of it or nothing.
 *
 * Plain is: a series, an array of them, or a line each, with the ids, the heart rates, and the timestamps or a start and an interval, in any
 * order, and no other members. Blanks may stand between all of them.
 */
import { isUtf8 } from 'node:buffer';
import { MAX_ENQUEUE_READINGS, MAX_SERIES_READINGS, MAX_TIMESTAMP_MS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { gather, gathered, makeRoom, type QueuedReadings } from './queued-readings.js';
import {
  afterBlanks,
  afterSpaces,
  type BatchForm,
  type ByteScan,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  createIdTable,
  type IdTable,
  LINE_END,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  type ScanRules,
  scanHeartRate,
  scanId,
  scanTimestamp,
  ZERO,
} from './scan-bytes.js';
import { isInterval } from './series.js';

/** Values of a list that are read before others have a turn: some hundred microseconds' work. */
const VALUES_A_STEP = 4_096;

/** Bytes of the shortest series, at least. */
const MIN_SERIES_BYTES = 60;

/** Digits of the largest number that is an instant. */
const MAX_DIGITS = 15;

type Skip = (bytes: Buffer, from: number) => number;

interface Scan extends ByteScan {
  readonly users: IdTable;
  readonly devices: IdTable;
  /** What may stand between the tokens of a series. */
  readonly skip: Skip;
}

/** What was read of one series; -1: not yet. */
interface Series {
  user: number;
  device: number;
  /** How many, and in their columns from the row on that the series begins at. */
  timestamps: number;
  heartRates: number;
  startMs: number;
  intervalMs: number;
}

/**
 * Reads series.
 * @param bytes - a body, which nobody has looked at.
 * @param receivedMs - the stamp that its readings get.
 * @returns `null` where they are not plain; what is wrong then, if anything, {@link seriesSteps} says.
 */
export function* scanSeriesSteps(
  bytes: Uint8Array,
  form: BatchForm,
  rules: ScanRules,
  receivedMs: number,
): Steps<QueuedReadings | null> {
  if (!isUtf8(bytes)) return null;
  const capacity = Math.min(MAX_ENQUEUE_READINGS, Math.ceil(bytes.length / MIN_SERIES_BYTES) + 1);
  const scan: Scan = {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    rules,
    users: createIdTable(capacity),
    devices: createIdTable(capacity),
    into: gather(),
    skip: form === 'array' ? afterBlanks : afterSpaces,
    at: 0,
  };
  const isWhole = yield* form === 'lines' ? scanLines(scan) : scanArray(scan);
  if (!isWhole || scan.into.length === 0) return null;
  scan.into.receivedMs.fill(receivedMs, 0, scan.into.length);
  return { ...gathered(scan.into), users: scan.users.ids, devices: scan.devices.ids };
}

function* scanLines(scan: Scan): Steps<boolean> {
  const { bytes } = scan;
  for (let count = 0; ; count += 1) {
    scan.at = afterBlanks(bytes, scan.at);
    if (scan.at === bytes.length) return true;
    if (count === MAX_ENQUEUE_READINGS || !(yield* scanSeries(scan))) return false;
    scan.at = afterSpaces(bytes, scan.at);
    if (scan.at < bytes.length && bytes[scan.at] !== LINE_END) return false;
  }
}

/** Of an array of series, or of one without an array. */
function* scanArray(scan: Scan): Steps<boolean> {
  const { bytes } = scan;
  scan.at = afterBlanks(bytes, 0);
  if (bytes[scan.at] === OPEN_BRACE) return (yield* scanSeries(scan)) && afterBlanks(bytes, scan.at) === bytes.length;
  for (let count = 0; bytes[scan.at] === (count === 0 ? OPEN_BRACKET : COMMA); count += 1) {
    scan.at = afterBlanks(bytes, scan.at + 1);
    if (count === MAX_ENQUEUE_READINGS || !(yield* scanSeries(scan))) return false;
    scan.at = afterBlanks(bytes, scan.at);
  }
  return bytes[scan.at] === CLOSE_BRACKET && afterBlanks(bytes, scan.at + 1) === bytes.length;
}

/** Reads a series, and stands behind it. */
function* scanSeries(scan: Scan): Steps<boolean> {
  const { bytes, skip } = scan;
  const series: Series = { user: -1, device: -1, timestamps: -1, heartRates: -1, startMs: -1, intervalMs: -1 };
  if (bytes[scan.at] !== OPEN_BRACE) return false;
  do {
    scan.at = skip(bytes, scan.at + 1);
    const member = MEMBERS.find(({ key }) => key.equals(bytes.subarray(scan.at, scan.at + key.length)));
    if (member === undefined || series[member.field] !== -1) return false;
    scan.at = skip(bytes, scan.at + member.key.length);
    const value = yield* member.scan(scan);
    if (value < 0) return false;
    series[member.field] = value;
    scan.at = skip(bytes, scan.at);
  } while (bytes[scan.at] === COMMA);
  if (bytes[scan.at] !== CLOSE_BRACE) return false;
  scan.at += 1;
  return addSeries(scan, series);
}

/** Adds what was read, where it is a whole series. */
function addSeries({ into, rules }: Scan, series: Series): boolean {
  const { user, device, timestamps, heartRates, startMs, intervalMs } = series;
  if (user < 0 || device < 0 || heartRates < 1) return false;
  const to = into.length + heartRates;
  if (startMs >= 0 && intervalMs >= 0 && timestamps < 0) {
    const lastMs = startMs + (heartRates - 1) * intervalMs;
    if (lastMs > rules.latestMs || lastMs > MAX_TIMESTAMP_MS) return false;
    for (let i = 0; i < heartRates; i += 1) into.timestampMs[into.length + i] = startMs + i * intervalMs;
  } else if (timestamps !== heartRates || startMs >= 0 || intervalMs >= 0) return false;
  into.user.fill(user, into.length, to);
  into.device.fill(device, into.length, to);
  into.length = to;
  return true;
}

interface Member {
  /** Its name with quotes and colon. */
  readonly key: Buffer;
  readonly field: keyof Series;
  /** Reads its value, and stands behind it. @returns a negative number where it is not plain. */
  readonly scan: (scan: Scan) => Steps<number>;
}

const MEMBERS: readonly Member[] = [
  { key: Buffer.from('"user_id":'), field: 'user', scan: (scan) => scanText(scan, scan.users) },
  { key: Buffer.from('"device_id":'), field: 'device', scan: (scan) => scanText(scan, scan.devices) },
  { key: Buffer.from('"timestamps":'), field: 'timestamps', scan: (scan) => scanList(scan, scanInstant) },
  { key: Buffer.from('"heart_rates":'), field: 'heartRates', scan: (scan) => scanList(scan, scanHeartRate) },
  { key: Buffer.from('"start":'), field: 'startMs', scan: scanStart },
  { key: Buffer.from('"interval_ms":'), field: 'intervalMs', scan: scanInterval },
];

// biome-ignore lint/correctness/useYield: all members are read in one way.
function* scanText(scan: Scan, table: IdTable): Steps<number> {
  if (scan.bytes[scan.at] !== QUOTE) return -1;
  scan.at += 1;
  return scanId(scan, table);
}

/** Reads values into the rows that the series begins at. @returns how many. */
function* scanList(scan: Scan, scanOne: (scan: Scan, row: number) => boolean): Steps<number> {
  const { bytes, skip, into } = scan;
  if (bytes[scan.at] !== OPEN_BRACKET) return -1;
  let count = 0;
  for (;;) {
    const last = Math.min(count + VALUES_A_STEP, MAX_SERIES_READINGS - into.length);
    makeRoom(into, last);
    for (; count < last; count += 1) {
      scan.at = skip(bytes, scan.at + 1);
      if (!scanOne(scan, into.length + count)) return -1;
      scan.at = skip(bytes, scan.at);
      if (bytes[scan.at] === COMMA) continue;
      if (bytes[scan.at] !== CLOSE_BRACKET) return -1;
      scan.at += 1;
      return count + 1;
    }
    if (into.length + count === MAX_SERIES_READINGS) return -1;
    yield;
  }
}

function scanInstant(scan: Scan, row: number): boolean {
  const { bytes, rules, into } = scan;
  if (bytes[scan.at] === QUOTE) {
    scan.at += 1;
    return scanTimestamp(scan, row);
  }
  const epochMs = scanDigits(scan);
  into.timestampMs[row] = epochMs;
  return epochMs >= (rules.earliestMs ?? 0) && epochMs <= rules.latestMs && epochMs <= MAX_TIMESTAMP_MS;
}

// biome-ignore lint/correctness/useYield: all members are read in one way.
function* scanStart(scan: Scan): Steps<number> {
  const { into } = scan;
  // A row that its heart rates may come to, or came to: the timestamp there is not in use yet.
  makeRoom(into, 1);
  return scanInstant(scan, into.length) ? (into.timestampMs[into.length] as number) : -1;
}

// biome-ignore lint/correctness/useYield: all members are read in one way.
function* scanInterval(scan: Scan): Steps<number> {
  const interval = scanDigits(scan);
  return isInterval(interval) ? interval : -1;
}

/** A whole number of digits alone, without a zero before it; -1: there is none. */
function scanDigits(scan: Scan): number {
  const { bytes } = scan;
  const from = scan.at;
  let value = 0;
  for (; scan.at - from <= MAX_DIGITS; scan.at += 1) {
    const digit = (bytes[scan.at] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  const length = scan.at - from;
  return length === 0 || length > MAX_DIGITS || (length > 1 && bytes[from] === ZERO) ? -1 : value;
}
