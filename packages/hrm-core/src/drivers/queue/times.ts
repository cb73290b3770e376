/**
 * The times that queues write down.
 * @module
 */
import { HrmError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';

/**
 * The clock's time, in whole epoch milliseconds.
 * @throws HrmError kind `internal`, code `bad_clock`: compared with a time that is no number, no lease would ever end.
 */
export function epochMs(clock: Clock): number {
  const nowMs = Math.floor(clock.nowMs());
  if (Number.isFinite(nowMs)) return nowMs;
  throw new HrmError('The clock gave no finite epoch milliseconds: pass a clock whose nowMs() does', {
    kind: 'internal',
    code: 'bad_clock',
  });
}

/**
 * Refuses a lease that would end at once, or never.
 * @throws HrmError kind `invalid`, code `invalid_lease`.
 */
export function requireLease(leaseMs: number): void {
  if (Number.isFinite(leaseMs) && leaseMs > 0) return;
  throw new HrmError(`A lease of ${leaseMs} ms: a finite number above 0 is allowed`, {
    kind: 'invalid',
    code: 'invalid_lease',
  });
}
