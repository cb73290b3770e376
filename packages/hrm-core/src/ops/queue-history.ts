import { MAX_QUEUE_HISTORY, QUEUE_HISTORY_STEP_MS } from '../limits.js';
import type { QueueDepth } from '../ports/queue.js';

/** What was in a queue at a moment, epoch ms. */
export type QueueMoment = QueueDepth & { readonly nowMs: number };

/** What was in a queue, as health checks saw it. */
export interface QueueHistory {
  /** A check has seen this. Kept where the last point is a step old, or lies ahead, since the clock was set back. */
  add(moment: QueueMoment): void;
  /** Oldest first, {@link MAX_QUEUE_HISTORY} at most. */
  points(): readonly QueueMoment[];
}

/** Creates one that has seen nothing. */
export function createQueueHistory(): QueueHistory {
  let points: readonly QueueMoment[] = [];
  return {
    add(moment) {
      const passedMs = moment.nowMs - (points.at(-1)?.nowMs ?? Number.NEGATIVE_INFINITY);
      if (passedMs >= 0 && passedMs < QUEUE_HISTORY_STEP_MS) return;
      // What lies ahead would stand behind what came before it.
      points = [...points.filter(({ nowMs }) => nowMs < moment.nowMs), moment].slice(-MAX_QUEUE_HISTORY);
    },
    points: () => points,
  };
}
