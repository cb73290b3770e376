/**
 * Many readings of one user and device, as devices and exports have them: a list of instants, or a start and an interval, and a list of heart
 * rates. They become columns at once. What a reading must be is judged as everywhere, by `reading.ts`.
 */
import type { Fault } from '../../errors.js';
import { MAX_FAULTS, MAX_SERIES_INTERVAL_MS, MAX_SERIES_READINGS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { ROWS_A_STEP } from '../columns.js';
import { isSeries } from './is-series.js';
import { type Gathering, gather, gathered, indexOfId, makeRoom, type QueuedReadings } from './queued-readings.js';
import {
  HEART_RATE_FAULT,
  idFault,
  isHeartRate,
  judgeEpochMs,
  judgeText,
  type ReadingInput,
  type ReadingRules,
  type WireReading,
} from './reading.js';
import type { Instant } from './timestamp.js';

/** Many readings of a user and a device, as a client sends them. Other fields are ignored. */
export type WireReadingSeries = {
  readonly user_id: string;
  readonly device_id: string;
  /** bpm, integers, 30 to 220 inclusive; at least one. */
  readonly heart_rates: readonly number[];
} & (
  | {
      /** One for each heart rate: ISO 8601 as in a reading, or epoch milliseconds. */
      readonly timestamps: readonly (string | number)[];
    }
  | {
      /** Of the first heart rate. */
      readonly start: string | number;
      /** From each to the next, milliseconds, integer, 1 to 86,400,000 inclusive. */
      readonly interval_ms: number;
    }
);

/** The same as a JavaScript caller may spell it. */
export type ReadingSeries = {
  readonly userId: string;
  readonly deviceId: string;
  /** bpm, integers, 30 to 220 inclusive; at least one. */
  readonly heartRates: readonly number[];
} & (
  | {
      /** One for each heart rate. */
      readonly timestamps: readonly Instant[];
    }
  | {
      /** Of the first heart rate. */
      readonly start: Instant;
      /** From each to the next, milliseconds, integer, 1 to 86,400,000 inclusive. */
      readonly intervalMs: number;
    }
);

/** One or many readings, or one or many series of them. */
export type Enqueueable =
  | ReadingInput
  | WireReading
  | readonly (ReadingInput | WireReading)[]
  | ReadingSeries
  | WireReadingSeries
  | readonly (ReadingSeries | WireReadingSeries)[];

/** Tells whether what is sent together is series: the first of it that has any form decides. */
export function areSeries(input: unknown): boolean {
  if (!Array.isArray(input)) return isSeries(input);
  return isSeries(input.find((item) => typeof item === 'object' && item !== null && !Array.isArray(item)));
}

/** How many readings something sent stands for: those of a series, or one. */
function readingsIn(item: unknown): number {
  if (!isSeries(item)) return 1;
  const series = item as Fields;
  return Math.max(1, listOf(series, namesOf(series, false).heartRates)?.length ?? 0);
}

/** The readings of all series, in their order, or every fault. */
export type ParsedSeries =
  | {
      readonly readings: QueuedReadings;
      /** Of each series the row after its last. */
      readonly ends: readonly number[];
    }
  | { readonly faults: readonly Fault[]; readonly faultCount: number };

/**
 * Validates series, in steps.
 * @param input - untrusted: one series, or an array of them; nobody counted their readings. See {@link countSeries}.
 * @param receivedMs - the stamp that valid readings get.
 * @returns all readings, or every fault with JSON Pointers (`/3/heart_rates/17`, or `/heart_rates/17` for a single series).
 */
export function* seriesSteps(input: unknown, rules: ReadingRules, receivedMs: number): Steps<ParsedSeries> {
  const isMany = Array.isArray(input);
  const items: readonly unknown[] = isMany ? input : [input];
  const found: Found = { into: gather(), faults: [], faultCount: 0 };
  const ends: number[] = [];
  for (const [i, item] of items.entries()) {
    yield* readSeries(item, isMany ? `/${i}` : '', { rules, found });
    ends.push(found.into.length);
  }
  if (found.faultCount > 0) return { faults: found.faults, faultCount: found.faultCount };
  found.into.receivedMs.fill(receivedMs, 0, found.into.length);
  return { readings: gathered(found.into), ends };
}

/** What was found so far. */
interface Found {
  readonly into: Gathering;
  readonly faults: Fault[];
  faultCount: number;
}

interface Judging {
  readonly rules: ReadingRules;
  readonly found: Found;
}

type Fields = Readonly<Record<string, unknown>>;

const WIRE = {
  userId: 'user_id',
  deviceId: 'device_id',
  heartRates: 'heart_rates',
  intervalMs: 'interval_ms',
} as const;
const CAMEL = { userId: 'userId', deviceId: 'deviceId', heartRates: 'heartRates', intervalMs: 'intervalMs' } as const;
type Names = typeof WIRE | typeof CAMEL;

function namesOf(item: Fields, wireOnly: boolean): Names {
  if (wireOnly || 'user_id' in item) return WIRE;
  return 'userId' in item || 'deviceId' in item || 'heartRates' in item ? CAMEL : WIRE;
}

function* readSeries(item: unknown, path: string, { rules, found }: Judging): Steps<void> {
  if (!isSeries(item)) {
    addFault(found, path, NO_SERIES_FAULT);
    return;
  }
  const { into } = found;
  const series = item as Fields;
  const names = namesOf(series, rules.wireOnly);
  const before = found.faultCount;
  // The caller may change it between two steps.
  const [userId, deviceId] = [series[names.userId], series[names.deviceId]];
  for (const [name, id] of [[names.userId, userId] as const, [names.deviceId, deviceId] as const]) {
    const fault = name in series ? idFault(id) : MISSING;
    if (fault !== undefined) addFault(found, `${path}/${name}`, fault);
  }
  const rates = listOf(series, names.heartRates);
  const length = rates?.length ?? 0;
  makeRoom(into, length);
  if ('timestamps' in series || !('start' in series)) yield* readInstants(series, length, path, { rules, found });
  else yield* countInstants(series, rates, names, path, { rules, found });
  if (rates === null) {
    addFault(found, `${path}/${names.heartRates}`, names.heartRates in series ? NO_LIST_FAULT : MISSING);
    return;
  }
  if (length === 0) addFault(found, `${path}/${names.heartRates}`, 'must have at least one heart rate');
  for (let i = 0; i < length; i += 1) {
    if (i % ROWS_A_STEP === 0) yield;
    const rate = rates[i];
    if (isHeartRate(rate)) into.heartRate[into.length + i] = rate;
    else addFault(found, `${path}/${names.heartRates}/${i}`, HEART_RATE_FAULT);
  }
  if (found.faultCount > before) return;
  const to = into.length + length;
  into.user.fill(indexOfId(into.users, userId as string), into.length, to);
  into.device.fill(indexOfId(into.devices, deviceId as string), into.length, to);
  into.length = to;
}

function* readInstants(series: Fields, length: number, path: string, { rules, found }: Judging): Steps<void> {
  const { timestamps } = series;
  if (!Array.isArray(timestamps)) {
    addFault(found, `${path}/timestamps`, 'timestamps' in series ? NO_LIST_FAULT : MISSING);
    return;
  }
  if ('start' in series) addFault(found, `${path}/start`, 'must not stand beside timestamps: leave one out');
  if (timestamps.length !== length && length > 0) {
    const message = `must be as many as the heart rates, which are ${length}, and are ${timestamps.length}`;
    addFault(found, `${path}/timestamps`, message);
  }
  const { into } = found;
  for (let i = 0; i < Math.min(timestamps.length, length); i += 1) {
    if (i % ROWS_A_STEP === 0) yield;
    const judged = judgeInstant(timestamps[i], rules);
    if (typeof judged === 'number') into.timestampMs[into.length + i] = judged;
    else addFault(found, `${path}/timestamps/${i}`, judged);
  }
}

function* countInstants(
  series: Fields,
  rates: readonly unknown[] | null,
  names: Names,
  path: string,
  { rules, found }: Judging,
): Steps<void> {
  const { into } = found;
  const startMs = judgeInstant(series.start, rules);
  if (typeof startMs === 'string') addFault(found, `${path}/start`, startMs);
  const intervalMs = series[names.intervalMs];
  if (!isInterval(intervalMs)) {
    addFault(found, `${path}/${names.intervalMs}`, names.intervalMs in series ? INTERVAL_FAULT : MISSING);
    return;
  }
  if (typeof startMs === 'string') return;
  for (let i = 0; i < (rates?.length ?? 0); i += 1) {
    if (i % ROWS_A_STEP === 0) yield;
    const judged = judgeEpochMs(startMs + i * intervalMs, rules);
    if (typeof judged === 'string') {
      // All that follow lie there, too.
      addFault(found, `${path}/${names.heartRates}/${i}`, `its time, counted from the start, ${judged}`);
      return;
    }
    into.timestampMs[into.length + i] = judged;
  }
}

/** Tells whether a value is an interval between readings. */
export function isInterval(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_SERIES_INTERVAL_MS;
}

function judgeInstant(value: unknown, rules: ReadingRules): number | string {
  if (typeof value === 'string') return judgeText(value, rules);
  if (typeof value === 'number') return judgeEpochMs(value, rules);
  if (value instanceof Date && !rules.wireOnly) return judgeEpochMs(value.getTime(), rules);
  return 'must be a string like 2024-01-15T10:00:00Z, or epoch milliseconds';
}

const MISSING = 'is missing';
const NO_LIST_FAULT = 'must be an array';
const INTERVAL_FAULT = `must be an integer from 1 to ${MAX_SERIES_INTERVAL_MS} (milliseconds)`;
const NO_SERIES_FAULT =
  'must be a series, with user_id, device_id, heart_rates, and timestamps or start and interval_ms: send it without readings';

function listOf(series: Fields, name: string): readonly unknown[] | null {
  const list = series[name];
  return Array.isArray(list) ? list : null;
}

function addFault(found: Found, path: string, message: string): void {
  found.faultCount += 1;
  if (found.faults.length < MAX_FAULTS) found.faults.push({ path, message });
}

/** How many readings series have, all together, as far as it is not too many. @returns more than {@link MAX_SERIES_READINGS} where it is. */
export function countSeries(input: unknown): number {
  let count = 0;
  for (const item of Array.isArray(input) ? input : [input]) {
    count += readingsIn(item);
    if (count > MAX_SERIES_READINGS) break;
  }
  return count;
}
