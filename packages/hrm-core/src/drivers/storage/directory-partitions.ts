/** Listing partitions: what is in a data directory that this system can have put there, and nothing else. */
import { join } from 'node:path';
import { throwIfAborted } from '../../errors.js';
import type { ListOptions, Partition, PartitionRange } from '../../ports/storage.js';
import { byCodeUnits, sortInTurns } from '../../sort-in-turns.js';
import type { DirectoryContext } from './directory-durable.js';
import { storageError } from './directory-errors.js';
import { listEntries, statusOf } from './directory-files.js';
import { isDate, isUserDirectory, requireDirectory } from './directory-names.js';
import { listPending } from './directory-pending.js';

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
    for (const partition of await pendingOf(context, options)) {
      const isNamed = directories === undefined || directories.includes(partition.directory);
      if (isNamed && isWanted(partition.date)) yield [partition];
    }
    return;
  }
  for (const date of await namesOf(context, '', (name) => isDate(name) && isWanted(name), options)) {
    await options?.giveWay?.();
    throwIfAborted(options?.signal, 'listing partitions');
    const found =
      directories === undefined
        ? await namesOf(context, date, isUserDirectory, options)
        : directories.filter((directory) => isThere(context, date, directory));
    yield found.map((directory) => ({ date, directory }));
  }
}

/** Names of directories, ascending; they are ASCII, so that the order of code units is the order of bytes. */
async function namesOf(
  context: DirectoryContext,
  path: string,
  isWanted: (name: string) => boolean,
  { giveWay = yieldNow }: ListOptions = {},
): Promise<readonly string[]> {
  try {
    const entries = await listEntries(context.fileSystem, join(context.directory, path));
    if (entries.length > MANY_ENTRIES) await giveWay();
    const names = entries.filter((entry) => isWanted(entry.name) && entry.isDirectory()).map(({ name }) => name);
    return await sortInTurns(names, byCodeUnits, giveWay);
  } catch (error) {
    throw storageError(`list ${path || 'the dates'}`, context.directory, error);
  }
}

/** Entries whose filtering is worth a pause of its own: a millisecond or two. */
const MANY_ENTRIES = 10_000;

async function yieldNow(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** One stat instead of a listing: a day may have ten thousand users. */
function isThere(context: DirectoryContext, date: string, directory: string): boolean {
  try {
    return statusOf(context.fileSystem, join(context.directory, date, directory))?.isDirectory() === true;
  } catch (error) {
    throw storageError(`look for ${date}/${directory}`, context.directory, error);
  }
}

async function pendingOf(
  context: DirectoryContext,
  { giveWay = yieldNow }: ListOptions = {},
): Promise<readonly Partition[]> {
  try {
    return await listPending(context, giveWay);
  } catch (error) {
    throw storageError('list what is pending', context.directory, error);
  }
}
