/**
 * What a reading must be, where readings enter: the wire form of a client, and the form of a queue element. Everything
 * inward of here trusts its types. No message carries the value of a reading, since messages reach logs.
 */
import * as v from 'valibot';
import type { Fault } from '../../errors.js';
import {
  MAX_FAULTS,
  MAX_HEART_RATE_BPM,
  MAX_ID_LENGTH,
  MAX_RECEIVED_MS,
  MAX_TIMESTAMP_MS,
  MIN_HEART_RATE_BPM,
} from '../../limits.js';
import type { Reading } from '../columns.js';
import { isSeries } from './is-series.js';
import { type Instant, type NaiveTimestamps, parseTimestamp } from './timestamp.js';

/** A reading as a client sends it. Other fields are ignored. */
export interface WireReading {
  readonly user_id: string;
  readonly device_id: string;
  /** `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`. */
  readonly timestamp: string;
  /** bpm, integer, 30 to 220 inclusive. */
  readonly heart_rate: number;
}

/** A reading as a JavaScript caller may spell it. */
export interface ReadingInput {
  readonly userId: string;
  readonly deviceId: string;
  readonly timestamp: Instant;
  /** bpm, integer, 30 to 220 inclusive. */
  readonly heartRate: number;
}

/** What decides whether a reading is valid, besides the reading. */
export interface ReadingRules {
  readonly naiveTimestamps: NaiveTimestamps;
  /** The earliest timestamp accepted, epoch ms, inclusive; default 0. */
  readonly earliestMs?: number | undefined;
  /** The latest timestamp accepted, epoch ms, inclusive. */
  readonly latestMs: number;
  /** Only the snake_case names count: the input is straight from a wire. */
  readonly wireOnly: boolean;
}

/** All readings, or every fault. */
export type ParsedReadings =
  | { readonly readings: readonly Reading[] }
  | { readonly faults: readonly Fault[]; readonly faultCount: number };

const ID_FAULT = `must be a string of 1 to ${MAX_ID_LENGTH} characters`;
/** What is wrong with a heart rate that is none. */
export const HEART_RATE_FAULT = `must be an integer from ${MIN_HEART_RATE_BPM} to ${MAX_HEART_RATE_BPM} (bpm)`;
const TIMESTAMP_FAULT = 'must be a string like 2024-01-15T10:00:00Z';
const CONTROL_CHARACTER = /\p{Cc}/u;

/** A user_id or a device_id: kept exactly as sent, never normalised. */
export const IdSchema = v.pipe(
  v.string(ID_FAULT),
  v.minLength(1, ID_FAULT),
  v.maxLength(MAX_ID_LENGTH, ID_FAULT),
  v.check((id) => id.isWellFormed(), 'must be well-formed Unicode: it has a lone surrogate'),
  v.check((id) => !CONTROL_CHARACTER.test(id), 'must not have control characters'),
);

/** Beats per minute. */
export const HeartRateSchema = v.pipe(
  v.number(HEART_RATE_FAULT),
  v.integer(HEART_RATE_FAULT),
  v.minValue(MIN_HEART_RATE_BPM, HEART_RATE_FAULT),
  v.maxValue(MAX_HEART_RATE_BPM, HEART_RATE_FAULT),
);

const EPOCH_MS_FAULT = 'must be an integer, epoch milliseconds from 1970 to 9999';
const EpochMsSchema = v.pipe(
  v.number(EPOCH_MS_FAULT),
  v.integer(EPOCH_MS_FAULT),
  v.minValue(0, EPOCH_MS_FAULT),
  v.maxValue(MAX_TIMESTAMP_MS, EPOCH_MS_FAULT),
);

/** A reading inside a queue element. Producers other than `enqueue` leave out `received_ms`. */
const QueuedReadingSchema = v.object(
  {
    device_id: IdSchema,
    user_id: IdSchema,
    timestamp_ms: EpochMsSchema,
    heart_rate: HeartRateSchema,
    received_ms: v.optional(v.pipe(EpochMsSchema, v.maxValue(MAX_RECEIVED_MS, EPOCH_MS_FAULT))),
  },
  // valibot's own words would repeat the input.
  'must be an object with device_id, user_id, timestamp_ms and heart_rate',
);

/**
 * Validates one reading or many.
 * @param input - untrusted: one reading, or an array of them.
 * @param receivedMs - the stamp that valid readings get.
 * @param firstIndex - of an array: the index of its first reading in the batch that it is a slice of.
 * @returns all readings, or every fault with JSON Pointers (`/3/heart_rate`, or `/heart_rate` for a single reading).
 */
export function parseReadings(input: unknown, rules: ReadingRules, receivedMs: number, firstIndex = 0): ParsedReadings {
  const many = Array.isArray(input);
  const items: readonly unknown[] = many ? input : [input];
  const readings: Reading[] = [];
  const faults: Fault[] = [];
  let faultCount = 0;
  let schema: ReturnType<typeof readingSchema> | undefined;
  for (const [i, item] of items.entries()) {
    const plain = readPlainly(item, rules, receivedMs);
    if (plain !== null) {
      readings.push(plain);
      continue;
    }
    schema ??= readingSchema(rules);
    if (isSeries(item)) {
      faultCount += 1;
      if (faults.length < MAX_FAULTS) faults.push({ path: `/${firstIndex + i}`, message: SERIES_FAULT });
      continue;
    }
    const names = namesOf(item, rules);
    // One fault a value: what is no integer is not out of range, too.
    const result = v.safeParse(schema, toWireNames(item, names), { abortPipeEarly: true });
    if (result.success) {
      const { user_id: userId, device_id: deviceId, timestamp: timestampMs, heart_rate: heartRate } = result.output;
      readings.push({ userId, deviceId, timestampMs, heartRate, receivedMs });
      continue;
    }
    for (const issue of result.issues) {
      faultCount += 1;
      if (faults.length < MAX_FAULTS) {
        faults.push({ path: (many ? `/${firstIndex + i}` : '') + pointer(issue, names), message: explain(issue) });
      }
    }
  }
  return faultCount === 0 ? { readings } : { faults, faultCount };
}

const SERIES_FAULT = 'is a series among readings: send the ones without the others';

/** The schema that has the last word on a reading; see {@link readPlainly} for the fast path beside it. */
function readingSchema(rules: ReadingRules) {
  return v.object(
    {
      user_id: IdSchema,
      device_id: IdSchema,
      timestamp: v.pipe(
        v.string(TIMESTAMP_FAULT),
        v.rawTransform(({ dataset, addIssue, NEVER }) => {
          const judged = judgeText(dataset.value, rules);
          if (typeof judged === 'number') return judged;
          addIssue({ message: judged });
          return NEVER;
        }),
      ),
      heart_rate: HeartRateSchema,
    },
    'must be an object with user_id, device_id, timestamp and heart_rate',
  );
}

type TimeRange = Pick<ReadingRules, 'earliestMs' | 'latestMs'>;

/** Judges an instant as text. @returns epoch ms, or what is wrong with it. */
export function judgeText(text: string, rules: TimeRange & Pick<ReadingRules, 'naiveTimestamps'>): number | string {
  const parsed = parseTimestamp(text, rules.naiveTimestamps);
  return 'fault' in parsed ? parsed.fault : (rangeFault(parsed.timestampMs, rules) ?? parsed.timestampMs);
}

/** Judges an instant as epoch ms. @returns it, or what is wrong with it. */
export function judgeEpochMs(value: number, range: TimeRange): number | string {
  // Of -0 too.
  return isEpochMs(value) ? (rangeFault(value, range) ?? value + 0) : EPOCH_MS_FAULT;
}

/** What is wrong with a user_id or device_id; `undefined`: nothing. */
export function idFault(value: unknown): string | undefined {
  if (isPlainId(value)) return undefined;
  return v.safeParse(IdSchema, value, { abortPipeEarly: true }).issues?.[0].message;
}

function rangeFault(timestampMs: number, { earliestMs = 0, latestMs }: TimeRange): string | undefined {
  if (timestampMs > latestMs) return 'lies too far in the future: check the clock of the device (HRM_MAX_FUTURE_MS)';
  if (timestampMs < earliestMs) return 'lies too far in the past: check the clock of the device (HRM_MAX_PAST_MS)';
  return undefined;
}

/** Ids that need no look at single characters: printable ASCII. */
const PLAIN_ID = /^[ -~]{1,128}$/;

/**
 * Accepts what is plainly valid, and leaves everything else (`null`) to the schema: valid input is nearly all input, and
 * the schema alone costs several times more. A property test holds the two together.
 */
function readPlainly(item: unknown, rules: ReadingRules, receivedMs: number): Reading | null {
  if (typeof item !== 'object' || item === null) return null;
  const { user_id: userId, device_id: deviceId, timestamp, heart_rate: heartRate } = item as Partial<WireReading>;
  if (!isPlainId(userId) || !isPlainId(deviceId) || !isHeartRate(heartRate)) return null;
  if (typeof timestamp !== 'string') return null;
  const timestampMs = judgeText(timestamp, rules);
  if (typeof timestampMs === 'string') return null;
  return { userId, deviceId, timestampMs, heartRate, receivedMs };
}

function isPlainId(value: unknown): value is string {
  return typeof value === 'string' && PLAIN_ID.test(value);
}

/** Tells whether a value is a heart rate, as {@link HeartRateSchema} has it. */
export function isHeartRate(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= MIN_HEART_RATE_BPM && Number(value) <= MAX_HEART_RATE_BPM;
}

function isEpochMs(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_TIMESTAMP_MS;
}

function isReceivedMs(value: unknown): value is number {
  return isEpochMs(value) && value <= MAX_RECEIVED_MS;
}

/** Tells whether a value is a {@link Reading} with every field in its bounds. */
export function isReading(value: unknown): value is Reading {
  if (typeof value !== 'object' || value === null) return false;
  const { userId, deviceId, timestampMs, heartRate, receivedMs } = value as Partial<Reading>;
  return isId(userId) && isId(deviceId) && isEpochMs(timestampMs) && isHeartRate(heartRate) && isReceivedMs(receivedMs);
}

/** Tells whether a value is a user_id or device_id. */
export function isId(value: unknown): value is string {
  return isPlainId(value) || v.is(IdSchema, value);
}

/** How far from its stamp a queued reading may lie that nobody judged before, milliseconds, inclusive. */
export interface QueuedLimits {
  readonly maxFutureMs: number;
  readonly maxPastMs: number;
}

/**
 * Validates a reading inside a queue element; one that has no `received_ms` gets `stampMs`.
 * @param limits - how far beyond and before its stamp a reading without `received_ms` may lie, milliseconds.
 * @returns the reading, or why it is none, without its value.
 */
export function parseQueuedReading(item: unknown, stampMs: number, limits: QueuedLimits): Reading | string {
  const plain = readQueuedPlainly(item);
  if (plain !== null) return plain;
  const result = v.safeParse(QueuedReadingSchema, toWireNames(item, 'wire'));
  if (!result.success) {
    const [issue] = result.issues;
    const field = issue.path?.[0]?.key;
    return `invalid_reading: ${typeof field === 'string' ? `${field} ` : ''}${explain(issue)}`;
  }
  const { device_id: deviceId, user_id: userId, timestamp_ms: timestampMs, heart_rate: heartRate } = result.output;
  const receivedMs = result.output.received_ms;
  if (receivedMs === undefined) {
    const range = { earliestMs: stampMs - limits.maxPastMs, latestMs: stampMs + limits.maxFutureMs };
    const fault = rangeFault(timestampMs, range);
    if (fault !== undefined) return `invalid_reading: timestamp_ms ${fault}`;
  }
  return { userId, deviceId, timestampMs, heartRate, receivedMs: receivedMs ?? stampMs };
}

/** As {@link readPlainly}: what `enqueue` wrote is plainly valid; everything else (`null`) is the schema's. */
function readQueuedPlainly(item: unknown): Reading | null {
  if (typeof item !== 'object' || item === null) return null;
  const { user_id: userId, device_id: deviceId, heart_rate: heartRate } = item as Record<string, unknown>;
  const { timestamp_ms: timestampMs, received_ms: receivedMs } = item as Record<string, unknown>;
  if (!isPlainId(userId) || !isPlainId(deviceId) || !isHeartRate(heartRate)) return null;
  if (!isEpochMs(timestampMs) || !isReceivedMs(receivedMs)) return null;
  return { userId, deviceId, timestampMs, heartRate, receivedMs };
}

type Names = 'wire' | 'camel';

const CAMEL_NAMES: Readonly<Record<string, string>> = {
  user_id: 'userId',
  device_id: 'deviceId',
  timestamp: 'timestamp',
  heart_rate: 'heartRate',
};

function namesOf(item: unknown, rules: ReadingRules): Names {
  if (rules.wireOnly || typeof item !== 'object' || item === null || 'user_id' in item) return 'wire';
  return 'userId' in item || 'deviceId' in item || 'heartRate' in item ? 'camel' : 'wire';
}

function toWireNames(item: unknown, names: Names): unknown {
  // To valibot a list is an object that lacks every field.
  if (names === 'wire') return Array.isArray(item) ? null : item;
  const { userId, deviceId, timestamp, heartRate } = item as Partial<ReadingInput>;
  return { user_id: userId, device_id: deviceId, timestamp: textOf(timestamp), heart_rate: heartRate };
}

/** An instant as text, to be judged like any other; what is no Date or number as it is. */
function textOf(instant: unknown): unknown {
  const epochMs = instant instanceof Date ? instant.getTime() : instant;
  if (typeof epochMs !== 'number') return instant;
  const date = new Date(Number.isInteger(epochMs) ? epochMs : Number.NaN);
  return Number.isNaN(date.getTime()) ? String(date) : date.toISOString();
}

/** The schema of an object has one message for all that it finds, missing fields among them. */
function explain(issue: v.BaseIssue<unknown>): string {
  return issue.type === 'object' && issue.path !== undefined ? 'is missing' : issue.message;
}

function pointer(issue: v.BaseIssue<unknown>, names: Names): string {
  const key = issue.path?.[0]?.key;
  if (typeof key !== 'string') return '';
  return `/${names === 'camel' ? (CAMEL_NAMES[key] ?? key) : key}`;
}
