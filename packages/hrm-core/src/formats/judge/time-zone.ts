/** The instants of wall clocks, by the zones that the machine's or the browser's own Intl knows. */
import { faultError } from '../../errors.js';
import { DAY_MS, MAX_ZONE_OFFSETS, MINUTE_MS } from '../../limits.js';
import type { LocalTime } from '../file-format.js';
import type { FileNote } from './account.js';

/** Turns wall clocks' times into instants, and remembers what was odd. */
export interface TimeZone {
  /** @throws HrmError kind `invalid`, code `time_zone_needed`, where no zone was given. */
  toEpochMs(local: LocalTime): number;
  /** Whether it was used, and how often a time was there twice, or never. */
  notes(): readonly FileNote[];
}

const OFFSET = /^([+-])(\d{2}):(\d{2})$/;

/** Milliseconds for which an offset is remembered: zones change it at quarters of an hour. */
const QUARTER_MS = 15 * MINUTE_MS;

/**
 * A zone for one file.
 * @param name - `Europe/Madrid`, `+02:00`, `UTC`; `undefined`: times without a zone are refused.
 * @throws HrmError kind `invalid`, code `invalid_time_zone`.
 */
export function createTimeZone(name: string | undefined): TimeZone {
  if (name === undefined) return { toEpochMs: refuse, notes: () => [] };
  const offsetAt = offsetsOf(name);
  let [used, twice, never] = [0, 0, 0];
  function toEpochMs({ year, month, day, hour, minute, second, millisecond = 0 }: LocalTime): number {
    used += 1;
    const asUtcMs = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
    const [beforeMs, afterMs] = [offsetAt(asUtcMs - DAY_MS), offsetAt(asUtcMs + DAY_MS)];
    if (beforeMs === afterMs) return asUtcMs - beforeMs;
    const isBefore = offsetAt(asUtcMs - beforeMs) === beforeMs;
    const isAfter = offsetAt(asUtcMs - afterMs) === afterMs;
    if (isBefore && isAfter) twice += 1;
    if (!isBefore && !isAfter) never += 1;
    // The first of two; and of none what the clock showed that nobody had set yet.
    return asUtcMs - (isBefore || !isAfter ? beforeMs : afterMs);
  }
  return {
    toEpochMs,
    notes: () =>
      [
        {
          code: 'time_zone_used',
          message: `the file has no time zone: its times are taken as of ${name}`,
          count: used,
        },
        { code: 'ambiguous_time', message: `the clock was set back in ${name}: the first hour counts`, count: twice },
        { code: 'skipped_time', message: `the clock was set forward in ${name}: there was no such time`, count: never },
      ].filter(({ count }) => count > 0),
  };
}

function refuse(): number {
  const message =
    'its times have no time zone, and none is assumed: say where they were taken, --time-zone Europe/Madrid';
  throw faultError('time_zone_needed', message);
}

/** What a zone's clocks are ahead of UTC by, milliseconds, at an instant. */
function offsetsOf(name: string): (epochMs: number) => number {
  const [, sign, hours, minutes] = OFFSET.exec(name) ?? [];
  if (sign !== undefined) {
    const fixedMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
    return () => fixedMs;
  }
  const format = formatOf(name);
  const known = new Map<number, number>();
  return (epochMs) => {
    const quarter = Math.floor(epochMs / QUARTER_MS);
    const remembered = known.get(quarter);
    if (remembered !== undefined) return remembered;
    if (known.size >= MAX_ZONE_OFFSETS) known.clear();
    const offsetMs = wallClockMs(format, quarter * QUARTER_MS) - quarter * QUARTER_MS;
    known.set(quarter, offsetMs);
    return offsetMs;
  };
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
