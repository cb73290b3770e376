/**
 * Which UTC day has surely come: what is deleted since its days are over cannot be brought back, and a clock may be wrong.
 *
 * This machine's clock alone is not believed. A day has come where one of these says so, too, and the clock says that it has:
 *
 *   - Readings are stored that were measured on it or later. Devices have clocks of their own. Behind a gap of more than a week two such dates are
 *     wanted: one alone may be of a device that has its time from this machine.
 *   - This process has seen the clock for a day, and the clock went as time did.
 *   - A person says so.
 */
import { DAY_MS } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { dayOfMs } from '../../pure/erasure/retention.js';
import { dateStartMs } from '../../pure/partition.js';

/** How long a clock is watched before it is believed, ms: a person, or its time server, has had that long to set it right. */
const WATCHED_MS = DAY_MS;
/** By how much a clock may go otherwise than time does while it is watched, ms: a leap second, and what a time server corrects. */
const MAX_DRIFT_MS = 600_000;
/** Days without readings behind which one date alone says nothing. */
const MAX_GAP_DAYS = 7;

/** A clock, since it was last set. */
interface Watch {
  readonly clockMs: number;
  readonly sinceMs: number;
}

const watches = new WeakMap<object, Watch>();

/**
 * The last UTC day, counted from 1970, that has surely come; `-Infinity` where none has.
 * @throws HrmError kind `unavailable`, kind `closed` when aborted.
 */
export async function attestedDay(
  storage: Pick<Storage, 'dates'>,
  clock: Clock,
  options: CallOptions = {},
): Promise<number> {
  const nowMs = clock.nowMs();
  const today = dayOfMs(nowMs);
  if (isSteady(clock, nowMs, performance.now())) return today;
  const days = (await storage.dates(options)).map((date) => dayOfMs(dateStartMs(date) ?? 0));
  return lastAttested(days, today);
}

/** Whether a clock was watched for long, and went as time did. */
function isSteady(clock: Clock, nowMs: number, elapsedMs: number): boolean {
  const watch = watches.get(clock);
  const drift = watch === undefined ? Number.NaN : nowMs - watch.clockMs - (elapsedMs - watch.sinceMs);
  if (watch !== undefined && Math.abs(drift) <= MAX_DRIFT_MS) return elapsedMs - watch.sinceMs >= WATCHED_MS;
  watches.set(clock, { clockMs: nowMs, sinceMs: elapsedMs });
  return false;
}

/** The last day that stored readings attest. @param days - those that have some, ascending. */
function lastAttested(days: readonly number[], today: number): number {
  const past = days.filter((day) => day <= today);
  for (let at = past.length - 1; at > 0; at -= 1) {
    const day = past[at] as number;
    if (day - (past[at - 1] as number) <= MAX_GAP_DAYS) return day;
  }
  return Number.NEGATIVE_INFINITY;
}
