import {
  type CompacterEvent,
  type ConsumerEvent,
  type DrainComponents,
  errorFields,
  type Health,
  type LoopName,
  type Queue,
  recordCompacter,
  recordWatchdog,
  type Storage,
  superviseCompacter,
  superviseConsumer,
  type WatchdogEvent,
} from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import type { WatchLimits } from '../limits.js';
import type { LoopMetrics } from '../metrics/loop-metrics.js';
import { compactStep, drainStep } from '../tracing/steps.js';
import type { Tracing } from '../tracing/tracing.js';
import { createDamageListener } from './damage.js';
import { consumerListener, failureFields, logFailure } from './log-steps.js';

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
  components: DrainComponents,
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
    const cause = event.error === undefined ? {} : errorFields(event.error);
    log.warn({ loop, restarts: event.restarts, ...cause }, 'a loop was started anew');
  };
}

const HELD =
  'days that are kept no longer stay on the disk: only this clock says that they are over; if it is right, run hrm compact --trust-clock';

/**
 * Runs a compacter that logs what it merges, under a watchdog; resolves when the signal has ended it.
 * @throws HrmError code `loop_stalled` or `loop_ended` when it stands still or ends, and restarting it does not help.
 */
export function startCompacter(
  components: { readonly storage: Storage; readonly queue?: Queue | undefined },
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
    const { failures, ...counts } = { ...event.summary, expired: event.expired };
    if (event.expired.held > 0) log.warn(event.expired, HELD);
    if (failures.length > 0)
      log.error({ ...counts, ...failureFields(failures) }, 'compacted; some partitions could not be');
    else if (counts.compacted + counts.swept + counts.expired.files > 0) log.info(counts, 'compacted');
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
