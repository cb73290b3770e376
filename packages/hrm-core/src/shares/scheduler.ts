/**
 * Everybody's share of the process: who asks for much waits for himself and not for all. Within a step, queries give way to
 * each other and to everything else by themselves.
 */
import { HrmError } from '../errors.js';
import { createRotation } from '../pure/rotation.js';
import { onAbort } from '../waits.js';
import { createQuota } from './quota.js';

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
  const places = createQuota(maxRunning, maxRunning - Math.floor(maxRunning / 4));
  const waiting = createRotation<() => void>();

  function waitForTurn(client: string): Promise<void> {
    return new Promise((resolve) => {
      waiting.add(client, () => {
        places.acquire(client, 1);
        resolve();
      });
    });
  }

  return {
    async run(client, step, signal) {
      if (!places.acquire(client, 1)) await waitForTurn(client);
      try {
        return await unlessGone(step(), signal);
      } finally {
        // Its place is free when the next one begins, and not before: who comes meanwhile goes behind.
        if (waiting.owners === 0) places.release(client, 1);
        else
          setImmediate(() => {
            places.release(client, 1);
            waiting.nextOf((next) => places.hasRoom(next, 1))?.();
          });
      }
    },
  };
}

/** The result of a step, or that nobody waits for it any more. */
function unlessGone<Result>(step: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    function leave(): void {
      reject(new HrmError('the client went away before its answer was made', { kind: 'closed', code: 'client_gone' }));
    }
    if (signal.aborted) leave();
    step.then(resolve, reject).finally(onAbort(signal, leave));
  });
}
