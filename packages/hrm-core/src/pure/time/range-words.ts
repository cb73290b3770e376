/** Ranges as people say them: a day, the last hours, since yesterday. */
import { type Fault, faultsError } from '../../errors.js';
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { dateStartMs } from '../partition.js';
import { parseTimestamp } from '../reading/timestamp.js';
import { dayAt, firstAt, type Zone } from './time-zone.js';

/** What may be said of a range; one of `date`, `last`, `since`, or `start` and `end`. */
export interface RangeWords {
  /** An instant. */
  readonly start?: string | undefined;
  /** An instant; with `since` by default now. */
  readonly end?: string | undefined;
  /** A day of the zone: `2026-11-27`. */
  readonly date?: string | undefined;
  /** How long before now: `90m`, `24h`, `7d`, `4w`. A day is 24 hours here, and a week 7 of them. */
  readonly last?: string | undefined;
  /** `today`, `yesterday`, a day of the zone or an instant. */
  readonly since?: string | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: DAY_MS, w: 7 * DAY_MS };

/** 9999-12-31, whose end no instant has a text for. */
const LAST_DAY = 2_932_896;

/**
 * The range that is meant, as a question takes it: whether its instants are any, the question says.
 * @param zone - of the days.
 * @throws HrmError kind `invalid`, code `invalid_query`.
 */
export function rangeOfWords(
  { start, end, date, last, since }: RangeWords,
  zone: Zone,
  nowMs: number,
): { readonly start: string; readonly end: string } {
  const given = Object.entries({ date, last, since, start }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  if (given.length > 1)
    throw refuse(given[0], `cannot go together with ${given.slice(1).join(' and ')}: give one of them`);
  if (end !== undefined && (date ?? last) !== undefined)
    throw refuse('end', `cannot go together with ${given[0]}: leave it out`);
  if (date !== undefined) {
    const day = dayOf(date) ?? dayWords(date, zone, nowMs);
    if (day === null || day >= LAST_DAY) throw refuse('date', 'must be a day like 2026-11-27, today or yesterday');
    return { start: textOf(firstAt(zone, day * DAY_MS)), end: textOf(firstAt(zone, (day + 1) * DAY_MS)) };
  }
  if (last !== undefined) {
    const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(last) ?? [];
    const lengthMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
    if (!(lengthMs > 0 && lengthMs <= nowMs))
      throw refuse('last', 'must be how long before now, like 90m, 24h, 7d or 4w');
    return { start: textOf(nowMs - lengthMs), end: textOf(nowMs) };
  }
  if (since !== undefined) {
    const day = dayOf(since) ?? dayWords(since, zone, nowMs);
    if (day === null && 'fault' in parseTimestamp(since, 'utc'))
      throw refuse('since', 'must be a day like 2026-11-27, today, yesterday, or an instant like 2026-11-27T10:00:00Z');
    return { start: day === null ? since : textOf(firstAt(zone, day * DAY_MS)), end: end ?? textOf(nowMs) };
  }
  if (start === undefined) throw refuse('start', 'is missing: give start and end, or one of date, last and since');
  if (end === undefined) throw refuse('end', 'is missing');
  return { start, end };
}

/** Days from 1970-01-01 to a date; `null` for what is none. */
export function dayOf(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const startMs = dateStartMs(text.replaceAll('-', ''));
  return startMs === null ? null : startMs / DAY_MS;
}

function dayWords(text: string, zone: Zone, nowMs: number): number | null {
  const today = dayAt(zone, nowMs);
  return text === 'today' ? today : text === 'yesterday' ? today - 1 : null;
}

/** Before 1970 there are no readings. */
function textOf(epochMs: number): string {
  return new Date(Math.max(0, epochMs)).toISOString();
}

function refuse(name: string | undefined, message: string) {
  const faults: readonly Fault[] = [{ path: `/${name}`, message }];
  return faultsError('invalid_query', faults, { what: 'the query is not valid' });
}
