/** Listing partitions: what is in a data directory that this system can have put there, and nothing else. */
import { join } from 'node:path';
import { throwIfAborted } from '../../errors.js';
import type { ListOptions, Partition, PartitionRange } from '../../ports/storage.js';
import type { DirectoryContext } from './directory-durable.js';
import { storageError } from './directory-errors.js';
import { listEntries, statusOf } from './directory-files.js';
import { isDate, isUserDirectory, requireDirectory } from './directory-names.js';
import { listPending } from './directory-pending.js';
import { insist } from './directory-read.js';

/**
 * {@link Storage.partitions} of the directory driver; one date's directories are in memory at a time.
 *
 * That something is not there says nothing where the store is not. So it is looked for after the listing of dates, before the first
 * partition is given; and at the end, unless the last thing that was looked for was there.
 */
export async function* listPartitions(
  context: DirectoryContext,
  range: PartitionRange,
  options?: ListOptions,
): AsyncGenerator<Partition> {
  for (const directory of range.directories ?? []) requireDirectory(directory);
  let isProved = false;
  let isAnyGiven = false;
  for await (const partitions of findDays(context, range, options)) {
    // What is found together is found in one go: one that is there proves the store for those that are not.
    if (partitions.length === 0) isProved = false;
    else if (!isAnyGiven) await context.identity.require();
    for (const partition of partitions) {
      isProved = true;
      isAnyGiven = true;
      yield partition;
    }
  }
  if (!isProved) await context.identity.require();
}

/** The partitions of a date together, none for a date that has none of those asked for; what is pending one by one. */
async function* findDays(
  context: DirectoryContext,
  { fromDate = '', toDate = '99999999', directories, pending }: PartitionRange,
  options?: ListOptions,
): AsyncGenerator<readonly Partition[]> {
  const isWanted = (date: string) => fromDate <= date && date <= toDate;
  if (pending === true) {
    for (const partition of await pendingOf(context)) {
      const isNamed = directories === undefined || directories.includes(partition.directory);
      if (isNamed && isWanted(partition.date)) yield [partition];
    }
    return;
  }
  for (const date of await namesOf(context, '', (name) => isDate(name) && isWanted(name))) {
    await options?.giveWay?.();
    throwIfAborted(options?.signal, 'listing partitions');
    const found =
      directories === undefined
        ? await namesOf(context, date, isUserDirectory)
        : await thoseThere(context, date, directories);
    yield found.map((directory) => ({ date, directory }));
  }
}

/** Names of directories, ascending; they are ASCII, so that the order of code units is the order of bytes. */
async function namesOf(
  context: DirectoryContext,
  path: string,
  isWanted: (name: string) => boolean,
): Promise<readonly string[]> {
  try {
    const entries = await insist(() => listEntries(context.fileSystem, join(context.directory, path)));
    return entries
      .filter((entry) => isWanted(entry.name) && entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw storageError(`list ${path || 'the dates'}`, context.directory, error);
  }
}

/** A stat each instead of a listing: a day may have ten thousand users. */
async function thoseThere(
  { fileSystem, directory }: DirectoryContext,
  date: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const isThere = (name: string) => statusOf(fileSystem, join(directory, date, name))?.isDirectory() === true;
  try {
    return await insist(async () => names.filter(isThere));
  } catch (error) {
    throw storageError(`look for ${names.join()} of ${date}`, directory, error);
  }
}

async function pendingOf(context: DirectoryContext): Promise<readonly Partition[]> {
  try {
    return await listPending(context);
  } catch (error) {
    throw storageError('list what is pending', context.directory, error);
  }
}
