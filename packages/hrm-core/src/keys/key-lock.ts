/**
 * The right to change the keys: a file that only one writer can make.
 *
 * A lock that a killed writer left is taken over once it is old. Two may do so at once, and then one removes the lock that the
 * other has just made. So who holds it asks in the last moment whether it still does.
 */
import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, HrmError } from '../errors.js';
import { readRegularFile } from '../regular-file.js';
import { writeDurably } from './key-place.js';

/** After which a lock is one that a killed writer left, since to write takes milliseconds; ms. */
const LOCK_STALE_MS = 5_000;
/** How long one writer waits for another, ms: longer than for one that was killed a moment ago. */
const LOCK_WAIT_MS = 3 * LOCK_STALE_MS;
const LOCK_POLL_MS = 20;

/** The right to change the keys. */
export interface Lock {
  isHeld(): boolean;
  release(): void;
}

/** Until when who begins now waits for a lock, epoch ms. */
export function lockDeadlineMs(): number {
  return Date.now() + LOCK_WAIT_MS;
}

/** Takes the lock. @throws HrmError kind `unavailable`, code `keys_locked`. */
export async function takeLock(path: string, deadlineMs: number): Promise<Lock> {
  const owner = randomUUID();
  const isHeld = () => ownerOf(path) === owner;
  for (;;) {
    try {
      writeDurably(path, owner);
      return { isHeld, release: () => isHeld() && rmSync(path, { force: true }) };
    } catch (cause) {
      const isTaken = errorCode(cause) === 'EEXIST';
      if (!isTaken || Date.now() > deadlineMs) {
        const message = isTaken
          ? `somebody else is changing the keys: try again, or delete ${path} if nobody is`
          : `the keys cannot be changed: ${path} cannot be made`;
        throw new HrmError(message, { kind: 'unavailable', code: 'keys_locked', cause });
      }
      if (isStale(path)) rmSync(path, { force: true });
      else await sleep(LOCK_POLL_MS);
    }
  }
}

function ownerOf(lock: string): string | null {
  try {
    return readRegularFile(lock)?.text ?? null;
  } catch {
    return null;
  }
}

/** Also one of the future: the clock was set back since. */
function isStale(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Math.abs(Date.now() - stats.mtimeMs) > LOCK_STALE_MS;
}
