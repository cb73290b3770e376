/**
 * Whether somebody has forgotten the readings in a queue.
 *
 * ```
 *  stamped ---- batchMaxAgeMs ----> full ---- leaseMs ----> due ---- MAX_BACKLOG_MS ----> overdue
 *               a batch fills               a dead consumer          a backlog is
 *                                           is found out             worked off
 * ```
 */
import { MAX_BACKLOG_MS } from '../limits.js';
import type { QueueDepth } from '../ports/queue.js';

/** The settings that say how long readings may wait. */
export interface WaitSettings {
  readonly batchMaxAgeMs: number;
  readonly leaseMs: number;
}

/** When the oldest reading was stamped; `null`: nothing waits, `undefined`: nobody can tell. */
type OldestMs = QueueDepth['oldestMs'];

/** Whether a consumer that works would have taken the oldest reading by now, as far as can be told. */
export function isDue(oldestMs: OldestMs, nowMs: number, { batchMaxAgeMs, leaseMs }: WaitSettings): boolean {
  return oldestMs != null && nowMs - oldestMs > batchMaxAgeMs + leaseMs;
}

/** Whether the oldest reading waits longer than any backlog explains, so that nobody seems to consume. */
export function isOverdue(oldestMs: OldestMs, nowMs: number, settings: WaitSettings): boolean {
  return oldestMs != null && isDue(oldestMs + MAX_BACKLOG_MS, nowMs, settings);
}
