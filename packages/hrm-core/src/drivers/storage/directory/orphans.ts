/** What stands in a partition's directory and is no file of it, or in a partition's place: named for a person, never read, moved or deleted. */
import { join } from 'node:path';
import { throwIfAborted } from '../../../errors.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../../names.js';
import type { ListOptions, Obstacle, Partition, PartitionRange, VersionOptions } from '../../../ports/storage.js';
import { collectYielding } from '../../../steps.js';
import { isDate, isPart, isUserDirectory } from '../names.js';
import type { DirectoryContext } from './durable.js';
import { storageError } from './errors.js';
import { statusOf } from './files.js';
import { listNames, yieldNow } from './listing.js';
import { partitionPath } from './paths.js';
import { FILES_A_PIECE } from './snapshot/held.js';

/** {@link Storage.orphans} of the directory driver. Names with a leading dot are the file system's own, or a file manager's. */
export async function listOrphans(
  context: DirectoryContext,
  partition: Partition,
  { yieldTurn = yieldNow }: VersionOptions = {},
): Promise<readonly string[]> {
  const path = partitionPath(context.directory, partition);
  try {
    const names = await listNames(context.fileSystem, path, ({ name }) => !name.startsWith('.'));
    const orphanOf = (name: string) => (isFileOfPartition(context, path, name) ? undefined : name);
    const orphans = await collectYielding(names, orphanOf, yieldTurn, FILES_A_PIECE);
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

interface Named {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** {@link Storage.obstacles} of the directory driver; one date's are in memory at a time. */
export async function* listObstacles(
  context: DirectoryContext,
  { fromDate = '', toDate = '99999999', directories }: Omit<PartitionRange, 'dirty'>,
  { yieldTurn = yieldNow, signal }: ListOptions = {},
): AsyncGenerator<Obstacle> {
  const { fileSystem, directory } = context;
  const blocked = new Set<string>();
  async function namesIn(path: string, isWanted: (entry: Named) => boolean): Promise<readonly string[]> {
    try {
      const names = await listNames(fileSystem, path, (entry) =>
        isWanted({ name: entry.name, isDirectory: entry.isDirectory() }),
      );
      return [...names].sort();
    } catch (error) {
      throw storageError('look for what is in the way', directory, error);
    }
  }
  const isWhole = fromDate === '' && toDate === '99999999' && directories === undefined;
  const dates = await namesIn(directory, ({ name, isDirectory }) => {
    if (!isDate(name)) return isWhole && isDirectory && !isForeign(name);
    const isWanted = fromDate <= name && name <= toDate;
    if (isWanted && !isDirectory) blocked.add(name);
    return isWanted;
  });
  for (const date of dates) {
    await yieldTurn();
    throwIfAborted(signal, 'looking for what is in the way');
    if (!isDate(date) || blocked.has(date)) {
      yield { date, directory: null, kind: isDate(date) ? 'in_the_way' : 'strange' };
      continue;
    }
    const names = await namesIn(join(directory, date), ({ name, isDirectory }) => {
      if (directories?.includes(name) === false) return false;
      return isPartitionName(name) ? !isDirectory : directories === undefined && isDirectory && !isForeign(name);
    });
    for (const name of names) yield { date, directory: name, kind: isPartitionName(name) ? 'in_the_way' : 'strange' };
  }
}

function isPartitionName(name: string): boolean {
  return isUserDirectory(name) || name === SHARED_DIRECTORY;
}

/** What a file system or a file manager puts there. */
function isForeign(name: string): boolean {
  return name.startsWith('.') || name === 'lost+found';
}
