/** What stands in a partition's directory and is no file of it: named for a person, never read, moved or deleted. */
import { join } from 'node:path';
import { errorCode } from '../../../errors.js';
import { COMPACTED_NAME } from '../../../names.js';
import type { Partition } from '../../../ports/storage.js';
import type { DirectoryContext } from './durable.js';
import { storageError } from './errors.js';
import { statusOf } from './files.js';
import { isPart, partitionPath } from './names.js';

/** {@link Storage.strays} of the directory driver. Names with a leading dot are the file system's own, or a file manager's. */
export async function listStrays(context: DirectoryContext, partition: Partition): Promise<readonly string[]> {
  const path = partitionPath(context.directory, partition);
  try {
    const names = context.fileSystem.readdirSync(path).filter((name) => !name.startsWith('.'));
    return names.filter((name) => !isFileOfPartition(context, path, name)).sort();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      throw storageError(`list ${partition.date}/${partition.directory}`, context.directory, error);
    await context.identity.require();
    return [];
  }
}

function isFileOfPartition({ fileSystem }: DirectoryContext, path: string, name: string): boolean {
  if (name !== COMPACTED_NAME && !isPart(name)) return false;
  // One that is gone by now was moved by who moves files.
  return statusOf(fileSystem, join(path, name))?.isFile() !== false;
}
