/**
 * Where an answer's rows begin and end: by the clocks of a time zone.
 *
 * Intervals up to an hour are counted from the midnight that the clocks show, and end where the clocks are set: an hour that they show
 * twice is two rows. A day begins when the clocks show its date for the first time, and so do weeks and months; so a day has 23 or 25
 * hours now and then, and a date that a zone skipped has no row. Every instant is in one interval, and each follows upon the one before.
 */
import { DAY_MS } from '../../limits.js';
import { dayAt, firstAt, lastChange, UTC, type Zone } from '../time/time-zone.js';
import { INTERVAL_MS, type Interval, isFixed } from './interval.js';

/** The intervals of an answer. */
export interface Grid {
  readonly interval: Interval;
  /** The zone that was asked for: rows are written in its time, with their end. `null`: none, and they are UTC's. */
  readonly zone: Zone | null;
  /** Whether each interval lies within a day of UTC. */
  readonly isWithinDays: boolean;
  /**
   * The starts of all intervals that have a part of a range, ascending, and the end of the last; epoch milliseconds. Of an empty range
   * there are none, and its start stands alone.
   */
  edgesOf(fromMs: number, toMs: number): Float64Array;
  /** The end of the interval that begins at an instant. */
  endOf(startMs: number): number;
}

/** The intervals of a zone. @param zone - `null`: none was asked for. */
export function createGrid(interval: Interval, zone: Zone | null): Grid {
  const { startOf, endOf } = isWide(interval) ? datesOf(interval, zone ?? UTC) : clocksOf(interval, zone ?? UTC);
  return {
    interval,
    zone,
    isWithinDays: zone === null && isFixed(interval),
    edgesOf(fromMs, toMs) {
      if (fromMs >= toMs) return Float64Array.of(fromMs);
      const edges = [startOf(fromMs)];
      for (let endMs = endOf(edges[0] as number); ; endMs = endOf(endMs)) {
        edges.push(endMs);
        if (endMs >= toMs) return new Float64Array(edges);
      }
    },
    endOf,
  };
}

/** Intervals that are made of whole dates. */
type WideInterval = '1d' | '1w' | '1mo';

function isWide(interval: Interval): interval is WideInterval {
  return interval === '1d' || !isFixed(interval);
}

/** Intervals within a day of the clock. */
function clocksOf(interval: Exclude<Interval, WideInterval>, zone: Zone) {
  const widthMs = INTERVAL_MS[interval];
  let span = zone.spanAt(0);
  /** Nearly every instant is in the span of the one before. */
  function spanOf(epochMs: number) {
    if (epochMs < span.fromMs || epochMs >= span.untilMs) span = zone.spanAt(epochMs);
    return span;
  }
  /** How far into the interval the clock is. */
  function since(epochMs: number): number {
    const clockMs = epochMs + spanOf(epochMs).offsetMs;
    return clockMs - Math.floor(clockMs / widthMs) * widthMs;
  }
  return {
    startOf(epochMs: number): number {
      const startMs = epochMs - since(epochMs);
      return lastChange(zone, startMs, epochMs) ?? startMs;
    },
    endOf(startMs: number): number {
      const endMs = startMs + widthMs - since(startMs);
      if (endMs <= spanOf(startMs).untilMs) return endMs;
      return firstChange(zone, startMs, endMs) ?? endMs;
    },
  };
}

/** The first instant within `after < t < before` at which the clocks are set; `null`: they are not. */
function firstChange(zone: Zone, afterMs: number, beforeMs: number): number | null {
  let found: number | null = null;
  for (let atMs = beforeMs - 1; ; ) {
    const changeMs = lastChange(zone, afterMs, atMs);
    if (changeMs === null) return found;
    found = changeMs;
    atMs = changeMs - 1;
  }
}

/** Intervals of whole dates. */
function datesOf(interval: WideInterval, zone: Zone) {
  const beginning = (day: number) => firstAt(zone, day * DAY_MS);
  return {
    startOf: (epochMs: number) => beginning(firstDay(interval, dayAt(zone, epochMs))),
    endOf(startMs: number): number {
      let day = firstDay(interval, dayAt(zone, startMs));
      let endMs = startMs;
      // A date that was skipped would be an interval of no length.
      while (endMs <= startMs) {
        day = nextDay(interval, day);
        endMs = beginning(day);
      }
      return endMs;
    },
  };
}

/** 1970-01-01 is a Thursday. */
const DAYS_SINCE_MONDAY = 3;

/** The first day of a day's interval. Days are counted from 1970-01-01. */
function firstDay(interval: WideInterval, day: number): number {
  if (interval === '1d') return day;
  if (interval === '1w') return Math.floor((day + DAYS_SINCE_MONDAY) / 7) * 7 - DAYS_SINCE_MONDAY;
  const date = new Date(day * DAY_MS);
  return day - (date.getUTCDate() - 1);
}

/** The first day of the next interval. @param first - of an interval. */
function nextDay(interval: WideInterval, first: number): number {
  if (interval === '1d') return first + 1;
  if (interval === '1w') return first + 7;
  const date = new Date(first * DAY_MS);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) / DAY_MS;
}

/** Minutes of UTC, which are the default. */
export const UTC_MINUTES: Grid = createGrid('1m', null);
