/** Ranges of time as people name them, in the browser's time zone, and the width of a row that suits them. */

export const INTERVAL_MS = { '1m': 60_000, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '1d': 86_400_000 } as const;

/** The width of a row, as the API names it. */
export type Interval = keyof typeof INTERVAL_MS;

/** A range that has a name; `custom`: any other. */
export type Preset = 'day' | 'month' | 'year' | 'custom';

/** A half-open range of time. */
export interface Range {
  readonly preset: Preset;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The day, month or year around a moment. */
export function rangeAround(preset: Exclude<Preset, 'custom'>, atMs: number): Range {
  const at = new Date(atMs);
  const [year, month, day] = [at.getFullYear(), at.getMonth(), at.getDate()];
  const [from, to] =
    preset === 'day'
      ? [new Date(year, month, day), new Date(year, month, day + 1)]
      : preset === 'month'
        ? [new Date(year, month, 1), new Date(year, month + 1, 1)]
        : [new Date(year, 0, 1), new Date(year + 1, 0, 1)];
  return { preset, fromMs: from.getTime(), toMs: to.getTime() };
}

/** The range before (-1) or after (1): the neighbour day, month or year, or one as long. */
export function shiftRange({ preset, fromMs, toMs }: Range, by: 1 | -1): Range {
  if (preset !== 'custom') return rangeAround(preset, by === 1 ? toMs : fromMs - 1);
  const lengthMs = toMs - fromMs;
  return { preset, fromMs: fromMs + by * lengthMs, toMs: toMs + by * lengthMs };
}

/** The rows that a range is best seen by: a day in minutes, a month in hours, a year in days. */
export function intervalFor({ fromMs, toMs }: Range): Interval {
  const days = (toMs - fromMs) / INTERVAL_MS['1d'];
  return days <= 2.1 ? '1m' : days <= 62 ? '1h' : '1d';
}

/** The browser's time zone and what it is ahead of UTC at a moment: `Europe/Madrid, GMT+1`. */
export function zoneName(atMs: number): string {
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' }).formatToParts(atMs);
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return `${new Intl.DateTimeFormat().resolvedOptions().timeZone}, ${offset}`;
}

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full' });
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const UTC_DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

/** A range in words. */
export function describeRange({ preset, fromMs, toMs }: Range): string {
  if (preset === 'day') return DATE.format(fromMs);
  if (preset === 'month') return MONTH.format(fromMs);
  if (preset === 'year') return String(new Date(fromMs).getFullYear());
  return `${MOMENT.format(fromMs)} to ${MOMENT.format(toMs)}`;
}

/** When a point begins; whole days are UTC's, as the rows are. */
export function describeMoment(atMs: number, stepMs: number): string {
  return stepMs % INTERVAL_MS['1d'] === 0 ? `${UTC_DATE.format(atMs)} (UTC)` : MOMENT.format(atMs);
}

/** The time of day, to the second. */
export function describeClock(atMs: number): string {
  return CLOCK.format(atMs);
}

/** What `datetime-local` shows for a moment. */
export function toLocalInput(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
