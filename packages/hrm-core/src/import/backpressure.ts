/**
 * What an import does while the queue is full: it waits for consumers as long as there are any.
 */
import { HrmError } from '../errors.js';
import type { Queue } from '../ports/queue.js';
import { pause } from '../waits.js';

/** How long an import waits in which nothing leaves the queue, ms: a consumer may be started in it, or store a batch. */
const MAX_STALL_MS = 60_000;

/** Between two tries, ms. */
const TRY_EVERY_MS = 500;

/** Waits in the name of all chunks of one import. */
export interface Backpressure {
  /**
   * Waits for a moment, at the end of which trying again makes sense; the moment ends early when the signal fires.
   * @throws HrmError kind `unavailable`, code `queue_full`, when nothing has moved for too long.
   */
  wait(full: HrmError): Promise<void>;
}

/** How an import waits. */
export interface BackpressureOptions {
  readonly signal: AbortSignal;
  /** Called whenever the import begins to wait for a moment. */
  readonly onWait?: (() => void) | undefined;
  /** Default 60,000. */
  readonly stallMs?: number | undefined;
}

/** Starts with fresh patience; every reading that leaves the queue, or finds room in it, renews it. */
export function createBackpressure(
  queue: Pick<Queue, 'depth'>,
  tally: { readonly enqueued: number },
  { signal, onWait, stallMs = MAX_STALL_MS }: BackpressureOptions,
): Backpressure {
  let seen = { depth: Number.NEGATIVE_INFINITY, enqueued: -1 };
  let movedMs = 0;

  /** Readings not stored yet; when the queue does not tell, nothing has moved. */
  async function depth(): Promise<number> {
    try {
      const { readings, claimedReadings } = await queue.depth();
      return readings + claimedReadings;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }

  return {
    async wait(full) {
      onWait?.();
      const now = { depth: await depth(), enqueued: tally.enqueued };
      if (now.depth < seen.depth || now.enqueued !== seen.enqueued) movedMs = performance.now();
      seen = now;
      if (performance.now() - movedMs >= stallMs) throw stalledError(full, stallMs);
      // When the signal cuts the wait short, the next try says so.
      await pause(TRY_EVERY_MS, signal);
    },
  };
}

function stalledError(full: HrmError, stallMs: number): HrmError {
  const waited = `nothing has left it for ${Math.round(stallMs / 1_000)} s: start a consumer (hrm serve, or hrm drain --all)`;
  return new HrmError(`${full.message}\nThe import has waited, and ${waited}, then import again.`, {
    kind: 'unavailable',
    code: 'queue_full',
    cause: full,
  });
}
