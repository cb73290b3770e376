/**
 * Keeps processes from opening or closing the queue file while another one writes to it.
 *
 * lmdb does not do that itself. Every process that opens a file sets the number of the last transaction, which all share, to
 * the one that it read from the file a moment before (`mti_txnid` in `mdb_env_open2`, lmdb-js 3.5.6). Where another process
 * commits in that moment, the next writer takes a number that is used up: it overwrites what was acknowledged, or crashes.
 * Measured with four processes that open one file and push at once: something was lost or broken in one round of ten. The
 * last process that closes a file also destroys the locks, under the hands of one that waits to open it.
 *
 * So whoever opens, closes or writes goes through a gate first: the write lock of a second lmdb file, to which nothing is ever
 * written. Its own opening is harmless, since its last transaction is always the same. The kernel gives the lock back
 * when a process is killed.
 * @module
 */
import { isHrmError } from '../../../errors.js';
import { type Database, NotBegunError, openDatabase, transact } from './database.js';
import { type FileIdentity, GATE_NAME, identifyLockFile, prepareGateFiles, removeGate } from './files.js';

/** The gate of one queue file in this process. */
export interface Gate {
  /** lmdb's lock file of the gate. */
  readonly lock: FileIdentity | undefined;
  /** Runs `action`, which must not await, while no other process is inside; within another `action` at once. */
  pass<T>(action: () => T): T;
  close(): void;
}

/** Nothing is stored. */
const MAP_BYTES = 1024 ** 2;

/** Each of them after something that lasts a moment in another process. */
const MAX_ATTEMPTS = 20;

/** Between two attempts, milliseconds, at most. */
const MAX_PAUSE_MS = 50;

/** EINVAL: what the system says of locks that were destroyed. */
const DESTROYED = 22;

/**
 * Opens the gate in `directory`, and makes its files if there are none.
 * @throws what `fs` and lmdb throw; HrmError kind `data`, code `queue_layout`.
 */
export function openGate(directory: string): Gate {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return openOnce(directory);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isMomentary(error)) throw error;
      pauseSync(Math.random() * MAX_PAUSE_MS);
    }
  }
}

/** Another process makes the file in this moment, or has destroyed the locks as the last one that closed it. */
function isMomentary(error: unknown): boolean {
  return error instanceof DestroyedError || (isHrmError(error) && error.code === 'queue_layout');
}

class DestroyedError extends Error {}

function openOnce(directory: string): Gate {
  prepareGateFiles(directory);
  const lock = identifyLockFile(directory, GATE_NAME);
  let root: Database | undefined;
  try {
    root = openDatabase(directory, GATE_NAME, MAP_BYTES);
    return gateOf(root, identifyLockFile(directory, GATE_NAME));
  } catch (error) {
    void root?.close();
    if (!isDestroyed(error)) throw error;
    // lmdb-js keeps what failed to open, and would give it again for the same file.
    removeGate(directory, lock);
    throw new DestroyedError('lmdb has no locks for the gate', { cause: error });
  }
}

function isDestroyed(error: unknown): boolean {
  return error instanceof NotBegunError || (error instanceof Error && 'code' in error && error.code === DESTROYED);
}

function gateOf(root: Database, lock: FileIdentity | undefined): Gate {
  let isInside = false;
  function pass<T>(action: () => T): T {
    if (isInside) return action();
    return transact(root, () => {
      isInside = true;
      try {
        return action();
      } finally {
        isInside = false;
      }
    });
  }
  return { lock, pass, close: () => void root.close() };
}

function pauseSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
