/** Consumer and compacter, each under a watchdog that knows how patient to be with it. */
import type { DrainComponents } from './flow/write/drain-batch.js';
import { COMPACTER_STALL_MS, CONSUMER_STALL_MS } from './limits.js';
import {
  type CompacterComponents,
  type CompacterEvent,
  type CompacterSettings,
  type ConsumerEvent,
  type ConsumerSettings,
  runCompacter,
  runConsumer,
} from './loops.js';
import { isDue, type WaitSettings } from './ops/overdue.js';
import { atMost } from './steps.js';
import { superviseLoop, type WatchdogEvent, type WatchdogSettings } from './watchdog.js';

/** How a loop under a watchdog is stopped, who hears of it, and how patient the watchdog is. */
export interface SupervisedOptions<Event> extends Pick<WatchdogSettings, 'graceMs' | 'restartPauseMs' | 'maxRestarts'> {
  /** Ends the loop. The step in hand is finished or given back first. */
  readonly signal: AbortSignal;
  readonly onEvent?: ((event: Event) => void) | undefined;
  readonly onWatchdog?: ((event: WatchdogEvent) => void) | undefined;
  /** Silence that is a stall, ms; default of a consumer a minute, of a compacter ten. Of a consumer it is three leases at least. */
  readonly stallMs?: number | undefined;
}

/**
 * Runs a consumer under a watchdog, which also minds that readings wait which it should have taken; resolves when the signal has ended it.
 * Where the storage is best given several batches at once, it is as many consumers that claim one after the other, each with a watchdog.
 * @throws HrmError code `loop_stalled` or `loop_ended` when it stands still or ends, and restarting it does not help.
 */
export async function superviseConsumer(
  components: DrainComponents,
  settings: ConsumerSettings & WaitSettings,
  { signal, onEvent, onWatchdog, stallMs = CONSUMER_STALL_MS, ...patience }: SupervisedOptions<ConsumerEvent>,
): Promise<void> {
  async function hasWork(): Promise<boolean> {
    const { oldestMs } = await components.queue.depth();
    return isDue(oldestMs, Date.now(), settings);
  }
  const turns = atMost(1);
  const ending = new AbortController();
  const watch = { ...patience, stallMs: Math.max(stallMs, 3 * settings.leaseMs) };
  const options = { signal: AbortSignal.any([signal, ending.signal]), hasWork, onEvent: onWatchdog };
  const superviseOne = () =>
    superviseLoop('consumer', (loop) => runConsumer(components, settings, { ...loop, onEvent, turns }), watch, options);
  try {
    await Promise.all(Array.from({ length: components.storage.batchesAtOnce ?? 1 }, superviseOne));
  } finally {
    // Where one is given up, the others end as well.
    ending.abort();
  }
}

/** Runs a compacter under a watchdog; resolves when the signal has ended it. @throws as {@link superviseConsumer}. */
export async function superviseCompacter(
  components: CompacterComponents,
  settings: CompacterSettings,
  { signal, onEvent, onWatchdog, stallMs = COMPACTER_STALL_MS, ...patience }: SupervisedOptions<CompacterEvent>,
): Promise<void> {
  await superviseLoop(
    'compacter',
    (loop) => runCompacter(components, settings, { ...loop, onEvent }),
    { ...patience, stallMs },
    { signal, onEvent: onWatchdog },
  );
}
