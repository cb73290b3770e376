/**
 * Bounds on what is held at once: each client's share of it is counted here, whatever it is.
 */
import { HrmError } from '../errors.js';

/** What is held at once, by everybody and by each client: bytes, places. One client has a quarter at most, so that it shuts out nobody. */
export interface Quota {
  /** Whether a client could take so much now; `null`: somebody of whom only all together are bounded. */
  hasRoom(client: string | null, amount: number): boolean;
  /** Takes so much; `false`, and takes nothing, when there is not so much left for this client. */
  acquire(client: string | null, amount: number): boolean;
  release(client: string | null, amount: number): void;
  /** The same for a client who may have less than the others. @param maxOwn - inclusive; `undefined`: no less. */
  atMost(maxOwn: number | undefined): Quota;
}

/** @param max - held by all, inclusive. @param maxOwn - by one client, inclusive. */
export function createQuota(max: number, maxOwn = max / 4): Quota {
  const taken = new Map<string, number>();
  let all = 0;

  function hasRoom(client: string | null, amount: number, own: number): boolean {
    if (all + amount > max) return false;
    return client === null || (taken.get(client) ?? 0) + amount <= own;
  }

  function change(client: string | null, amount: number): void {
    all += amount;
    if (client === null) return;
    const own = (taken.get(client) ?? 0) + amount;
    if (own === 0) taken.delete(client);
    else taken.set(client, own);
  }

  function quotaOf(own: number): Quota {
    return {
      hasRoom: (client, amount) => hasRoom(client, amount, own),
      acquire(client, amount) {
        if (!hasRoom(client, amount, own)) return false;
        change(client, amount);
        return true;
      },
      release: (client, amount) => change(client, -amount),
      atMost: (less = own) => quotaOf(Math.min(own, less)),
    };
  }
  return quotaOf(maxOwn);
}

/** The error of a share that is used up: kind `unavailable`, code `too_busy`. @param message - what to do. */
export function tooBusyError(message: string): HrmError {
  return new HrmError(message, { kind: 'unavailable', code: 'too_busy' });
}

/** Places, taken one by one. */
export interface Semaphore {
  /**
   * @param maxOwn - places of this client, where that is less than the others have.
   * @returns what gives the place back; again is harmless.
   * @throws HrmError kind `unavailable`, code `too_busy`, when there is none left for this client.
   */
  acquire(client: string, maxOwn?: number | undefined): () => void;
}

/** @param max - places of all. @param message - of the error when there is none left. @param maxOwn - places of one client; default a quarter. */
export function createSemaphore(max: number, message: string, maxOwn?: number): Semaphore {
  const quota = createQuota(max, maxOwn);
  return {
    acquire(client, less) {
      if (!quota.atMost(less).acquire(client, 1)) throw tooBusyError(message);
      let isTaken = true;
      return () => {
        if (isTaken) quota.release(client, 1);
        isTaken = false;
      };
    },
  };
}
