/**
 * Rows on an even grid, as a chart draws them: a point that has no rows is `null`, so that a gap stays a gap. Where there are
 * more rows than a screen has room for, a point stands for several; minimum and maximum are kept, so no peak is lost.
 */
import { INTERVAL_MS } from 'hrm-core/client';
import { daysOf } from './range.js';
import type { Rows } from './rows.js';

/** One line's values, a value a point of {@link Grid.startsMs}. */
export interface Line {
  readonly mean: (number | null)[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  readonly count: number[];
}

/** The points that lines are drawn at. */
export interface Grid {
  /** From one point to the next, ms; a whole number of rows. Days have an hour more or less now and then. */
  readonly stepMs: number;
  readonly startsMs: readonly number[];
  /** Behind the last point. */
  readonly endMs: number;
}

/** More than this would share a pixel, also on a large screen. */
const MAX_POINTS = 2_000;

/** The grid of a range of rows this wide, aligned as the rows are: to UTC, and rows of a day to the days of the browser's zone. */
export function makeGrid(fromMs: number, toMs: number, intervalMs: number): Grid {
  const factor = Math.max(1, Math.ceil((toMs - fromMs) / intervalMs / MAX_POINTS));
  const stepMs = factor * intervalMs;
  if (intervalMs === INTERVAL_MS['1d']) {
    const days = daysOf({ fromMs, toMs });
    const startsMs = days.filter((_, i) => i % factor === 0).map((day) => day.fromMs);
    return { stepMs, startsMs, endMs: days.at(-1)?.toMs ?? fromMs };
  }
  const first = Math.floor(fromMs / stepMs) * stepMs;
  const startsMs = Array.from(
    { length: Math.max(0, Math.ceil((toMs - first) / stepMs)) },
    (_, i) => first + i * stepMs,
  );
  return { stepMs, startsMs, endMs: first + startsMs.length * stepMs };
}

/** Puts rows on a grid that covers them. */
export function placeRows({ startsMs, endMs }: Grid, rows: Rows): Line {
  const size = startsMs.length;
  let at = -1;
  const count = new Array<number>(size).fill(0);
  const mean = new Array<number | null>(size).fill(null);
  const min = new Array<number | null>(size).fill(null);
  const max = new Array<number | null>(size).fill(null);
  const { length, startMs } = rows;
  for (let i = 0; i < length; i += 1) {
    const rowMs = startMs[i] ?? 0;
    // Rows and points ascend.
    while (at + 1 < size && (startsMs[at + 1] ?? 0) <= rowMs) at += 1;
    if (at < 0 || rowMs >= endMs) continue;
    const added = rows.count[i] ?? 0;
    const before = count[at] ?? 0;
    const value = rows.mean[i] ?? 0;
    const least = rows.min[i] ?? 0;
    const most = rows.max[i] ?? 0;
    const old = mean[at];
    mean[at] = old == null ? value : (old * before + value * added) / (before + added);
    const oldMin = min[at];
    const oldMax = max[at];
    min[at] = oldMin == null ? least : Math.min(oldMin, least);
    max[at] = oldMax == null ? most : Math.max(oldMax, most);
    count[at] = before + added;
  }
  return { mean, min, max, count };
}
