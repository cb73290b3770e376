/** Listing partitions: what is in a data directory that this system can have put there, and nothing else. */
import { join } from 'node:path';
import { HrmError, throwIfAborted } from '../../errors.js';
import type { ListOptions, Partition, PartitionRange } from '../../ports/storage.js';
import type { DirectoryContext } from './directory-durable.js';
import { storageError } from './directory-errors.js';
import { listEntries, statusOf } from './directory-files.js';
import { isDate, isUserDirectory, requireDirectory } from './directory-names.js';
import { listPending } from './directory-pending.js';

/** {@link Storage.partitions} of the directory driver; one date's directories are in memory at a time. */
export async function* listPartitions(
  context: DirectoryContext,
  range: PartitionRange,
  options?: ListOptions,
): AsyncGenerator<Partition> {
  for (const directory of range.directories ?? []) requireDirectory(directory);
  const { fromDate = '', toDate = '99999999' } = range;
  // Where it was once opened to write, a data directory that is not there is a disk that is gone, and no empty answer.
  if (!context.readOnly) requireDataDirectory(context);
  if (range.pending === true) {
    const { directories } = range;
    for (const partition of await pendingOf(context)) {
      if (partition.date < fromDate || partition.date > toDate) continue;
      if (directories === undefined || directories.includes(partition.directory)) yield partition;
    }
    return;
  }
  const dates = await namesOf(context, '', (name) => isDate(name) && fromDate <= name && name <= toDate);
  for (const date of dates) {
    await options?.giveWay?.();
    throwIfAborted(options?.signal, 'listing partitions');
    const directories =
      range.directories === undefined
        ? await namesOf(context, date, isUserDirectory)
        : range.directories.filter((directory) => isThere(context, date, directory));
    for (const directory of directories) yield { date, directory };
  }
}

/** Names of directories, ascending; they are ASCII, so that the order of code units is the order of bytes. */
async function namesOf(
  context: DirectoryContext,
  path: string,
  isWanted: (name: string) => boolean,
): Promise<readonly string[]> {
  try {
    const entries = await listEntries(context.fileSystem, join(context.directory, path));
    return entries
      .filter((entry) => isWanted(entry.name) && entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw storageError(`list ${path || 'the dates'}`, context.directory, error);
  }
}

/** One stat instead of a listing: a day may have ten thousand users. */
function isThere(context: DirectoryContext, date: string, directory: string): boolean {
  try {
    return statusOf(context.fileSystem, join(context.directory, date, directory))?.isDirectory() === true;
  } catch (error) {
    throw storageError(`look for ${date}/${directory}`, context.directory, error);
  }
}

async function pendingOf(context: DirectoryContext): Promise<readonly Partition[]> {
  try {
    return await listPending(context);
  } catch (error) {
    throw storageError('list what is pending', context.directory, error);
  }
}

function requireDataDirectory({ directory, fileSystem }: DirectoryContext): void {
  try {
    if (statusOf(fileSystem, directory) !== null) return;
  } catch (error) {
    throw storageError('look for anything', directory, error);
  }
  throw new HrmError(`the data directory ${directory} (HRM_DATA_DIR) is gone: was its disk unmounted?`, {
    kind: 'unavailable',
    code: 'storage_unavailable',
  });
}
