import { DAY_MS, MINUTE_MS } from '../../limits.js';

/** Widths of an answer's rows: UTC-aligned, and each divides a UTC day, so that no row crosses a partition. */
export const INTERVAL_MS = {
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': DAY_MS,
} as const;

/** The name of a row width. */
export type Interval = keyof typeof INTERVAL_MS;

/** The most rows that an answer can have: a slot each; `NaN` where `start` or `end` is no time. Default of the interval: `1m`. */
export function maxRowsOf(question: { start: string; end: string; interval?: Interval | undefined }): number {
  const { start, end, interval = '1m' } = question;
  return (Date.parse(end) - Date.parse(start)) / INTERVAL_MS[interval];
}

/** Tells whether `text` names an interval. */
export function isInterval(text: string): text is Interval {
  return Object.hasOwn(INTERVAL_MS, text);
}

/** The widest row that is no wider than `maxMs`, since it is answered soonest; the narrowest where none is. */
export function widestInterval(maxMs: number): Interval {
  const fitting = Object.entries(INTERVAL_MS).filter(([, intervalMs]) => intervalMs <= maxMs);
  return (fitting.at(-1)?.[0] ?? '1m') as Interval;
}
