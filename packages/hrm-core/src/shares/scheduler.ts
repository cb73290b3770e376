/**
 * Everybody's share of the process: who asks for much waits for himself and not for all. Within a step, queries give way to
 * each other and to everything else by themselves.
 */
import { HrmError } from '../errors.js';
import { createRotation } from '../pure/rotation.js';

/** Lets a few steps run at once, those of different clients in turn. */
export interface Scheduler {
  /**
   * Runs a step when it is its turn. What it throws is thrown here.
   * @param signal - fires when the client has gone: a step that hangs, since a disk does, holds up the others no longer.
   * @throws HrmError kind `closed`, code `client_gone`, when it fires.
   */
  run<Result>(client: string, step: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/**
 * @param maxRunning - steps under way at once; between the end of one and the next everybody else has a turn. One client has three
 *   quarters of them at most, so that another's step begins at once.
 */
export function createScheduler(maxRunning: number): Scheduler {
  const maxOwn = maxRunning - Math.floor(maxRunning / 4);
  const waiting = createRotation<() => void>();
  const runningOf = new Map<string, number>();
  let running = 0;

  function mayBegin(client: string): boolean {
    return running < maxRunning && (runningOf.get(client) ?? 0) < maxOwn;
  }

  function count(client: string, change: 1 | -1): void {
    running += change;
    const own = (runningOf.get(client) ?? 0) + change;
    if (own === 0) runningOf.delete(client);
    else runningOf.set(client, own);
  }

  function waitForTurn(client: string): Promise<void> {
    return new Promise((resolve) => {
      waiting.add(client, () => {
        count(client, 1);
        resolve();
      });
    });
  }

  return {
    async run(client, step, signal) {
      if (mayBegin(client)) count(client, 1);
      else await waitForTurn(client);
      try {
        return await unlessGone(step(), signal);
      } finally {
        // Its place is free when the next one begins, and not before: who comes meanwhile goes behind.
        if (waiting.owners === 0) count(client, -1);
        else
          setImmediate(() => {
            count(client, -1);
            waiting.nextOf(mayBegin)?.();
          });
      }
    },
  };
}

/** The result of a step, or that nobody waits for it any more. */
function unlessGone<Result>(step: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    function onAbort(): void {
      reject(new HrmError('the client went away before its answer was made', { kind: 'closed', code: 'client_gone' }));
    }
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    step.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** What is held at once, by everybody and by each client: bytes, places. One client has a quarter at most, so that it shuts out nobody. */
export interface Quota {
  /** Whether a client could take so much now. */
  hasRoom(client: string, amount: number): boolean;
  /** Takes so much; `false`, and takes nothing, when there is not so much left for this client. */
  acquire(client: string, amount: number): boolean;
  release(client: string, amount: number): void;
}

/** @param max - held by all, inclusive. @param maxOwn - by one client, inclusive. */
export function createQuota(max: number, maxOwn = max / 4): Quota {
  const taken = new Map<string, number>();
  let all = 0;

  function hasRoom(client: string, amount: number): boolean {
    return all + amount <= max && (taken.get(client) ?? 0) + amount <= maxOwn;
  }

  function change(client: string, amount: number): void {
    const own = (taken.get(client) ?? 0) + amount;
    all += amount;
    if (own === 0) taken.delete(client);
    else taken.set(client, own);
  }

  return {
    hasRoom,
    acquire(client, amount) {
      if (!hasRoom(client, amount)) return false;
      change(client, amount);
      return true;
    },
    release: (client, amount) => change(client, -amount),
  };
}

/** Places, taken one by one. */
export interface Semaphore {
  /**
   * @returns what gives the place back; again is harmless.
   * @throws HrmError kind `unavailable`, code `too_busy`, when there is none left for this client.
   */
  acquire(client: string): () => void;
}

/** @param max - places of all. @param message - of the error when there is none left. */
export function createSemaphore(max: number, message: string): Semaphore {
  const quota = createQuota(max);
  return {
    acquire(client) {
      if (!quota.acquire(client, 1)) throw new HrmError(message, { kind: 'unavailable', code: 'too_busy' });
      let isTaken = true;
      return () => {
        if (isTaken) quota.release(client, 1);
        isTaken = false;
      };
    },
  };
}
