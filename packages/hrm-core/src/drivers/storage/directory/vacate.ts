/**
 * Taking away what is left of a partition without files: its directory, then the marks that name it.
 *
 * A directory that has something in it stays, as `rmdir` sees to. A publisher that loses its directory makes it again; one that does so
 * between the two steps finds its mark there already, and would lose it: so it is looked for afterwards.
 */
import { join } from 'node:path';
import type { Partition } from '../../../ports/storage.js';
import { markDirty, marksOf } from './dirty.js';
import { type DirectoryContext, forgetPartition, syncShared } from './durable.js';
import { storageError } from './errors.js';
import { removeDirectory, statusOf, unlinkIfThere } from './files.js';
import { partitionPath } from './paths.js';

/** {@link Storage.vacate} of the directory driver. */
export async function vacatePartition(context: DirectoryContext, partition: Partition): Promise<void> {
  const { fileSystem, directory } = context;
  const path = partitionPath(directory, partition);
  try {
    if (!(await isRemoved(context, path))) return;
    forgetPartition(context, partition);
    for (const mark of await marksOf(context, partition)) {
      await unlinkIfThere(fileSystem, mark);
    }
    if (statusOf(fileSystem, path) !== null) await markDirty(context, partition);
  } catch (error) {
    throw storageError(`take away ${partition.date}/${partition.directory}`, directory, error);
  }
}

/** Whether the directory is gone, durably. */
async function isRemoved(context: DirectoryContext, path: string): Promise<boolean> {
  const outcome = await removeDirectory(context.fileSystem, path);
  if (outcome === 'removed') await syncShared(context, join(path, '..'));
  return outcome !== 'in use';
}
