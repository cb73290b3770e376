import type { CallOptions } from '../../ports/queue.js';
import type { PartitionFailure } from '../../ports/storage.js';
import { atMost, beginInTurn } from '../../steps.js';
import { type DrainComponents, type DrainSettings, type DrainSummary, drainBatch } from './drain-batch.js';

/** How much is drained. */
export interface DrainBatchesSettings extends DrainSettings {
  /** Steps, at most, >= 1; default: as many as it takes. */
  readonly maxBatches?: number | undefined;
}

/** What the steps of one call did together. */
export interface DrainTotal {
  readonly batches: number;
  /** Readings claimed, good and bad. */
  readonly claimed: number;
  /** Of them readings that were dropped, since they are kept no longer. */
  readonly expired: number;
  /** Readings in the parts, after rule 1. */
  readonly stored: number;
  readonly parts: number;
  readonly deadLettered: number;
  /** Batches whose lease ended before they were acknowledged. */
  readonly stale: number;
  /** Readings put back to the end of the queue, since their partitions cannot be written. */
  readonly postponed: number;
  /** Those partitions, and why. */
  readonly failures: readonly PartitionFailure[];
}

/** How a call is stopped and watched. */
export interface DrainBatchesOptions extends CallOptions {
  /** Hears after each step what all did so far. */
  readonly onStep?: ((total: DrainTotal) => void) | undefined;
}

const NOTHING_DRAINED: DrainTotal = {
  batches: 0,
  claimed: 0,
  expired: 0,
  stored: 0,
  parts: 0,
  deadLettered: 0,
  stale: 0,
  postponed: 0,
  failures: [],
};

/**
 * Drains batch after batch until the queue is empty or a step has put readings back: they come again, and as long as they cannot
 * be stored there is no end. As many batches are stored at once as the storage is best given: see `Storage.batchesAtOnce`.
 * @throws HrmError as {@link drainBatch}; what was drained before is stored and acknowledged.
 * @example
 * const { stored, postponed } = await drainBatches({ queue, storage });
 */
export async function drainBatches(
  components: DrainComponents,
  { maxBatches = Number.POSITIVE_INFINITY, ...settings }: DrainBatchesSettings = {},
  { signal, onStep }: DrainBatchesOptions = {},
): Promise<DrainTotal> {
  let total = NOTHING_DRAINED;
  let begun = 0;
  let isEnded = false;
  const turns = atMost(1);
  async function drainOn(): Promise<void> {
    while (begun < maxBatches && !isEnded) {
      begun += 1;
      // Batches whose files are made at the same time are all done at the same time, and then nobody has anything to do but to wait.
      const step = await beginInTurn(turns, async (onStoring) =>
        isEnded ? null : await drainBatch(components, settings, { signal, onStoring }),
      );
      if (step === null) return;
      if (step.outcome !== 'empty') total = addStep(total, step);
      onStep?.(total);
      if (step.postponed > 0) isEnded = true;
      // Others may still put something back that is to be drained: they go on.
      if (step.outcome === 'empty') return;
    }
  }
  function end(error: unknown): never {
    isEnded = true;
    throw error;
  }
  const atOnce = Math.min(maxBatches, components.storage.batchesAtOnce ?? 1);
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, () => drainOn().catch(end)));
  for (const lane of ends) if (lane.status === 'rejected') throw lane.reason;
  return total;
}

function addStep(total: DrainTotal, step: DrainSummary): DrainTotal {
  return {
    batches: total.batches + 1,
    claimed: total.claimed + step.claimed,
    expired: total.expired + step.expired,
    stored: step.parts.reduce((sum, { readings }) => sum + readings, total.stored),
    parts: total.parts + step.parts.length,
    deadLettered: total.deadLettered + step.deadLettered,
    stale: total.stale + (step.outcome === 'stale' ? 1 : 0),
    postponed: total.postponed + step.postponed,
    failures: [...total.failures, ...step.failures],
  };
}
