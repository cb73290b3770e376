/** Ranges of time as people name them, by the clocks that are shown, and the width of a row that suits them. */

import { type FixedInterval, INTERVAL_MS } from 'hrm-core/client';
import { createFormat, dateAt, momentOf } from './clocks.js';
import { texts } from './texts/texts.js';

/** A range that has a name; `custom`: any other. */
export type Preset = 'day' | 'week' | 'month' | 'year' | 'custom';

/** A half-open range of time. */
export interface Range {
  readonly preset: Preset;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Fewer rows than this are no line. */
const MIN_CHOSEN_ROWS = 5;

/** The day, week (from its Monday on), month or year around a moment. */
export function rangeAround(preset: Exclude<Preset, 'custom'>, atMs: number): Range {
  const at = dateAt(atMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  const monday = day - ((at.getUTCDay() + 6) % 7);
  const [fromMs, toMs] = {
    day: [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)],
    week: [Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7)],
    month: [Date.UTC(year, month), Date.UTC(year, month + 1)],
    year: [Date.UTC(year, 0), Date.UTC(year + 1, 0)],
  }[preset].map(momentOf) as [number, number];
  return { preset, fromMs, toMs };
}

/** The same week, month or year of the year before; a week is 52 weeks before, with the same days of the week. */
export function yearBefore({ preset, fromMs }: Range): Range {
  const from = dateAt(fromMs);
  if (preset === 'week') from.setUTCDate(from.getUTCDate() - 364);
  else from.setUTCFullYear(from.getUTCFullYear() - 1);
  return rangeAround(preset as Exclude<Preset, 'custom'>, momentOf(from.getTime()));
}

/** Whether a moment is in a range. */
export function isIn({ fromMs, toMs }: Range, atMs: number): boolean {
  return fromMs <= atMs && atMs < toMs;
}

/** The days of a range, ascending. A date that the zone skipped is none. */
export function daysOf({ fromMs, toMs }: Pick<Range, 'fromMs' | 'toMs'>): readonly Range[] {
  const days: Range[] = [];
  for (let atMs = fromMs; atMs < toMs; ) {
    const day = rangeAround('day', atMs);
    days.push(day);
    atMs = day.toMs;
  }
  return days;
}

/** The range before (-1) or after (1): the neighbour day, week, month or year, or one as long. */
export function shiftRange({ preset, fromMs, toMs }: Range, by: 1 | -1): Range {
  if (preset !== 'custom') return rangeAround(preset, by === 1 ? toMs : fromMs - 1);
  const lengthMs = toMs - fromMs;
  return { preset, fromMs: fromMs + by * lengthMs, toMs: toMs + by * lengthMs };
}

/** What is asked for a range: for rows of a day whole days, or an hour would pass for a day. */
export function askedRange(range: Range, interval: FixedInterval): Range {
  if (interval !== '1d') return range;
  const { preset, fromMs, toMs } = range;
  return { preset, fromMs: rangeAround('day', fromMs).fromMs, toMs: rangeAround('day', toMs - 1).toMs };
}

/** When the row of a moment begins: a row of a day with its day, others at multiples of their width. */
export function rowStart(atMs: number, intervalMs: number): number {
  if (intervalMs === INTERVAL_MS['1d']) return rangeAround('day', atMs).fromMs;
  return Math.floor(atMs / intervalMs) * intervalMs;
}

/** A part of what is seen, chosen by a pointer: whole rows, and so many of them that there is something to see. */
export function chosenRange(fromMs: number, toMs: number): Range {
  const rowMs = INTERVAL_MS[intervalFor({ fromMs, toMs })];
  const lackMs = Math.max(0, MIN_CHOSEN_ROWS * rowMs - (toMs - fromMs));
  return { preset: 'custom', ...wholeRows(Math.max(0, fromMs - lackMs / 2), toMs + lackMs / 2, rowMs) };
}

/** A closer look at a point: from a year its month, from a month its day, from a day an hour around it; `null`: no closer. */
export function rangeInside({ fromMs, toMs }: Range, atMs: number): Range | null {
  const lengthMs = toMs - fromMs;
  if (lengthMs > 62 * INTERVAL_MS['1d']) return rangeAround('month', atMs);
  if (lengthMs > 2.1 * INTERVAL_MS['1d']) return rangeAround('day', atMs);
  if (lengthMs <= INTERVAL_MS['1h']) return null;
  return chosenRange(Math.max(0, atMs - INTERVAL_MS['1h'] / 2), atMs + INTERVAL_MS['1h'] / 2);
}

/** The day, month or year that a range is a part of; `null`: there is none. */
export function rangeOutside({ fromMs, toMs }: Range): Range | null {
  for (const preset of ['day', 'month', 'year'] as const) {
    const around = rangeAround(preset, fromMs);
    if (around.fromMs <= fromMs && around.toMs >= toMs && around.toMs - around.fromMs > toMs - fromMs) return around;
  }
  return null;
}

/** A range that was the present one at `beforeMs` and has ended since goes on to the present one; others stay. */
export function followNow(range: Range, beforeMs: number, nowMs: number): Range {
  const { preset, toMs } = range;
  return preset !== 'custom' && isIn(range, beforeMs) && nowMs >= toMs ? rangeAround(preset, nowMs) : range;
}

/** The rows that a range is best seen by: a day in minutes, a month in hours, a year in days. */
export function intervalFor({ fromMs, toMs }: Omit<Range, 'preset'>): FixedInterval {
  const days = (toMs - fromMs) / INTERVAL_MS['1d'];
  return days <= 2.1 ? '1m' : days <= 62 ? '1h' : '1d';
}

function wholeRows(fromMs: number, toMs: number, rowMs: number) {
  return { fromMs: Math.floor(fromMs / rowMs) * rowMs, toMs: Math.ceil(toMs / rowMs) * rowMs };
}

const DATE = createFormat({ dateStyle: 'full' });
const MONTH = createFormat({ month: 'long', year: 'numeric' });
const MOMENT = createFormat({ dateStyle: 'medium', timeStyle: 'short' });
const CLOCK = createFormat({ timeStyle: 'medium' });
const MEDIUM_DATE = createFormat({ dateStyle: 'medium' });
const LONG_DATE = createFormat({ dateStyle: 'long' });

/** A range in words. */
export function describeRange({ preset, fromMs, toMs }: Range): string {
  if (preset === 'day') return DATE().format(fromMs);
  if (preset === 'week') return LONG_DATE().formatRange(fromMs, toMs - 1);
  if (preset === 'month') return MONTH().format(fromMs);
  if (preset === 'year') return String(dateAt(fromMs).getUTCFullYear());
  return texts.chart.fromTo(MOMENT().format(fromMs), MOMENT().format(toMs));
}

/** When a point begins; of whole days, the date. */
export function describeMoment(atMs: number, stepMs: number): string {
  return (stepMs % INTERVAL_MS['1d'] === 0 ? MEDIUM_DATE : MOMENT)().format(atMs);
}

/** How much time a point stands for: `5 h`. */
export function describeStep(stepMs: number): string {
  if (stepMs % INTERVAL_MS['1d'] === 0) return texts.chart.days(stepMs / INTERVAL_MS['1d']);
  return stepMs % INTERVAL_MS['1h'] === 0 ? `${stepMs / INTERVAL_MS['1h']} h` : `${stepMs / INTERVAL_MS['1m']} min`;
}

/** Whole minutes: `12 min`, `5 h 07 min`. */
export function describeMinutes(minutes: number): string {
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Up to which age a reading is how the heart is now. */
const NOW_MS = 60_000;

/** How long ago a reading was, in words. */
export function describeAge(ageMs: number): string {
  if (ageMs < NOW_MS) return texts.live.now;
  const days = Math.floor(ageMs / INTERVAL_MS['1d']);
  return texts.live.ago(days >= 2 ? texts.chart.days(days) : describeMinutes(Math.floor(ageMs / INTERVAL_MS['1m'])));
}

/** The time of day, to the second. */
export function describeClock(atMs: number): string {
  return CLOCK().format(atMs);
}
