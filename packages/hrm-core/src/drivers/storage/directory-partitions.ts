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
import { insist } from './directory-read.js';

/**
 * {@link Storage.partitions} of the directory driver; one date's directories are in memory at a time.
 *
 * That something is not there says nothing where the store is not. So the store is looked for after a listing of dates, and after dates
 * that had nothing of what was asked for, before anything else is given. After one date alone it is looked for at the end: mostly
 * a snapshot, which looks where it finds nothing, has done so by then.
 */
export async function* listPartitions(
  context: DirectoryContext,
  range: PartitionRange,
  options?: ListOptions,
): AsyncGenerator<Partition> {
  for (const directory of range.directories ?? []) requireDirectory(directory);
  const { fromDate = '', toDate = '99999999', directories } = range;
  const isWanted = (date: string) => fromDate <= date && date <= toDate;
  if (range.pending === true) {
    const all = await pendingOf(context, options);
    await context.identity.require();
    for (const partition of all) {
      const isNamed = directories === undefined || directories.includes(partition.directory);
      if (isNamed && isWanted(partition.date)) yield partition;
    }
    return;
  }
  const { identity } = context;
  const dates = await namesOf(context, '', (name) => isDate(name) && isWanted(name), options);
  const isAlone = dates.length === 1;
  if (!isAlone) await identity.require();
  let doubtedAt = isAlone ? identity.proofs : Number.NaN;
  for (const date of dates) {
    await options?.giveWay?.();
    throwIfAborted(options?.signal, 'listing partitions');
    const found =
      directories === undefined
        ? await namesOf(context, date, isUserDirectory, options)
        : await thoseThere(context, date, directories);
    if (found.length === 0) doubtedAt = identity.proofs;
    else if (!isAlone && doubtedAt === identity.proofs) await identity.require();
    for (const directory of found) yield { date, directory };
  }
  if (doubtedAt === identity.proofs) await identity.require();
}

/** Names of directories, ascending; they are ASCII, so that the order of code units is the order of bytes. */
async function namesOf(
  context: DirectoryContext,
  path: string,
  isWanted: (name: string) => boolean,
  { giveWay = yieldNow }: ListOptions = {},
): Promise<readonly string[]> {
  try {
    const entries = await insist(() => listEntries(context.fileSystem, join(context.directory, path)));
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
