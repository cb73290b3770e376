/**
 * Deleting days that are kept no longer: their files, their directories, the marks that name them. Nothing is read, and nothing is synced:
 * what a power cut brings back is hidden as before, and goes the next time. A publisher that loses its directory makes it again.
 */
import { join } from 'node:path';
import { throwIfAborted } from '../../../errors.js';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { ListOptions } from '../../../ports/storage.js';
import { requireGone } from '../erasures/erasures.js';
import { isUserDirectory } from '../names.js';
import { markDirty, marksOfDate } from './dirty.js';
import { type DirectoryContext, forgetPartition } from './durable.js';
import { storageError } from './errors.js';
import { removeDirectory, statusOf, unlinkIfThere } from './files.js';
import { listNames } from './listing.js';
import { partitionPath } from './paths.js';

/** {@link Storage.discard} of the directory driver. */
export async function discardPartitions(
  context: DirectoryContext,
  date: string,
  directories: readonly string[] | null,
  { signal, yieldTurn }: ListOptions = {},
): Promise<number> {
  const { fileSystem, directory: root } = context;
  const path = join(root, date);
  try {
    const isOurs = (name: string) => isUserDirectory(name) || name === SHARED_DIRECTORY;
    const names =
      directories ?? (await listNames(fileSystem, path, (entry) => entry.isDirectory() && isOurs(entry.name)));
    let files = 0;
    const emptied = new Set<string>();
    for (const directory of names) {
      throwIfAborted(signal, 'deleting days that are over');
      await yieldTurn?.();
      await requireGone(context.erasures, { date, directory });
      const own = partitionPath(root, { date, directory });
      for (const name of await listNames(
        fileSystem,
        own,
        (entry) => !entry.isDirectory() && entry.name.endsWith('.parquet'),
      )) {
        await unlinkIfThere(fileSystem, join(own, name));
        files += 1;
      }
      if ((await removeDirectory(fileSystem, own)) === 'in use') continue;
      forgetPartition(context, { date, directory });
      emptied.add(directory);
    }
    for (const { directory, mark } of await marksOfDate(context, date))
      if (emptied.has(directory)) await unlinkIfThere(fileSystem, mark);
    // Who made one again between the two steps found its mark there already.
    for (const directory of emptied)
      if (statusOf(fileSystem, partitionPath(root, { date, directory })) !== null)
        await markDirty(context, { date, directory });
    if (directories === null) await removeDirectory(fileSystem, path);
    return files;
  } catch (error) {
    throw storageError(`delete what is kept no longer of ${date}`, root, error);
  }
}
