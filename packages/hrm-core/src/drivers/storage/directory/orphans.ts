/** What stands in a partition's directory and is no file of it: named for a person, never read, moved or deleted. */
import { join } from 'node:path';
import { COMPACTED_NAME } from '../../../names.js';
import type { Partition, VersionOptions } from '../../../ports/storage.js';
import type { DirectoryContext } from './durable.js';
import { storageError } from './errors.js';
import { statusOf } from './files.js';
import { FILES_A_PIECE } from './held.js';
import { listNames, yieldNow } from './listing.js';
import { isPart, partitionPath } from './names.js';

/** {@link Storage.orphans} of the directory driver. Names with a leading dot are the file system's own, or a file manager's. */
export async function listOrphans(
  context: DirectoryContext,
  partition: Partition,
  { yieldTurn = yieldNow }: VersionOptions = {},
): Promise<readonly string[]> {
  const path = partitionPath(context.directory, partition);
  try {
    const names = await listNames(context.fileSystem, path, ({ name }) => !name.startsWith('.'));
    const orphans: string[] = [];
    for (const [i, name] of names.entries()) {
      if (i % FILES_A_PIECE === FILES_A_PIECE - 1) await yieldTurn();
      if (!isFileOfPartition(context, path, name)) orphans.push(name);
    }
    // A partition of which nothing is there says nothing where the store is not.
    if (names.length === 0 && statusOf(context.fileSystem, path) === null) await context.identity.require();
    return orphans.sort();
  } catch (error) {
    throw storageError(`list ${partition.date}/${partition.directory}`, context.directory, error);
  }
}

function isFileOfPartition({ fileSystem }: DirectoryContext, path: string, name: string): boolean {
  if (name !== COMPACTED_NAME && !isPart(name)) return false;
  // One that is gone by now was moved by who moves files.
  return statusOf(fileSystem, join(path, name))?.isFile() !== false;
}
