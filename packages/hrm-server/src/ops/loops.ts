import {
  type CompacterEvent,
  type ConsumerEvent,
  type Health,
  type LoopName,
  type PartitionFailure,
  type Queue,
  recordCompacter,
  recordConsumer,
  recordWatchdog,
  type Storage,
  superviseCompacter,
  superviseConsumer,
  type WatchdogEvent,
} from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { statusOf } from '../api/problem.js';
import { MAX_LOGGED_FAILURES, type WatchLimits } from '../limits.js';
import { describeError, describeFile, levelOf } from '../log/log.js';
import type { LoopMetrics } from '../metrics/loop-metrics.js';
import { compactStep, drainStep } from '../tracing/steps.js';
import type { Tracing } from '../tracing/tracing.js';
import { createDamageListener } from './damage.js';

/** How a loop is stopped, and who hears of what it does. */
export interface LoopContext {
  /** Ends the loop; the step in hand is finished or given back. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly health: Pick<Health, 'record'>;
  readonly watch: WatchLimits;
  readonly metrics: LoopMetrics;
  readonly tracing: Pick<Tracing, 'step'> | null;
}

/** Who hears of what a loop does. */
type Heard = Pick<LoopContext, 'log' | 'health' | 'metrics'>;

/**
 * Runs a consumer that logs what it stores, under a watchdog; resolves when the signal has ended it.
 * @throws HrmError code `loop_stalled` or `loop_ended` when it stands still or ends, and restarting it does not help.
 */
export function startConsumer(
  components: { readonly queue: Queue; readonly storage: Storage },
  settings: Settings,
  { signal, watch, tracing, ...heard }: LoopContext,
): Promise<void> {
  const listen = consumerListener(heard);
  function onEvent(event: ConsumerEvent): void {
    heard.metrics.consumer(event);
    if (tracing !== null && event.type !== 'idle') tracing.step(drainStep(event));
    listen(event);
  }
  const onWatchdog = watchdogListener('consumer', heard);
  return superviseConsumer(components, settings, {
    ...watch,
    stallMs: watch.consumerStallMs,
    signal,
    onEvent,
    onWatchdog,
  });
}

function watchdogListener(loop: LoopName, { log, health, metrics }: Heard): (event: WatchdogEvent) => void {
  return (event) => {
    metrics.watchdog(loop, event);
    recordWatchdog(health, loop, event);
    if (event.type === 'stalled') {
      const silentMs = Math.round(event.silentMs);
      log.error({ loop, silentMs }, 'a loop stands still; it is ended and started anew');
      return;
    }
    const cause = event.error === undefined ? {} : describeError(event.error);
    log.warn({ loop, restarts: event.restarts, ...cause }, 'a loop was started anew');
  };
}

/** Turns what a consumer tells into lines of the log and a state of health. */
export function consumerListener({ log, health }: Pick<Heard, 'log' | 'health'>): (event: ConsumerEvent) => void {
  const record = recordConsumer(health);
  return (event) => {
    record(event);
    if (event.type === 'failed') logFailure('consumer', event, log);
    if (event.type !== 'drained') return;
    const { claimed, parts, deadLettered, postponed, undecided, left, failures, lagMs, outcome } = event.summary;
    const line = { claimed, parts: parts.length, deadLettered, undecided, left, lagMs, outcome };
    if (postponed > 0)
      log.warn(
        { ...line, postponed, ...describeFailures(failures) },
        'some readings cannot be stored now; they are back in the queue',
      );
    else if (deadLettered > 0) log.warn(line, 'stored a batch; what was bad in it is among the dead letters');
    else log.info(line, 'stored a batch');
  };
}

/**
 * Runs a compacter that logs what it merges, under a watchdog; resolves when the signal has ended it.
 * @throws HrmError code `loop_stalled` or `loop_ended` when it stands still or ends, and restarting it does not help.
 */
export function startCompacter(
  components: { readonly storage: Storage },
  settings: Settings,
  { signal, watch, log, health, metrics, tracing }: LoopContext,
): Promise<void> {
  const onDamage = createDamageListener({ log, health, metrics });
  const record = recordCompacter(health);
  function onEvent(event: CompacterEvent): void {
    metrics.compacter(event);
    record(event);
    if (event.type === 'damaged') {
      onDamage(event.report);
      return;
    }
    tracing?.step(compactStep(event));
    if (event.type === 'failed') {
      logFailure('compacter', event, log);
      return;
    }
    const { failures, ...counts } = event.summary;
    if (failures.length > 0)
      log.error({ ...counts, ...describeFailures(failures) }, 'compacted; some partitions could not be');
    else if (counts.compacted + counts.swept > 0) log.info(counts, 'compacted');
    else log.debug(counts, 'nothing to compact');
  }
  const onWatchdog = watchdogListener('compacter', { log, health, metrics });
  return superviseCompacter(components, settings, {
    ...watch,
    stallMs: watch.compacterStallMs,
    signal,
    onEvent,
    onWatchdog,
  });
}

function logFailure(
  loop: LoopName,
  { error, retryMs }: { readonly error: unknown; readonly retryMs: number },
  log: Logger,
): void {
  log[levelOf(statusOf(error))]({ loop, retryMs, ...describeError(error) }, 'a step failed; it is tried again');
}

/** Partitions that failed, without what names a user: their directories, and their errors' messages. */
function describeFailures(failures: readonly Pick<PartitionFailure, 'partition' | 'code' | 'name'>[]) {
  const failed = failures.slice(0, MAX_LOGGED_FAILURES).map(({ partition: { date }, code, name }) => {
    return { ...describeFile({ date, name }), code };
  });
  return { failures: failures.length, failed };
}
