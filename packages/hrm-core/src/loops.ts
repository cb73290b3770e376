/**
 * The loops around the steps: one consumer, one compacter. Each runs until its signal fires, outlives every failure of a
 * step, and reports what happened; whether that is logged is the caller's business.
 */
import { DEFAULTS } from './defaults.js';
import { type FinishComponents, finishErasures } from './erasing.js';
import { type CompactComponents, type CompactSettings, compact } from './flow/compact/compact.js';
import type { CompactOptions, CompactSummary } from './flow/compact/compact-summary.js';
import type { DamageReport } from './flow/damage/damage.js';
import { type DrainComponents, type DrainSettings, type DrainSummary, drainBatch } from './flow/write/drain-batch.js';
import { backoffMs } from './pure/backoff.js';
import { type ExpireSummary, expire } from './retaining.js';
import { atMost, beginInTurn, type Turns } from './steps.js';
import { pause } from './waits.js';
import type { SignOfLife } from './watchdog.js';

/** How a consumer works. */
export interface ConsumerSettings extends DrainSettings {
  /** A batch is claimed when it has `batchMaxReadings`, or its oldest reading is so old, ms; default 5,000. */
  readonly batchMaxAgeMs?: number | undefined;
}

/** What a consumer did or met. */
export type ConsumerEvent =
  /** `durationMs`: from the claim to the acknowledgement, what came between too. */
  | { readonly type: 'drained'; readonly summary: DrainSummary; readonly durationMs: number }
  /** Waited ten seconds, and there was nothing due; or somebody else took it. */
  | { readonly type: 'idle' }
  | { readonly type: 'failed'; readonly error: unknown; readonly retryMs: number };

/** How a compacter works. */
export interface CompacterSettings extends Omit<CompactSettings, 'all'> {
  /** From the end of one run to the start of the next, ms; default 300,000. */
  readonly compactEveryMs?: number | undefined;
}

/** What a compacter did or met. */
export type CompacterEvent =
  /** `expired`: what was kept no longer, and went before. */
  | {
      readonly type: 'compacted';
      readonly summary: CompactSummary;
      readonly expired: ExpireSummary;
      readonly durationMs: number;
    }
  /** A file could not be read; the compaction went on without it. */
  | { readonly type: 'damaged'; readonly report: DamageReport }
  | { readonly type: 'failed'; readonly error: unknown; readonly retryMs: number };

/** Waits after failures: doubled each time between these, so that a full disk is neither hammered nor forgotten. */
const RETRY = { minMs: 100, maxMs: 5_000 };

/** How long a consumer waits for a batch that is due before it looks at its signal again. */
const WAIT_MS = 10_000;

/** How a loop is stopped and watched. */
export interface LoopOptions<Event> {
  /** Ends the loop. The step in hand is finished or given back first. */
  readonly signal: AbortSignal;
  readonly onEvent?: ((event: Event) => void) | undefined;
  /** Hears that the loop moves: what {@link superviseLoop} watches. */
  readonly onAlive?: ((sign: SignOfLife) => void) | undefined;
}

/** A step that was done: what to tell the watchdog, and how long to wait before the next. */
type StepEnd = SignOfLife & { readonly pauseMs: number };

/**
 * Drains batches as they fill until `signal` fires; then resolves.
 * While a batch fills no claim is held, so that a killed consumer delays nothing.
 * @param options.turns - shared by the consumers of one process: one of them waits for a batch, claims it and makes its files, while others wait for
 *   the storage. Without it all would wait for the same batch, and those that come late would make files of the few readings that came since.
 */
export async function runConsumer(
  components: DrainComponents,
  {
    batchMaxReadings = DEFAULTS.batchMaxReadings,
    batchMaxAgeMs = DEFAULTS.batchMaxAgeMs,
    ...settings
  }: ConsumerSettings,
  { signal, onEvent, onAlive, turns = atMost(1) }: LoopOptions<ConsumerEvent> & { readonly turns?: Turns | undefined },
): Promise<void> {
  const threshold = { readings: batchMaxReadings, ageMs: batchMaxAgeMs };
  // What is left is at the end of the queue: by its head, which came meanwhile, nothing would be due.
  let isSomeLeft = false;
  await repeat({ signal, onEvent, onAlive }, async () => {
    let startMs = 0;
    const summary = await beginInTurn(turns, async (onStoring) => {
      const isBatchDue = isSomeLeft || (await components.queue.wait(threshold, { timeoutMs: WAIT_MS, signal }));
      isSomeLeft = false;
      const step = { ...settings, batchMaxReadings };
      startMs = performance.now();
      const onProgress = () => onAlive?.({ kind: 'alive' });
      return isBatchDue ? await drainBatch(components, step, { signal, onProgress, onStoring }) : null;
    });
    if (summary === null || summary.outcome === 'empty') {
      onEvent?.({ type: 'idle' });
      return { kind: 'idle', pauseMs: 0 };
    }
    isSomeLeft = summary.left + summary.undecided > 0;
    onEvent?.({ type: 'drained', summary, durationMs: performance.now() - startMs });
    // They are old, so the queue is due at once: without a pause it would be drained of nothing else in circles.
    return { kind: 'done', pauseMs: summary.postponed > 0 ? RETRY.maxMs : 0 };
  });
}

/** What a compacter works on. */
export type CompacterComponents = CompactComponents & Pick<FinishComponents, 'queue'>;

/** How soon a compacter looks again while something erased is still on a disk, ms. */
const ERASURE_PAUSE_MS = 15_000;

/**
 * Compacts every `compactEveryMs` until `signal` fires; then resolves. The first run starts at once. What was erased leaves the disk with it, and what
 * is kept no longer. Where it is given the queue, too, erasures get their reports, and dead letters go.
 */
export async function runCompacter(
  components: CompacterComponents,
  { compactEveryMs = DEFAULTS.compactEveryMs, ...settings }: CompacterSettings,
  { signal, onEvent, onAlive }: LoopOptions<CompacterEvent>,
): Promise<void> {
  await repeat({ signal, onEvent, onAlive }, async () => {
    const startMs = performance.now();
    const watched: CompactOptions = {
      signal,
      onProgress: () => onAlive?.({ kind: 'done' }),
      onAlive: () => onAlive?.({ kind: 'alive' }),
      onDamage: (report) => onEvent?.({ type: 'damaged', report }),
    };
    const expired = await expire(components, {}, watched);
    const summary = await compact(components, settings, watched);
    onEvent?.({ type: 'compacted', summary, expired, durationMs: performance.now() - startMs });
    const { left } = await finishErasures(components, { devicePriority: settings.devicePriority }, watched);
    if (summary.left > 0) return { kind: 'done', pauseMs: 0 };
    return { kind: 'done', pauseMs: left.length > 0 ? Math.min(compactEveryMs, ERASURE_PAUSE_MS) : compactEveryMs };
  });
}

/** Runs `step` until the signal fires, waiting after each as long as it says, or longer and longer while it fails. */
async function repeat(
  { signal, onEvent, onAlive }: LoopOptions<{ type: 'failed'; error: unknown; retryMs: number }>,
  step: () => Promise<StepEnd>,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let end: StepEnd;
    try {
      end = await step();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const retryMs = backoffMs(failures, RETRY);
      failures += 1;
      onEvent?.({ type: 'failed', error, retryMs });
      end = { kind: 'alive', pauseMs: retryMs };
    }
    onAlive?.(end);
    const waitMs = end.pauseMs;
    // The signal only cuts the wait short.
    if (waitMs > 0) await pause(waitMs, signal);
  }
}
