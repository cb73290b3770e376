import { HrmError } from '../../errors.js';
import { MAX_RECEIVED_MS } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';

/**
 * The time of receipt of what comes now, whole epoch milliseconds.
 * @throws HrmError kind `unavailable`, code `bad_clock`, for a time that no reading can be stored with: who sends keeps it until the
 *   clock is right.
 */
export function receivedNowMs(clock: Clock): number {
  const nowMs = Math.floor(clock.nowMs());
  if (nowMs >= 0 && nowMs <= MAX_RECEIVED_MS) return nowMs;
  throw new HrmError(
    'the clock of this machine gives no time between 1970 and 6053, and readings are stored with the time of their receipt: set it right',
    { kind: 'unavailable', code: 'bad_clock' },
  );
}
