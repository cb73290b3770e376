/**
 * Time zones: what their clocks show, by the rules that this machine's or browser's own Intl knows.
 *
 * Intl is asked once for each day of UTC, and where the clocks are set on that day some seventeen times more. What it said is remembered,
 * so that an answer of a year costs 366 questions the first time, and none afterwards.
 */
import { DAY_MS, MAX_TIME_ZONE_LENGTH, MAX_ZONE_DAYS, MAX_ZONES, MINUTE_MS } from '../../limits.js';

/** A stretch of time in which a zone's clocks are not set. It may end although they go on as before. */
interface ClockSpan {
  /** Inclusive, epoch milliseconds. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly untilMs: number;
  /** What clocks show there is so much ahead of UTC; whole seconds. */
  readonly offsetMs: number;
}

/** A time zone. */
export interface Zone {
  /** As it was asked for. */
  readonly name: string;
  /** The stretch that an instant lies in: at most a day of UTC, unless its clocks are never set. */
  spanAt(epochMs: number): ClockSpan;
}

/** UTC, which is the default everywhere. */
export const UTC: Zone = createFixedZone('UTC', 0);

/** What a name may be, in words. */
export const ZONE_EXAMPLES = 'Europe/Madrid, UTC or +02:00';

const OFFSET = /^([+-])([01]\d|2[0-3]):([0-5]\d)$/;

/** Zones by their names, the last used last. */
const known = new Map<string, Zone>();

/**
 * Finds a time zone.
 * @param name - of the IANA database, in any case, or an offset: `Europe/Madrid`, `+02:00`, `UTC`. It may be a stranger's.
 * @returns `null` where there is none.
 */
export function findZone(name: string): Zone | null {
  if (name.length > MAX_TIME_ZONE_LENGTH) return null;
  const [, sign, hours, minutes] = OFFSET.exec(name) ?? [];
  if (sign !== undefined)
    return createFixedZone(name, (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1));
  const zone = known.get(name) ?? createZone(name);
  if (zone === null) return null;
  known.delete(name);
  if (known.size >= MAX_ZONES) known.delete([...known.keys()][0] as string);
  known.set(name, zone);
  return zone;
}

/**
 * The first instant at which a zone's clocks show a time or a later one. A midnight that they skip is the instant at which they skip it,
 * and of a time that they show twice it is the first.
 * @param clockMs - what the clocks show, as if it were UTC, epoch milliseconds.
 */
export function firstAt(zone: Zone, clockMs: number): number {
  // No zone is a day ahead of UTC.
  let span = zone.spanAt(clockMs - DAY_MS);
  while (clockMs - span.offsetMs >= span.untilMs) span = zone.spanAt(span.untilMs);
  return Math.max(span.fromMs, clockMs - span.offsetMs);
}

/**
 * The day of a zone that an instant lies in, as days from 1970-01-01. A day begins when the clocks show its date for the first time, also
 * where they are set back to the day before then.
 */
export function dayAt(zone: Zone, epochMs: number): number {
  let day = Math.floor((epochMs + zone.spanAt(epochMs).offsetMs) / DAY_MS);
  while (firstAt(zone, (day + 1) * DAY_MS) <= epochMs) day += 1;
  return day;
}

/** The instant within `after < t <= before` at which the clocks were set last; `null`: they were not. */
export function lastChange(zone: Zone, afterMs: number, beforeMs: number): number | null {
  let span = zone.spanAt(beforeMs);
  while (span.fromMs > afterMs) {
    const earlier = zone.spanAt(span.fromMs - 1);
    if (earlier.offsetMs !== span.offsetMs) return span.fromMs;
    span = earlier;
  }
  return null;
}

/** An offset as timestamps have it, `-03:00`. @param offsetMs - of {@link shownOffsetMs}. */
export function offsetText(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / MINUTE_MS;
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'));
  return `${offsetMs < 0 ? '-' : '+'}${hour}:${minute}`;
}

/**
 * The offset that timestamps are written with. They can say whole minutes only: of clocks that were ahead by seconds, too, the instant
 * stays right, and what is written differs from what they showed by less than a minute.
 */
export function shownOffsetMs(offsetMs: number): number {
  return Math.round(offsetMs / MINUTE_MS) * MINUTE_MS;
}

function createFixedZone(name: string, offsetMs: number): Zone {
  const span = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY, offsetMs };
  return { name, spanAt: () => span };
}

function createZone(name: string): Zone | null {
  const format = formatOf(name);
  if (format === null) return null;
  const offsetAt = (epochMs: number) => wallClockMs(format, epochMs) - epochMs;
  /** By the day of UTC: at its beginning, and when within it the clocks are set. */
  const offsets = new Map<number, number>();
  const changes = new Map<number, number>();
  function offsetOfDay(day: number): number {
    let offsetMs = offsets.get(day);
    if (offsetMs === undefined) {
      if (offsets.size >= MAX_ZONE_DAYS) offsets.clear();
      offsetMs = offsetAt(day * DAY_MS);
      offsets.set(day, offsetMs);
    }
    return offsetMs;
  }
  function changeOfDay(day: number, firstMs: number): number {
    let changeMs = changes.get(day);
    if (changeMs === undefined) {
      if (changes.size >= MAX_ZONE_DAYS) changes.clear();
      changeMs = findChange(offsetAt, day * DAY_MS, firstMs);
      changes.set(day, changeMs);
    }
    return changeMs;
  }
  return {
    name,
    spanAt(epochMs) {
      const day = Math.floor(epochMs / DAY_MS);
      const [fromMs, untilMs] = [day * DAY_MS, (day + 1) * DAY_MS];
      const [firstMs, lastMs] = [offsetOfDay(day), offsetOfDay(day + 1)];
      if (firstMs === lastMs) return { fromMs, untilMs, offsetMs: firstMs };
      // On one day of UTC clocks are set at most once.
      const changeMs = changeOfDay(day, firstMs);
      if (epochMs < changeMs) return { fromMs, untilMs: changeMs, offsetMs: firstMs };
      return { fromMs: changeMs, untilMs, offsetMs: lastMs };
    },
  };
}

/** Asks by halves where within a day the clocks are set: to the second, since zones have set them a minute past midnight. */
function findChange(offsetAt: (epochMs: number) => number, fromMs: number, firstMs: number): number {
  let [low, high] = [fromMs, fromMs + DAY_MS];
  while (high - low > 1_000) {
    const middle = low + Math.floor((high - low) / 2_000) * 1_000;
    if (offsetAt(middle) === firstMs) low = middle;
    else high = middle;
  }
  return high;
}

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
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
    return null;
  }
}

/** What a wall clock there shows, as if it were UTC. */
function wallClockMs(format: Intl.DateTimeFormat, epochMs: number): number {
  const shown = Object.fromEntries(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
