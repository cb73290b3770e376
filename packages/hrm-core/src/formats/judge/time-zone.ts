/** The instants of wall clocks, by the zones that the machine's or the browser's own Intl knows. */
import { faultError } from '../../errors.js';
import { DAY_MS, MAX_FILE_DEVICES, MAX_ZONE_DAYS, MINUTE_MS } from '../../limits.js';
import type { FormatContext, LocalTime } from '../file-format.js';
import type { FileNote } from './account.js';
import { createFolds, type Folds } from './folds.js';

/** Turns wall clocks' times into instants, and remembers what was odd. */
export interface TimeZone extends Pick<FormatContext, 'toEpochMs'> {
  /** Times that became no instant since no zone was given. */
  missingCount(): number;
  /** Whether it was used, and how often a time was there twice, or never. */
  notes(): readonly FileNote[];
}

const OFFSET = /^([+-])(\d{2}):(\d{2})$/;

/**
 * A zone for one file.
 * @param name - `Europe/Madrid`, `+02:00`, `UTC`; `undefined`: times without a zone are no instants.
 * @throws HrmError kind `invalid`, code `invalid_time_zone`.
 */
export function createTimeZone(name: string | undefined): TimeZone {
  if (name === undefined) return createNoZone();
  const offsetAt = offsetsOf(name);
  const folds = new Map<string, Folds>();
  let [used, twice, never] = [0, 0, 0];
  function foldsOf(series: string): Folds {
    let found = folds.get(series);
    if (found !== undefined) return found;
    // More series than devices that are told apart are dropped anyway.
    if (folds.size >= MAX_FILE_DEVICES) folds.clear();
    found = createFolds();
    folds.set(series, found);
    return found;
  }
  return {
    toEpochMs(local, series = '') {
      used += 1;
      const wallMs = wallMsOf(local);
      const [beforeMs, afterMs] = [offsetAt(wallMs - DAY_MS), offsetAt(wallMs + DAY_MS)];
      const isBefore = beforeMs === afterMs || offsetAt(wallMs - beforeMs) === beforeMs;
      const isAfter = beforeMs !== afterMs && offsetAt(wallMs - afterMs) === afterMs;
      const isSecond = foldsOf(series).isSecond(wallMs, isBefore && isAfter);
      if (isBefore && isAfter) twice += 1;
      if (!isBefore && !isAfter) {
        never += 1;
        return 'no_time';
      }
      return wallMs - (isBefore && !isSecond ? beforeMs : afterMs);
    },
    missingCount: () => 0,
    notes: () =>
      [
        {
          code: 'time_zone_used',
          message: `times without a time zone are taken as of ${name}`,
          count: used,
        },
        {
          code: 'ambiguous_time',
          message: `the clock was set back in ${name}: of the hour that was there twice the first counts, until the times go back`,
          count: twice,
        },
        {
          code: 'skipped_time',
          message: `the clock was set forward in ${name}: there was no such time, and the value has none`,
          count: never,
        },
      ].filter(({ count }) => count > 0),
  };
}

const ZONE_NEEDED =
  'times have no time zone, and none is assumed: say where they were taken, --time-zone Europe/Madrid';

function createNoZone(): TimeZone {
  let missing = 0;
  return {
    toEpochMs() {
      missing += 1;
      return 'no_zone';
    },
    missingCount: () => missing,
    notes: () => (missing === 0 ? [] : [{ code: 'no_zone', message: `some ${ZONE_NEEDED}`, count: missing }]),
  };
}

/** The error of a file of which no time has a zone, where none was given. */
export function timeZoneNeededError() {
  return faultError('time_zone_needed', `its ${ZONE_NEEDED}`);
}

function wallMsOf({ year, month, day, hour, minute, second, millisecond = 0 }: LocalTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
}

/** What a zone's clocks are ahead of UTC by on one day of UTC, milliseconds; they are set at most once. */
interface ZoneDay {
  readonly firstMs: number;
  readonly lastMs: number;
  /** The instant from which on the last counts. */
  readonly changeMs: number;
}

/** What a zone's clocks are ahead of UTC by, milliseconds, at an instant. */
function offsetsOf(name: string): (epochMs: number) => number {
  const [, sign, hours, minutes] = OFFSET.exec(name) ?? [];
  if (sign !== undefined) {
    const fixedMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
    return () => fixedMs;
  }
  const format = formatOf(name);
  const days = new Map<number, ZoneDay>();
  return (epochMs) => {
    const number = Math.floor(epochMs / DAY_MS);
    let day = days.get(number);
    if (day === undefined) {
      if (days.size >= MAX_ZONE_DAYS) days.clear();
      day = zoneDay((ms) => wallClockMs(format, ms) - ms, number * DAY_MS);
      days.set(number, day);
    }
    return epochMs < day.changeMs ? day.firstMs : day.lastMs;
  };
}

/** Asks by halves where within a day the clocks are set: to the second, since zones have set them a minute past midnight. */
function zoneDay(offsetAt: (epochMs: number) => number, fromMs: number): ZoneDay {
  const [firstMs, lastMs] = [offsetAt(fromMs), offsetAt(fromMs + DAY_MS)];
  if (firstMs === lastMs) return { firstMs, lastMs, changeMs: fromMs };
  let [low, high] = [fromMs, fromMs + DAY_MS];
  while (high - low > 1_000) {
    const middle = low + Math.floor((high - low) / 2_000) * 1_000;
    if (offsetAt(middle) === firstMs) low = middle;
    else high = middle;
  }
  return { firstMs, lastMs, changeMs: high };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    const message = `${JSON.stringify(timeZone)} is no time zone: name one such as Europe/Madrid, UTC or +02:00`;
    throw faultError('invalid_time_zone', message);
  }
}

/** What a wall clock there shows, as if it were UTC. */
function wallClockMs(format: Intl.DateTimeFormat, epochMs: number): number {
  const shown = Object.fromEntries(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
