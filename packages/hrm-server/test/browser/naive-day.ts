/** A local day counted naively, apart from all code under test: loops over readings, and the Temporal API for what a day is. */
import type { Reading } from 'hrm-core';
import { Temporal } from 'temporal-polyfill';

const MINUTE_MS = 60_000;

/** The figures of a day. */
export interface NaiveDay {
  readonly date: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly minutes: number;
  readonly restingRate: number | null;
  readonly longestGapMinutes: number;
  /** Minutes below the first zone, and in each. */
  readonly zones: readonly number[];
}

/** When a date begins and ends. */
export function edgesOf(date: string, timeZone: string): readonly [number, number] {
  const day = Temporal.PlainDate.from(date);
  return [day, day.add({ days: 1 })].map((one) => one.toZonedDateTime(timeZone).epochMilliseconds) as [number, number];
}

/** The first instant of a day at which the clocks are set; `null`: they are not. */
export function changeOf(date: string, timeZone: string): number | null {
  const [startMs, endMs] = edgesOf(date, timeZone);
  const offset = (ms: number) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).offsetNanoseconds;
  for (let atMs = startMs; atMs < endMs; atMs += MINUTE_MS) if (offset(atMs) !== offset(atMs - 1)) return atMs;
  return null;
}

/** The dates of the week that a date is in, from its Monday on. */
export function weekOf(date: string): readonly string[] {
  const day = Temporal.PlainDate.from(date);
  return Array.from({ length: 7 }, (_, i) => day.add({ days: i + 1 - day.dayOfWeek }).toString());
}

/** @param readings - no two at one instant. @returns `null` where there are none on that day. */
export function naiveDay(
  readings: readonly Reading[],
  date: string,
  timeZone: string,
  maxRate: number,
): NaiveDay | null {
  const [startMs, endMs] = edgesOf(date, timeZone);
  const own = readings.filter(({ timestampMs }) => timestampMs >= startMs && timestampMs < endMs);
  if (own.length === 0) return null;
  const rates = own.map(({ heartRate }) => heartRate);
  const byMinute = new Map<number, number[]>();
  for (const { timestampMs, heartRate } of own) {
    const minute = Math.floor((timestampMs - startMs) / MINUTE_MS);
    byMinute.set(minute, [...(byMinute.get(minute) ?? []), heartRate]);
  }
  const means = Array.from({ length: (endMs - startMs) / MINUTE_MS }, (_, minute) => {
    const rates = byMinute.get(minute);
    return rates === undefined ? null : meanOf(rates);
  });
  const runs = means
    .slice(0, -29)
    .map((_, at) => means.slice(at, at + 30).filter((mean) => mean !== null))
    .filter(({ length }) => length >= 24);
  const gaps = means.map((mean) => (mean === null ? '.' : 'x')).join('');
  const starts = [0, 0.5, 0.6, 0.7, 0.8, 0.9].map((share) => share * maxRate - 1e-9);
  const zoneOf = (mean: number) => starts.filter((start) => mean >= start).length - 1;
  const known = means.filter((mean) => mean !== null);
  return {
    date,
    startMs,
    endMs,
    count: own.length,
    min: rates.reduce((a, b) => Math.min(a, b)),
    max: rates.reduce((a, b) => Math.max(a, b)),
    mean: meanOf(rates),
    minutes: known.length,
    restingRate: runs.length === 0 ? null : runs.map(meanOf).reduce((a, b) => Math.min(a, b)),
    longestGapMinutes: gaps.split('x').reduce((most, gap) => Math.max(most, gap.length), 0),
    zones: starts.map((_, zone) => known.filter((mean) => zoneOf(mean) === zone).length),
  };
}

/** Rounded half-up to hundredths, whatever floating point makes of the sum. */
function meanOf(values: readonly number[]): number {
  const hundredths = values.reduce((sum, value) => sum + Math.round(100 * value), 0);
  return Math.floor((2 * hundredths + values.length) / (2 * values.length)) / 100;
}
