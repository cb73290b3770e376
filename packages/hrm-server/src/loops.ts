import { type CompacterEvent, type ConsumerEvent, type Queue, runCompacter, runConsumer, type Storage } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import type { Health } from './health.js';
import { FAILURE_MEMORY_MS } from './limits.js';
import { describeError, levelOf } from './log.js';
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
  { signal, log, health }: LoopContext,
): Promise<void> {
  function onEvent(event: ConsumerEvent): void {
    if (event.type === 'failed') {
      onFailure('consumer', event, { log, health });
      return;
    }
    health.record('consumer', null);
    if (event.type === 'idle') return;
    const { claimed, parts, deadLettered, lagMs, outcome } = event.summary;
    const line = { claimed, parts: parts.length, deadLettered, lagMs, outcome };
    if (deadLettered > 0) log.warn(line, 'stored a batch; what was bad in it is among the dead letters');
    else log.info(line, 'stored a batch');
  }
  return runConsumer(components, settings, { signal, onEvent });
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
    // Codes and dates only: a partition's directory names a user.
    const failed = failures.map(({ partition: { date }, code }) => ({ date, code }));
    const [first] = failed;
    health.record('compacter', first === undefined ? null : { code: first.code, lastsMs: Number.POSITIVE_INFINITY });
    if (failed.length > 0)
      log.error({ ...counts, failed }, 'compacted; some partitions have files that cannot be read');
    else if (counts.compacted + counts.swept > 0) log.info(counts, 'compacted');
    else log.debug(counts, 'nothing to compact');
  }
  return runCompacter(components, settings, { signal, onEvent });
}

function onFailure(
  loop: 'consumer' | 'compacter',
  { error, retryMs }: { readonly error: unknown; readonly retryMs: number },
  { log, health }: Omit<LoopContext, 'signal'>,
): void {
  health.record(loop, { code: codeOf(error), lastsMs: retryMs + FAILURE_MEMORY_MS });
  log[levelOf(statusOf(error))]({ loop, retryMs, ...describeError(error) }, 'a step failed; it is tried again');
}
