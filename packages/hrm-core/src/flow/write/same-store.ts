/**
 * The pair of a queue and the store that its readings go to. A consumer that is started while a disk is not mounted would else empty the
 * queue into its mount point, where nobody finds the readings once the disk is back.
 */
import { otherStoreError } from '../../errors.js';
import { STORE_KNOWN_MS } from '../../limits.js';
import type { Queue } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';

/** A queue, and where its readings go. */
export interface StoreComponents {
  readonly queue: Pick<Queue, 'store'>;
  readonly storage: Pick<Storage, 'identity' | 'check'>;
}

/**
 * Proves that a storage is the store that the queue's readings went to before. That somebody else adopted another is known a minute later.
 * @returns whether the queue remembers one.
 * @throws HrmError kind `unavailable`, code `storage_replaced`; as the queue's calls.
 */
export async function requireSameStore({ queue, storage }: StoreComponents): Promise<boolean> {
  const remembered = await queue.store.get({ maxAgeMs: STORE_KNOWN_MS });
  if (remembered === null) return false;
  if ((await storage.identity()) !== remembered) throw replacedError();
  return true;
}

/**
 * Remembers the store that readings of the queue were written to, where none is remembered.
 * @throws HrmError kind `unavailable`, code `storage_replaced`, where somebody else was first with another; as the queue's calls.
 */
export async function rememberStore({ queue, storage }: StoreComponents): Promise<void> {
  const identity = await storage.identity();
  if (identity !== null && (await queue.store.remember(identity)) !== identity) throw replacedError();
}

/**
 * Lets the queue's readings go to this storage from now on, wherever they went before: for a data directory that is begun anew on
 * purpose. A directory that was moved, or restored from a backup, is the same store, and needs none of it.
 * @throws HrmError kind `unavailable` where the storage cannot be written to; as the queue's calls.
 */
export async function adoptStore({ queue, storage }: StoreComponents): Promise<void> {
  // A store that had no room for its identity gets it here.
  await storage.check();
  const identity = await storage.identity();
  if (identity !== null) await queue.store.remember(identity, { replace: true });
}

function replacedError() {
  return otherStoreError('The storage is another store than before', 'storage_replaced');
}
