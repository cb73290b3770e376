import { isHrmError } from '../errors.js';
import type { EnqueueOptions } from '../flow/write/enqueue.js';
import { backoffMs } from '../pure/backoff.js';
import { pause } from '../waits.js';
import type { Backpressure } from './backpressure.js';
import type { Destination } from './destination.js';

/** Tries after the first when the queue is unavailable; with doubled waits it is given 3 seconds to come back. */
const MAX_RETRIES = 5;
const RETRY = { minMs: 100, maxMs: 2_000 };

/** How readings are judged, and how long a queue that does not take them is waited for. */
export interface EnqueueRules
  extends Pick<EnqueueOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'receivedMs'> {
  readonly signal: AbortSignal;
  readonly backpressure: Backpressure;
  /** Called once the readings are known to be sound; maybe more than once. */
  readonly onJudged?: (() => void) | undefined;
}

/**
 * Enqueues 1 to 10,000 readings as a wire spells them, all or none; tries again while the queue is away for a moment, or full.
 * @returns how many.
 * @throws HrmError kind `invalid`, code `invalid_readings`; kind `unavailable` when the queue stays so; kind `closed`.
 */
export async function enqueueWithBackpressure(
  destination: Destination,
  items: readonly unknown[],
  { signal, backpressure, onJudged, ...rules }: EnqueueRules,
): Promise<number> {
  let retries = 0;
  for (;;) {
    try {
      return await destination.enqueue(items, { ...rulesOf(rules), signal }, onJudged);
    } catch (error) {
      if (isHrmError(error) && error.code === 'queue_full') {
        await backpressure.wait(error);
        continue;
      }
      const isFinal = destination.waitsForRoom || retries === MAX_RETRIES;
      if (!isHrmError(error) || error.kind !== 'unavailable' || isFinal) throw error;
      // When the signal cuts the wait short, the next try says so.
      await pause(backoffMs(retries, RETRY), signal);
      retries += 1;
    }
  }
}

function rulesOf({
  naiveTimestamps,
  maxFutureMs,
  maxPastMs,
  receivedMs,
}: Omit<EnqueueRules, 'signal' | 'backpressure'>) {
  return { naiveTimestamps, maxFutureMs, maxPastMs, receivedMs };
}
