/**
 * An lmdb file of an embedded queue: opening it durably, and transactions that were begun.
 * @module
 */
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { FILE_MODE } from './files.js';

export type Database = RootDatabase<Buffer, string>;

/** Nothing can be written through this opening of the file: its locks were destroyed, or lmdb failed to begin. */
export class NotBegunError extends Error {}

/**
 * Opens the file `name`, which is there.
 * @param mapBytes - of address space, not of disk or memory.
 * @throws what lmdb throws; {@link NotBegunError}: lmdb-js crashes where a table is opened in a transaction that was not begun.
 */
export function openDatabase(directory: string, name: string, mapBytes: number): Database {
  const options = {
    path: join(directory, name),
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary' as const,
    mapSize: mapBytes,
    permissionsMode: FILE_MODE,
  };
  const root = open<Buffer, string>(options);
  try {
    transact(root, () => undefined);
    return root;
  } catch (error) {
    void root.close();
    throw error;
  }
}

/** Runs `action`, which must not await, in a write transaction, and commits. lmdb-js ignores a failed begin. @throws NotBegunError */
export function transact<T>(root: Database, action: () => T): T {
  return root.transactionSync(() => {
    if (root.getWriteTxnId() === 0) throw new NotBegunError('lmdb could not begin a transaction');
    return action();
  });
}
