/**
 * Everybody's share of the process: who asks for much waits for himself and not for all. Within a step, queries give way to
 * each other and to everything else by themselves.
 */
import { HrmError } from 'hrm-core';

/** Lets a few steps run at once, those of different clients in turn. */
export interface FairShare {
  /**
   * Runs a step when it is its turn. What it throws is thrown here.
   * @param signal - fires when the client has gone: a step that hangs, since a disk does, holds up the others no longer.
   * @throws HrmError kind `closed`, code `client_gone`, when it fires.
   */
  run<Result>(client: string, step: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/** @param maxRunning - steps under way at once; between the end of one and the next everybody else has a turn. */
export function createFairShare(maxRunning: number): FairShare {
  // The first client waits longest; whose step began goes behind the others.
  const waiting = new Map<string, (() => void)[]>();
  let running = 0;

  function startNext(): void {
    const [first] = waiting;
    if (first === undefined) {
      running -= 1;
      return;
    }
    const [client, starts] = first;
    const start = starts.shift();
    waiting.delete(client);
    if (starts.length > 0) waiting.set(client, starts);
    start?.();
  }

  function waitForTurn(client: string): Promise<void> {
    return new Promise((start) => {
      const starts = waiting.get(client);
      if (starts === undefined) waiting.set(client, [start]);
      else starts.push(start);
    });
  }

  return {
    async run(client, step, signal) {
      if (running < maxRunning) running += 1;
      else await waitForTurn(client);
      try {
        return await unlessGone(step(), signal);
      } finally {
        if (waiting.size === 0) running -= 1;
        else setImmediate(startNext);
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

/** Counts what is held at once, by everybody and by each client. */
export interface Places {
  /**
   * @returns what gives the place back; again is harmless.
   * @throws HrmError kind `unavailable`, code `too_busy`, when there is none left for this client.
   */
  take(client: string): () => void;
}

/** @param max - places of all; one client has a quarter of them at most, so that it shuts out nobody. */
export function createPlaces(max: number): Places {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take(client) {
      const own = taken.get(client) ?? 0;
      if (all >= max || own >= max / 4) {
        const message = 'too many long answers at once: read those under way, or ask for longer intervals';
        throw new HrmError(message, { kind: 'unavailable', code: 'too_busy' });
      }
      all += 1;
      taken.set(client, own + 1);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        all -= 1;
        const left = (taken.get(client) ?? 1) - 1;
        if (left === 0) taken.delete(client);
        else taken.set(client, left);
      };
    },
  };
}
