/**
 * Waiting for a batch that is due, by requests that wait at the service. They take messages into the handle's hands, where its next claim
 * finds them.
 * @module
 */
import { throwIfAborted } from '../../../errors.js';
import type { BatchThreshold, CallOptions } from '../../../ports/queue.js';
import { onAbort } from '../../../waits.js';
import { createSleepers } from '../sleepers.js';
import type { Hands } from './hands.js';

/** Between two looks where less than a second is left, in which no request can wait, milliseconds. */
const LOOK_MS = 200;

/** Those who wait on one handle. */
export interface Waits {
  wait(threshold: BatchThreshold, options: CallOptions & { readonly timeoutMs: number }): Promise<boolean>;
  /** Lets them look at once. */
  wake(): void;
}

/** What waits need. */
export interface WaitsContext {
  readonly hands: Hands;
  readonly requireOpen: () => void;
  readonly leaseMs: number;
  readonly waitSeconds: number;
  readonly closing: AbortSignal;
}

/** Nobody waits at first. */
export function createWaits({ hands, requireOpen, leaseMs, waitSeconds, closing }: WaitsContext): Waits {
  const sleepers = createSleepers();
  /** A request that waits ends by itself, also when those have gone who waited for it. All of them share one. */
  let polling: Promise<number> | null = null;
  closing.addEventListener('abort', () => sleepers.wake());
  // A request that waits longer than a lease would bring what is hardly ours any more.
  const longestS = Math.min(waitSeconds, Math.floor(leaseMs / 3_000));

  async function poll(maxReadings: number, seconds: number, signal: AbortSignal | undefined): Promise<number> {
    polling ??= hands.gather({ maxReadings }, { leaseMs, waitSeconds: seconds }).finally(() => {
      polling = null;
    });
    // Its failure is nobody's when all have gone who waited for it.
    polling.catch(() => undefined);
    return await unlessAborted(polling, [closing, ...(signal === undefined ? [] : [signal])]);
  }

  return {
    wake: () => sleepers.wake(),
    async wait(threshold, { timeoutMs, signal }) {
      const endMs = performance.now() + timeoutMs;
      for (let isFirst = true; ; isFirst = false) {
        requireOpen();
        throwIfAborted(signal, 'waiting for the queue');
        const dueMs = hands.dueInMs(threshold);
        if (dueMs === 0) return true;
        hands.want();
        const leftMs = Math.min(dueMs, endMs - performance.now());
        if (leftMs <= 0 && !isFirst) return false;
        const seconds = Math.max(0, Math.min(longestS, Math.floor(leftMs / 1_000)));
        const came = await poll(Math.max(1, threshold.readings), seconds, signal);
        if (came === 0 && seconds === 0 && leftMs > 0) await sleepers.sleep(Math.min(leftMs, LOOK_MS), signal);
      }
    },
  };
}

/** What a promise comes to; 0 as soon as a signal fires. */
function unlessAborted(promise: Promise<number>, signals: readonly AbortSignal[]): Promise<number> {
  return new Promise((resolve, reject) => {
    function end(): void {
      for (const forget of forgetting) forget();
      resolve(0);
    }
    const forgetting = signals.map((signal) => onAbort(signal, end));
    promise.then(resolve, reject).finally(end);
  });
}
