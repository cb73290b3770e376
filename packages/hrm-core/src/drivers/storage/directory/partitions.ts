/** Listing partitions: what is in a data directory that this system can have put there, and nothing else. */
import { join } from 'node:path';
import { throwIfAborted } from '../../../errors.js';
import type { ListOptions, Partition, PartitionRange } from '../../../ports/storage.js';
import { byCodeUnits, sortYielding } from '../../../sort-yielding.js';
import { isDate, isUserDirectory, requireDirectory } from '../names.js';
import { listDirty, markedPartition } from './dirty.js';
import type { DirectoryContext } from './durable.js';
import { storageError } from './errors.js';
import { statusOf } from './files.js';
import { listNames, yieldNow } from './listing.js';
import { insist } from './snapshot/read.js';

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
  if (range.dirty === true) {
    const marks = await dirtyOf(context, options);
    await context.identity.require();
    for (const mark of marks) {
      const partition = markedPartition(mark);
      const isNamed = directories === undefined || directories.includes(partition.directory);
      if (isNamed && isWanted(partition.date)) yield partition;
    }
    return;
  }
  const { identity } = context;
  const all = await datesOf(context, options);
  const wanted = all.filter(isWanted);
  const isAlone = wanted.length === 1;
  if (!isAlone) await identity.require();
  const isNarrowed = directories !== undefined && wanted.length > MAX_DATES_LOOKED_AT;
  const dates = isNarrowed ? await narrow(context, all, { fromDate, toDate, directories }, options) : wanted;
  let doubtedAt = isAlone ? identity.proofs : Number.NaN;
  for (let at = 0; at < dates.length; ) {
    await options?.yieldTurn?.();
    throwIfAborted(options?.signal, 'listing partitions');
    const { looks, found } =
      directories === undefined
        ? { looks: 1, found: await directoriesOf(context, dates[at] as string, options) }
        : await findSome(context, dates.slice(at, at + DATES_AT_ONCE), directories);
    at += looks;
    if (looks > 1 || found.length === 0) doubtedAt = identity.proofs;
    if (found.length > 0 && !isAlone && doubtedAt === identity.proofs) await identity.require();
    for (const directory of found) yield { date: dates[at - 1] as string, directory };
  }
  if (doubtedAt === identity.proofs) await identity.require();
}

/** Dates that are looked at for a question without asking the memory: two months, a hundred microseconds. */
const MAX_DATES_LOOKED_AT = 62;

async function narrow(
  context: DirectoryContext,
  all: readonly string[],
  wanted: { readonly fromDate: string; readonly toDate: string; readonly directories: readonly string[] },
  { yieldTurn = yieldNow, signal }: ListOptions = {},
): Promise<readonly string[]> {
  async function yieldUnlessAborted(): Promise<void> {
    await yieldTurn();
    throwIfAborted(signal, 'listing partitions');
  }
  try {
    return await insist(() => context.dates.narrow(all, wanted, yieldUnlessAborted));
  } catch (error) {
    throw storageError(`look for ${wanted.directories.join()}`, context.directory, error);
  }
}

/** Dates without anything that are skipped in one piece: 32 system calls, which is little also on a slow disk. */
const DATES_AT_ONCE = 16;

/** {@link Storage.dates} of the directory driver. */
export async function listDates(context: DirectoryContext, options?: ListOptions): Promise<readonly string[]> {
  const dates = await datesOf(context, options);
  await context.identity.require();
  return dates;
}

async function datesOf(context: DirectoryContext, options?: ListOptions): Promise<readonly string[]> {
  const { lister, directory } = context;
  try {
    return await insist(() => lister.names(directory, () => namesOf(context, directory, isDate, options)));
  } catch (error) {
    throw storageError('list the dates', directory, error);
  }
}

async function directoriesOf(
  context: DirectoryContext,
  date: string,
  options?: ListOptions,
): Promise<readonly string[]> {
  try {
    return await insist(() => namesOf(context, join(context.directory, date), isUserDirectory, options));
  } catch (error) {
    throw storageError(`list ${date}`, context.directory, error);
  }
}

/** Names of directories, ascending; they are ASCII, so that the order of code units is the order of bytes. */
async function namesOf(
  { fileSystem }: DirectoryContext,
  path: string,
  isWanted: (name: string) => boolean,
  { yieldTurn = yieldNow }: ListOptions = {},
): Promise<readonly string[]> {
  const names = await listNames(fileSystem, path, (entry) => isWanted(entry.name) && entry.isDirectory());
  return await sortYielding(names, byCodeUnits, yieldTurn);
}

/**
 * Looks into dates up to the first that has some of these directories. A stat each instead of a listing: a day may have ten
 * thousand users. A remembered listing is no quicker: whether it still holds is a stat too, of something that is there, and
 * that takes as long as two of what is not.
 */
async function findSome(
  { fileSystem, directory }: DirectoryContext,
  dates: readonly string[],
  names: readonly string[],
): Promise<{ readonly looks: number; readonly found: readonly string[] }> {
  function look(): { readonly looks: number; readonly found: readonly string[] } {
    for (const [i, date] of dates.entries()) {
      const found = names.filter(
        (name) => statusOf(fileSystem, `${directory}/${date}/${name}`)?.isDirectory() === true,
      );
      if (found.length > 0) return { looks: i + 1, found };
    }
    return { looks: dates.length, found: [] };
  }
  try {
    return await insist(async () => look());
  } catch (error) {
    throw storageError(`look for ${names.join()} from ${dates[0]} on`, directory, error);
  }
}

async function dirtyOf(
  context: DirectoryContext,
  { yieldTurn = yieldNow }: ListOptions = {},
): Promise<readonly string[]> {
  try {
    return await listDirty(context, yieldTurn);
  } catch (error) {
    throw storageError('list what is dirty', context.directory, error);
  }
}
