/**
 * What a caller may ask, before anything is read.
 */
import * as v from 'valibot';
import { type Fault, faultsError, type HrmError } from '../../errors.js';
import { DAY_MS, MAX_QUERY_DAYS, MAX_TIMESTAMP_MS } from '../../limits.js';
import { wireName } from '../../words.js';
import type { DevicePriority } from '../merge.js';
import { IdSchema, isId } from '../reading/reading.js';
import { type Instant, type NaiveTimestamps, parseTimestamp } from '../reading/timestamp.js';
import { findZone, UTC, ZONE_EXAMPLES, type Zone } from '../time/time-zone.js';
import { createGrid, type Grid } from './grid.js';
import { INTERVALS, type Interval, isInterval } from './interval.js';
import { isResolve, RESOLVES, type Resolve } from './resolve.js';

/** One user's heart rate over a half-open range. */
export interface QuestionInput {
  readonly userId: string;
  /** Inclusive; not before 1970. */
  readonly start: Instant;
  /** Exclusive; not before `start`, and at most 3,660 days after it. */
  readonly end: Instant;
  /** Only this device's readings count. */
  readonly deviceId?: string | undefined;
  /** Width of a row; default `1m`. */
  readonly interval?: Interval | undefined;
  /**
   * The time zone whose hours, days, weeks and months the rows are, by its name or offset: `Europe/Madrid`, `-03:00`. Rows are written in its time
   * then, and have an `end`. Default: UTC.
   */
  readonly timeZone?: string | undefined;
  /** Which device wins at equal milliseconds: device_id -> rank, 1 best; default: the smaller device_id. */
  readonly priority?: DevicePriority | undefined;
  /**
   * What priorities decide: `reading`, which of readings at equal milliseconds counts (rule 2); `device`, which device's readings count in a
   * minute, the best that has any. With `deviceId` it does not matter. Default: `reading`.
   */
  readonly resolve?: Resolve | undefined;
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
  /** The intervals of the rows. */
  readonly grid: Grid;
  readonly priority: DevicePriority;
  /** `reading` where one device is asked for: then there is nothing to resolve. */
  readonly resolve: Resolve;
}

/** How faults name a field: as JavaScript callers or as the wire spells it. */
export interface QuestionRules {
  readonly naiveTimestamps: NaiveTimestamps;
  readonly wireNames: boolean;
}

/** Device priorities as settings and calls give them: device_id -> rank, an integer >= 1. */
export const DevicePrioritySchema = v.custom<Readonly<Record<string, number>>>(isPriority);

/** By hand: valibot's `record` skips keys like `constructor`, which are as good device ids as any. */
function isPriority(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A list, a Map or a class has no entries that would be meant.
  if (prototype !== null && prototype !== Object.prototype) return false;
  return Object.entries(value).every(([id, rank]) => isId(id) && Number.isSafeInteger(rank) && Number(rank) >= 1);
}

/**
 * Checks a question, whose fields may hold anything.
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault.
 */
export function parseQuestion(given: QuestionInput, { naiveTimestamps, wireNames }: QuestionRules): Question {
  const input: Partial<QuestionInput> = typeof given === 'object' && given !== null ? given : {};
  const faults = unknownFields(input);
  function fault(name: keyof QuestionInput, message: string): void {
    faults.push({ path: faultPath(name, wireNames), message });
  }
  function checkId(name: 'userId' | 'deviceId'): void {
    const result = v.safeParse(IdSchema, input[name]);
    if (!result.success) fault(name, result.issues[0].message);
  }
  function instant(name: 'start' | 'end'): number {
    const parsed = parseInstant(input[name], naiveTimestamps);
    if (typeof parsed === 'number') return parsed;
    fault(name, parsed);
    return Number.NaN;
  }
  checkId('userId');
  if (input.deviceId !== undefined) checkId('deviceId');
  const fromMs = instant('start');
  const toMs = instant('end');
  if (fromMs > toMs) fault('start', 'must not be after end');
  if (toMs - fromMs > MAX_QUERY_DAYS * DAY_MS) fault('end', `must be at most ${MAX_QUERY_DAYS} days after start`);
  const interval = input.interval ?? '1m';
  if (!isInterval(interval)) fault('interval', `must be one of ${INTERVALS.join(', ')}`);
  const zone = input.timeZone === undefined ? null : zoneOf(input.timeZone);
  if (typeof zone === 'string') fault('timeZone', zone);
  const priority = input.priority ?? {};
  if (!v.is(DevicePrioritySchema, priority)) fault('priority', 'must map device ids to ranks, integers from 1 (best)');
  const resolve = input.resolve ?? 'reading';
  if (!isResolve(resolve)) fault('resolve', `must be one of ${RESOLVES.join(', ')}`);
  if (faults.length > 0) throw queryError(faults);
  const { userId = '', deviceId } = input;
  // A zone that is none has been told.
  const grid = createGrid(interval, typeof zone === 'string' ? UTC : zone);
  return { userId, deviceId, fromMs, toMs, grid, priority, resolve: deviceId === undefined ? resolve : 'reading' };
}

const FIELDS: readonly string[] = ['userId', 'start', 'end', 'deviceId', 'interval', 'timeZone', 'priority', 'resolve'];

/** A name that is misspelled, or is that of something else, would change nothing in silence. */
function unknownFields(input: object): Fault[] {
  const unknown = Object.entries(input).filter(([name, value]) => value !== undefined && !FIELDS.includes(name));
  return unknown.map(([name]) => ({ path: `/${name}`, message: `is no field of a question: ${FIELDS.join(', ')}` }));
}

/** The range of a question as it is asked, epoch ms; `NaN` for an end that is none, which the question is refused for. */
export function rangeOf({ start, end }: Pick<QuestionInput, 'start' | 'end'>): Pick<Question, 'fromMs' | 'toMs'> {
  // Where a time without an offset is allowed at all, it is UTC.
  const [fromMs = Number.NaN, toMs = Number.NaN] = [start, end].map((each) => Number(parseInstant(each, 'utc')));
  return { fromMs, toMs };
}

/**
 * The intervals of rows that were asked for; default minutes of UTC.
 * @throws HrmError kind `invalid`, code `invalid_query`, for a time zone that is none.
 */
export function gridOf({ interval = '1m', timeZone }: Pick<QuestionInput, 'interval' | 'timeZone'>): Grid {
  const zone = timeZone === undefined ? null : zoneOf(timeZone);
  if (typeof zone === 'string') throw queryError([{ path: '/timeZone', message: zone }]);
  return createGrid(interval, zone);
}

/** Where a fault of a field is. @param wireNames - whether the field is told as the wire spells it. */
export function faultPath(name: string, wireNames: boolean): string {
  return `/${wireNames ? wireName(name) : name}`;
}

/** The error of a question that is none. */
export function queryError(faults: readonly Fault[]): HrmError {
  return faultsError('invalid_query', faults, { what: 'the query is not valid' });
}

/** The time zone that a caller names. @returns what is wrong, in words, where it is none. */
export function zoneOf(name: unknown): Zone | string {
  const zone = typeof name === 'string' ? findZone(name) : null;
  if (zone !== null) return zone;
  const isPlusLost = typeof name === 'string' && /^ \d{2}:\d{2}$/.test(name);
  if (isPlusLost) return 'has a space where a + belongs: write the + of an offset as %2B in a URL';
  return `must be a time zone like ${ZONE_EXAMPLES}`;
}

/** An instant in any of its forms as epoch ms. @returns what is wrong, in words, where it is none. */
export function parseInstant(value: unknown, naive: NaiveTimestamps): number | string {
  if (typeof value === 'string') {
    const parsed = parseTimestamp(value, naive);
    return 'fault' in parsed ? parsed.fault : parsed.timestampMs;
  }
  const epochMs = value instanceof Date ? value.getTime() : value;
  if (typeof epochMs === 'number' && Number.isInteger(epochMs) && epochMs >= 0 && epochMs <= MAX_TIMESTAMP_MS)
    return epochMs;
  if (value === undefined) return 'is missing';
  return 'must be a timestamp like 2024-01-15T10:00:00Z, not before 1970';
}
