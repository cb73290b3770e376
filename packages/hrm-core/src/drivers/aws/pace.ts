/**
 * How many requests are under way at once: as many as are allowed, fewer once the service says that it is too much, and more again
 * with each one that goes well.
 */
import { abortedError } from '../../errors.js';
import { onAbort } from '../../waits.js';

/** A number of requests at once. */
export interface Pace {
  /** Waits for room. @returns what gives it back. @throws HrmError kind `closed` when aborted. */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** One went well. */
  quicken(): void;
  /** The service said that it is too much. Of those that were under way together only the first counts. */
  slow(): void;
  /** Requests at once, now. */
  readonly limit: number;
}

/** Milliseconds in which the service is taken to have said it once: requests of one crowd end within that. */
const SAME_CROWD_MS = 500;

/** Creates a pace. @param most - requests at once, >= 1. */
export function createPace(most: number, nowMs: () => number = () => performance.now()): Pace {
  let limit = most;
  let under = 0;
  let slowedAtMs = Number.NEGATIVE_INFINITY;
  const waiting = new Set<() => void>();

  function leave(): void {
    under -= 1;
    let free = Math.floor(limit) - under;
    for (const go of waiting) {
      if (free <= 0) break;
      free -= 1;
      go();
    }
  }

  return {
    get limit() {
      return Math.floor(limit);
    },
    async enter(signal) {
      if (under >= Math.floor(limit) || waiting.size > 0) await wait(signal);
      else under += 1;
      let isLeft = false;
      return () => {
        if (!isLeft) leave();
        isLeft = true;
      };
    },
    quicken() {
      limit = Math.min(most, limit + 1 / limit);
    },
    slow() {
      const now = nowMs();
      if (now - slowedAtMs < SAME_CROWD_MS) return;
      slowedAtMs = now;
      limit = Math.max(1, limit / 2);
    },
  };

  function wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      function end(): void {
        waiting.delete(go);
        forget();
      }
      function go(): void {
        end();
        under += 1;
        resolve();
      }
      function stop(): void {
        end();
        reject(abortedError('a request', signal?.reason));
      }
      if (signal?.aborted === true) return reject(abortedError('a request', signal.reason));
      waiting.add(go);
      const forget = onAbort(signal, stop);
    });
  }
}
