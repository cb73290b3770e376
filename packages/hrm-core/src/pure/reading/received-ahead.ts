/**
 * Readings that were received ahead of the clock. Of two readings of a device at one millisecond the one counts that was received in
 * the later minute (rule 1): so where a clock was ahead and has been set right, a correction counts only once that minute is over.
 */
import { MAX_CLOCK_SKEW_MS, MINUTE_MS } from '../../limits.js';
import type { ReadingColumns } from '../columns.js';

/** How many there are, and until when corrections of them are in vain. */
export interface ReceivedAhead {
  readonly readings: number;
  /** The first millisecond of the latest minute that one was received in; `null`: there is none. */
  readonly latestMs: number | null;
}

/** No such readings. */
export const NONE_AHEAD: ReceivedAhead = { readings: 0, latestMs: null };

/** Counts the readings that were received later than now, by more than clocks differ. */
export function countAhead({ receivedMinute }: ReadingColumns, nowMs: number): ReceivedAhead {
  const nowMinute = Math.floor((nowMs + MAX_CLOCK_SKEW_MS) / MINUTE_MS);
  let [readings, latest] = [0, 0];
  for (let row = 0; row < receivedMinute.length; row += 1) {
    const minute = receivedMinute[row] as number;
    if (minute <= nowMinute) continue;
    readings += 1;
    if (minute > latest) latest = minute;
  }
  return readings === 0 ? NONE_AHEAD : { readings, latestMs: latest * MINUTE_MS };
}

/** Both together. */
export function addAhead(left: ReceivedAhead, right: ReceivedAhead): ReceivedAhead {
  if (left.latestMs === null || right.latestMs === null) return left.latestMs === null ? right : left;
  return { readings: left.readings + right.readings, latestMs: Math.max(left.latestMs, right.latestMs) };
}
