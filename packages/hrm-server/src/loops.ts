import {
  type CompacterEvent,
  type ConsumerEvent,
  type PartitionFailure,
  type Queue,
  runCompacter,
  runConsumer,
  type Storage,
} from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { type Health, inWords, type LoopName } from './health.js';
import { FAILURE_MEMORY_MS, MAX_LOGGED_FAILURES } from './limits.js';
import { describeDamage, describeError, levelOf } from './log.js';
import { codeOf, statusOf } from './problem.js';

/** How a loop is stopped, and who hears of what it does. */
export interface LoopContext {
  /** Ends the loop; the step in hand is finished or given back. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly health: Pick<Health, 'record'>;
}

/** Runs a consumer that logs what it stores; resolves when the signal has ended it. */
export function startConsumer(
  components: { readonly queue: Queue; readonly storage: Storage },
  settings: Settings,
  { signal, ...heard }: LoopContext,
): Promise<void> {
  return runConsumer(components, settings, { signal, onEvent: consumerListener(heard) });
}

/** Turns what a consumer tells into lines of the log and a state of health. */
export function consumerListener({ log, health }: Omit<LoopContext, 'signal'>): (event: ConsumerEvent) => void {
  // Until the queue is idle: a batch that could be stored says nothing of readings that went back to the queue's end.
  let hasPostponed = false;
  return (event) => {
    if (event.type === 'failed') {
      onFailure('consumer', event, { log, health });
      return;
    }
    if (event.type === 'idle') hasPostponed = false;
    if (!hasPostponed) health.record('consumer', null);
    if (event.type === 'idle') return;
    const { claimed, parts, deadLettered, postponed, failures, lagMs, outcome } = event.summary;
    const line = { claimed, parts: parts.length, deadLettered, lagMs, outcome };
    if (postponed > 0) {
      hasPostponed = true;
      health.record('consumer', { reason: 'some readings cannot be stored now', lastsMs: FAILURE_MEMORY_MS });
      log.warn(
        { ...line, postponed, ...describeFailures(failures) },
        'some readings cannot be stored now; they are back in the queue',
      );
    } else if (deadLettered > 0) log.warn(line, 'stored a batch; what was bad in it is among the dead letters');
    else log.info(line, 'stored a batch');
  };
}

/** Runs a compacter that logs what it merges; resolves when the signal has ended it. */
export function startCompacter(
  components: { readonly storage: Storage },
  settings: Settings,
  { signal, log, health }: LoopContext,
): Promise<void> {
  function onEvent(event: CompacterEvent): void {
    if (event.type === 'failed') {
      onFailure('compacter', event, { log, health });
      return;
    }
    const { failures, ...counts } = event.summary;
    const [first] = failures;
    const lastsMs = Number.POSITIVE_INFINITY;
    health.record('compacter', first === undefined ? null : { reason: failedStep('compacter', first.code), lastsMs });
    if (failures.length > 0)
      log.error({ ...counts, ...describeFailures(failures) }, 'compacted; some partitions could not be');
    else if (counts.compacted + counts.swept > 0) log.info(counts, 'compacted');
    else log.debug(counts, 'nothing to compact');
  }
  return runCompacter(components, settings, { signal, onEvent });
}

function onFailure(
  loop: LoopName,
  { error, retryMs }: { readonly error: unknown; readonly retryMs: number },
  { log, health }: Omit<LoopContext, 'signal'>,
): void {
  health.record(loop, { reason: failedStep(loop, codeOf(error)), lastsMs: retryMs + FAILURE_MEMORY_MS });
  log[levelOf(statusOf(error))]({ loop, retryMs, ...describeError(error) }, 'a step failed; it is tried again');
}

function failedStep(loop: LoopName, code: string): string {
  return `the last step of the ${loop} failed: ${inWords(code)}`;
}

/** Partitions that failed, without what names a user: their directories, and their errors' messages. */
function describeFailures(failures: readonly Pick<PartitionFailure, 'partition' | 'code' | 'message'>[]) {
  const failed = failures.slice(0, MAX_LOGGED_FAILURES).map(({ partition: { date }, code, message }) => {
    return { ...describeDamage(message), date, code };
  });
  return { failures: failures.length, failed };
}
