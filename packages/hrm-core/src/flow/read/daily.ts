/** A user's days in figures, counted from minutes: docs/reference/daily.md says what each of them means. */
import type { Fault } from '../../errors.js';
import { DAY_MS, MAX_QUERY_DAYS, MINUTE_MS } from '../../limits.js';
import type { Storage } from '../../ports/storage.js';
import { createGrid } from '../../pure/answer/grid.js';
import { faultPath, gridOf, queryError, zoneOf } from '../../pure/answer/question.js';
import type { Resolve } from '../../pure/answer/resolve.js';
import { instantFormatter } from '../../pure/answer/row-instants.js';
import { meanOf } from '../../pure/answer/row-table.js';
import { addMinutes, type DayCount, figuresOf, type MinuteFigures, startDay } from '../../pure/daily/day-count.js';
import { type ZoneInput, zoneBounds } from '../../pure/daily/heart-zones.js';
import { type DayQuality, qualityOf } from '../../pure/daily/quality.js';
import { DAYS_BEFORE, type Trends, trendsOf } from '../../pure/daily/trends.js';
import type { DevicePriority } from '../../pure/merge.js';
import { dayOf } from '../../pure/time/range-words.js';
import { dayAt, firstAt, UTC } from '../../pure/time/time-zone.js';
import { rankBefore, zonesBy } from '../../pure/user-settings.js';
import { sortUtf8Steps } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { createYielder } from '../files/yielder.js';
import { type QueryComponents, type QueryOptions, queryTables } from './query.js';
import { readableSettings } from './users/user-settings.js';

/** Which days of a user, and by what they are judged. */
export interface DailyInput extends Omit<ZoneInput, 'zones'> {
  readonly userId: string;
  /** The first day: `2026-11-01`. */
  readonly start: string;
  /** The day to stop before, at most 3,600 days later. */
  readonly end: string;
  /** Whose days these are; default as the user's settings say, else UTC. */
  readonly timeZone?: string | undefined;
  /** Only this device's readings count. */
  readonly deviceId?: string | undefined;
  /** As of a query, for devices that the user's settings give no rank. */
  readonly priority?: DevicePriority | undefined;
  /** As of a query. */
  readonly resolve?: Resolve | undefined;
}

/** A zone of effort on a day. */
export interface ZoneTime {
  /** The lower bound, bpm, inclusive; 0 of what is below the first zone. */
  readonly fromBpm: number;
  /** Minutes whose mean is in it. */
  readonly minutes: number;
}

/** A day in figures. Heart rates are in bpm, means rounded half-up to 2 decimals. */
export interface DayFigures extends Trends {
  /** `2026-11-27`. */
  readonly date: string;
  /** In the time zone: `2026-11-27T00:00:00-03:00`. */
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
  readonly min: number;
  readonly max: number;
  /** Of all readings, as a row of this day has it. */
  readonly mean: number;
  /** Readings, >= 1. */
  readonly count: number;
  /** Minutes with readings, >= 1. */
  readonly minutes: number;
  /** The lowest mean of 30 minutes in a row; `null` where none has enough readings. */
  readonly restingRate: number | null;
  /** Minutes in a row without readings, at most. */
  readonly longestGapMinutes: number;
  /** Below the first zone, and the five zones; `null` where neither a maximum nor a year of birth is given. */
  readonly zones: readonly ZoneTime[] | null;
  readonly quality: DayQuality;
  /** In UTF-8 byte order. */
  readonly deviceIds: readonly string[];
}

/**
 * Tells a user's days in figures, ascending; days without readings are left out. It reads what a query of their minutes reads, and 27 days
 * more, for the trends. What is not said is as the user's settings say: the time zone, and what zones are made of. It is no medical advice.
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault; as a query otherwise.
 * @example
 * const days = await daily({ storage }, {
 *   userId: 'ana', start: '2026-11-01', end: '2026-12-01', timeZone: 'Europe/Madrid', maxHeartRate: 185,
 * });
 */
export async function daily(
  components: QueryComponents,
  asked: DailyInput,
  options: QueryOptions = {},
): Promise<readonly DayFigures[]> {
  const { firstDay, lastDay } = checkDaily(asked, options.wireNames === true);
  const input: DailyInput & ZoneInput = await dailyAsUserSays(components, asked);
  const { userId, timeZone, deviceId, priority, resolve } = input;
  const zone = gridOf({ timeZone }).zone ?? UTC;
  const days = createGrid('1d', zone);
  const yielder = createYielder(options);
  const start = Math.max(0, firstAt(zone, (firstDay - DAYS_BEFORE) * DAY_MS));
  const question = { userId, start, end: firstAt(zone, lastDay * DAY_MS), deviceId, timeZone, priority, resolve };
  const resting = new Map<number, number>();
  const all: DayFigures[] = [];
  let open: DayCount | null = null;
  async function close(count: DayCount): Promise<void> {
    const day = dayAt(zone, count.startMs);
    const year = new Date(day * DAY_MS).getUTCFullYear();
    const bounds = zoneBounds(input, year);
    const figures = figuresOf(count, bounds);
    if (figures.restingHundredths !== null) resting.set(day, figures.restingHundredths);
    if (day < firstDay) return;
    const deviceIds = await inTurns(sortUtf8Steps([...count.deviceIds]), yielder.yieldTurn);
    const format = instantFormatter(zone);
    all.push({
      date: new Date(day * DAY_MS).toISOString().slice(0, 10),
      start: format(count.startMs),
      end: format(count.endMs),
      ...figuresToDay(count, figures, bounds),
      ...trendsOf(resting, day),
      deviceIds,
    });
  }
  for await (const table of queryTables(components, question, options)) {
    for (let row = 0; row < table.length; ) {
      const startMs = table.startMs[row] as number;
      if (open !== null && startMs >= open.endMs) {
        await close(open);
        open = null;
      }
      if (open === null) {
        const [dayStartMs = startMs, dayEndMs = startMs] = days.edgesOf(startMs, startMs + 1);
        open = startDay(dayStartMs, dayEndMs);
      }
      row = addMinutes(open, table, row);
    }
    await yielder.yieldTurn();
  }
  if (open !== null) await close(open);
  return all;
}

/**
 * A question with what the user's settings say, where it says nothing. {@link daily} asks so by itself: this is for who has to know the time zone.
 * @throws HrmError kind `unavailable`.
 */
export async function dailyAsUserSays(
  { storage }: { readonly storage: Pick<Storage, 'settingsFile'> },
  asked: DailyInput,
): Promise<DailyInput> {
  const own = await readableSettings({ storage }, asked.userId);
  const { timeZone = own.timeZone, priority = {} } = asked;
  return { ...zonesBy(asked, own), timeZone, priority: rankBefore(own.devicePriority, priority) };
}

function figuresToDay(count: DayCount, figures: MinuteFigures, bounds: readonly number[] | null) {
  const { counts, sums, min, max, startMs, endMs } = count;
  const { minutes, restingHundredths, longestGapMinutes, zoneMinutes } = figures;
  const readings = counts.reduce((sum, one) => sum + one, 0);
  return {
    min,
    max,
    mean: meanOf(
      sums.reduce((sum, one) => sum + one, 0),
      readings,
    ),
    count: readings,
    minutes,
    restingRate: restingHundredths === null ? null : restingHundredths / 100,
    longestGapMinutes,
    zones: zoneMinutes?.map((inZone, i) => ({ fromBpm: bounds?.[i - 1] ?? 0, minutes: inZone })) ?? null,
    quality: qualityOf(minutes, (endMs - startMs) / MINUTE_MS, longestGapMinutes),
  };
}

/** The days, counted from 1970-01-01. @throws HrmError kind `invalid`, code `invalid_query`; the query judges the rest. */
function checkDaily(input: DailyInput, wireNames: boolean): { readonly firstDay: number; readonly lastDay: number } {
  const faults: Fault[] = [];
  function fault(name: keyof DailyInput, message: string): void {
    faults.push({ path: faultPath(name, wireNames), message });
  }
  function day(name: 'start' | 'end'): number {
    const found = typeof input[name] === 'string' ? dayOf(input[name]) : null;
    if (found === null) fault(name, 'must be a day like 2026-11-27, not before 1970');
    return found ?? Number.NaN;
  }
  function whole(name: 'maxHeartRate' | 'birthYear' | 'restingRate', [min, max]: readonly [number, number]): void {
    const value = input[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= min && value <= max))
      fault(name, `must be a whole number from ${min} to ${max}`);
  }
  const [firstDay, lastDay] = [day('start'), day('end')];
  if (firstDay > lastDay) fault('start', 'must not be after end');
  if (lastDay - firstDay > MAX_DAILY_DAYS) fault('end', `must be at most ${MAX_DAILY_DAYS} days after start`);
  const zone = input.timeZone === undefined ? UTC : zoneOf(input.timeZone);
  if (typeof zone === 'string') fault('timeZone', zone);
  whole('maxHeartRate', [100, 250]);
  whole('birthYear', [1880, 2200]);
  whole('restingRate', [20, 99]);
  if (faults.length > 0) throw queryError(faults);
  return { firstDay, lastDay };
}

/** A daily question as the wire has it: every value a text. What it cannot be is refused when it is asked. */
export interface WireDaily {
  readonly start: string;
  readonly end: string;
  readonly time_zone?: string | undefined;
  readonly device_id?: string | undefined;
  readonly resolve?: string | undefined;
  readonly max_heart_rate?: string | undefined;
  readonly birth_year?: string | undefined;
  readonly resting_rate?: string | undefined;
}

/** The same for {@link daily}. */
export function dailyOfWire(userId: string, wire: WireDaily): DailyInput {
  const { start, end, time_zone: timeZone, device_id: deviceId } = wire;
  const [maxHeartRate, birthYear, restingRate] = [wire.max_heart_rate, wire.birth_year, wire.resting_rate].map(
    numberOf,
  );
  // What is none the query refuses.
  const resolve = wire.resolve as Resolve | undefined;
  return { userId, start, end, timeZone, deviceId, resolve, maxHeartRate, birthYear, restingRate };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

/** The days that a range has a part of, as {@link DailyInput} has them. */
export function daysOfRange({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }, timeZone?: string) {
  const zone = gridOf({ timeZone }).zone ?? UTC;
  const [first, behind] = [dayAt(zone, fromMs), toMs > fromMs ? dayAt(zone, toMs - 1) + 1 : dayAt(zone, toMs)];
  const [start = '', end = ''] = [first, behind].map((day) => new Date(day * DAY_MS).toISOString().slice(0, 10));
  return { start, end };
}

/** So that the days before the first, and a day's hours more or less, are within what a query may ask. */
const MAX_DAILY_DAYS = MAX_QUERY_DAYS - 60;

/** What stands before a user's days, in the names of the wire. */
export function dailyToWire({ userId, timeZone = 'UTC' }: Pick<DailyInput, 'userId' | 'timeZone'>) {
  return { user_id: userId, time_zone: timeZone };
}

/** A day for programs, in the names of the wire. */
export function dayToWire(day: DayFigures) {
  const { date, start, end, min, max, mean, count, minutes, quality } = day;
  return {
    ...{ date, start, end, min, max, mean, count, minutes },
    resting_rate: day.restingRate,
    resting_mean_7: day.restingMean7,
    resting_mean_28: day.restingMean28,
    longest_gap_minutes: day.longestGapMinutes,
    zones: day.zones?.map(({ fromBpm, minutes: inZone }) => ({ from_bpm: fromBpm, minutes: inZone })) ?? null,
    quality,
    device_ids: day.deviceIds,
  };
}
