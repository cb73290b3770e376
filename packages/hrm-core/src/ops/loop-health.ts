/**
 * What the events of loops and queries mean for the health of a service, and how long each is told of.
 * @module
 */
import { isHrmError } from '../errors.js';
import type { DamageReport } from '../flow/damage/damage.js';
import {
  COMPACTER_BEHIND_MS,
  CONSUMER_BEHIND_MS,
  DAMAGE_MEMORY_MS,
  FAILURE_MEMORY_MS,
  STALL_MEMORY_MS,
  STORAGE_FAILURE_MEMORY_MS,
} from '../limits.js';
import type { CompacterEvent, ConsumerEvent } from '../loops.js';
import type { WatchdogEvent } from '../watchdog.js';
import { codeOf, type Health, inWords, type LoopName } from './health.js';

type Recorder = Pick<Health, 'record'>;

/** Makes what a consumer tells a state of health. */
export function recordConsumer(health: Recorder): (event: ConsumerEvent) => void {
  // Until the queue is idle: a batch that could be stored says nothing of readings that went back to the queue's end.
  let hasPostponed = false;
  // The time of all steps on end that left something: what waits longest may be at the end of the queue, whose head is young.
  let leavingMs = 0;
  return (event) => {
    if (event.type === 'failed') {
      recordFailure(health, 'consumer', event);
      return;
    }
    if (event.type === 'idle') hasPostponed = false;
    leavingMs = event.type === 'idle' || event.summary.left === 0 ? 0 : leavingMs + event.durationMs;
    if (!hasPostponed) {
      const isBehind = leavingMs >= CONSUMER_BEHIND_MS;
      health.record('consumer', isBehind ? { reason: CONSUMER_BEHIND, lastsMs: FAILURE_MEMORY_MS } : null);
    }
    if (event.type === 'idle' || event.summary.postponed === 0) return;
    hasPostponed = true;
    health.record('consumer', { reason: 'some readings cannot be stored now', lastsMs: FAILURE_MEMORY_MS });
  };
}

/** Makes what a compacter tells a state of health. Of damage {@link recordDamage} does. */
export function recordCompacter(health: Recorder): (event: CompacterEvent) => void {
  // The time of all runs on end that left something.
  let leavingMs = 0;
  return (event) => {
    if (event.type === 'failed') recordFailure(health, 'compacter', event);
    if (event.type !== 'compacted') return;
    const { failures, left } = event.summary;
    leavingMs = left === 0 ? 0 : leavingMs + event.durationMs;
    const behind = leavingMs >= COMPACTER_BEHIND_MS ? COMPACTER_BEHIND : null;
    const reason = failures[0] === undefined ? behind : failedStep('compacter', failures[0].code);
    health.record('compacter', reason === null ? null : { reason, lastsMs: Number.POSITIVE_INFINITY });
  };
}

const CONSUMER_BEHIND =
  'readings are of so many days that a consumer stores only some of them at a time, and the others wait: run more consumers';

const COMPACTER_BEHIND =
  'the compacter does not keep up, and answers take longer: run more of them (hrm serve --only compacter), and send the readings of one day together';

function recordFailure(
  health: Recorder,
  loop: LoopName,
  { error, retryMs }: { readonly error: unknown; readonly retryMs: number },
): void {
  health.record(loop, { reason: failedStep(loop, codeOf(error)), lastsMs: retryMs + FAILURE_MEMORY_MS });
}

function failedStep(loop: LoopName, code: string): string {
  return `the last step of the ${loop} failed: ${inWords(code)}`;
}

/** Makes that a loop was started anew a state of health. */
export function recordWatchdog(health: Recorder, loop: LoopName, { type }: WatchdogEvent): void {
  if (type !== 'restarted') return;
  const reason = `the ${loop} stood still and was restarted`;
  health.record(`${loop} watchdog`, { reason, lastsMs: STALL_MEMORY_MS });
}

const DAMAGE_REASONS = {
  skipped: 'a stored file cannot be read, and answers are without it: run hrm verify',
  answered: 'a rollup cannot be read, and answers take longer: run hrm verify --repair',
  refused:
    'so many stored files cannot be read that no more are set aside, and what needs them fails: look at the disk or service that the data are on, then run hrm verify --repair',
} as const;

/** Makes that a damaged file was met a state of health, for a while. What is in quarantine the check of the storage finds. */
export function recordDamage(health: Recorder, { outcome }: Pick<DamageReport, 'outcome'>): void {
  if (outcome !== 'quarantined')
    health.record('damage', { reason: DAMAGE_REASONS[outcome], lastsMs: DAMAGE_MEMORY_MS });
}

/** Makes that a request failed for the storage a state of health, for a while: the check itself only writes, and may go well. */
export function recordStorageFailure(health: Recorder, error: unknown): void {
  if (!isHrmError(error) || error.kind !== 'unavailable' || !error.code.startsWith('storage_')) return;
  const reason = `requests failed within the last minute for the storage (${inWords(error.code)}): look at the disk or service that the data are on, and at the log`;
  health.record('storage failure', { reason, lastsMs: STORAGE_FAILURE_MEMORY_MS });
}
