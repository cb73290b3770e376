import { DAY_MS, MINUTE_MS } from '../../limits.js';

/** Widths of an answer's rows that are always as long in UTC: each divides a UTC day, so that there no row crosses a partition. */
export const INTERVAL_MS = {
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': DAY_MS,
} as const;

/** The name of a row width that is always as long in UTC. */
export type FixedInterval = keyof typeof INTERVAL_MS;

/** The name of a row width. A week, `1w`, begins on Monday; a month, `1mo`, on its first day. */
export type Interval = FixedInterval | '1w' | '1mo';

/** The widths of rows, ascending. */
export const INTERVALS: readonly Interval[] = [...(Object.keys(INTERVAL_MS) as FixedInterval[]), '1w', '1mo'];

/** The shortest that each of the others is. */
const SHORTEST_MS = { ...INTERVAL_MS, '1w': 7 * DAY_MS, '1mo': 28 * DAY_MS } as const;

/** The most rows that an answer can have, about: a slot each; `NaN` where `start` or `end` is no time. Default of the interval: `1m`. */
export function maxRowsOf(question: { start: string; end: string; interval?: Interval | undefined }): number {
  const { start, end, interval = '1m' } = question;
  return (Date.parse(end) - Date.parse(start)) / SHORTEST_MS[interval];
}

/** Tells whether `text` names an interval. */
export function isInterval(text: string): text is Interval {
  return INTERVALS.some((interval) => interval === text);
}

/** Tells whether an interval is always as long in UTC. */
export function isFixed(interval: Interval): interval is FixedInterval {
  return Object.hasOwn(INTERVAL_MS, interval);
}

/** The widest row that is no wider than `maxMs`, since it is answered soonest; the narrowest where none is. */
export function widestInterval(maxMs: number): FixedInterval {
  const fitting = Object.entries(INTERVAL_MS).filter(([, intervalMs]) => intervalMs <= maxMs);
  return (fitting.at(-1)?.[0] ?? '1m') as FixedInterval;
}
