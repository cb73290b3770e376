/**
 * What a partition's files are told by without opening any: whatever gives or takes a name sets its directory's times, and
 * of a name that may stand for other bytes the file's own times tell.
 *
 * A look at the directory that finds the times of before is a snapshot of the names: those that were there then. What is looked at after
 * it tells whether a file was written to meanwhile, as by a copy over it. A state is told only when all of it is some seconds old: within
 * the clock's tick a second change leaves the same times.
 */
import { errorCode } from '../../../../errors.js';
import { LISTING_SETTLE_MS } from '../../../../limits.js';
import { COMPACTED_NAME, HASHED_NAME } from '../../../../names.js';
import type { Partition } from '../../../../ports/storage.js';
import { isOlderThan, stateText } from '../dates/state.js';
import type { DirectoryContext } from '../durable.js';
import { storageError } from '../errors.js';
import { type FileStatus, statusOf } from '../files.js';
import { partitionPath } from '../paths.js';
import { identityOf } from './held.js';
import { insist } from './read.js';

/** Names of other programs' files that are looked at one by one: more are as dear as a snapshot. */
const MAX_NAMES_LOOKED_AT = 16;

/** What there is of a partition that does not exist. */
const NONE = 'none';

/** {@link Storage.state} of the directory driver. */
export async function stateOfPartitions(
  context: DirectoryContext,
  partitions: readonly Partition[],
): Promise<string | null> {
  try {
    const register = await context.erasures.current();
    const states = await insist(async () => partitions.map((partition) => stateOf(context, partition)));
    if (states.includes(null) || states.every((state) => state === NONE)) return null;
    // That something is not there says nothing where the store is not; what is there, looked at after it, says that the store is.
    if (states.at(-1) === NONE) await context.identity.require();
    return [...states, ...partitions.map((partition) => register.maskOf(partition)?.key ?? '')].join();
  } catch (error) {
    const places = partitions.map(({ date, directory }) => `${date}/${directory}`);
    throw storageError(`look at ${places.join()}`, context.directory, error);
  }
}

function stateOf({ fileSystem, directory, lister }: DirectoryContext, partition: Partition): string | null {
  const path = partitionPath(directory, partition);
  const status = unlessInTheWay(() => statusOf(fileSystem, path));
  if (!status?.isDirectory()) return NONE;
  if (!isOlderThan(status, LISTING_SETTLE_MS)) return null;
  const names = lister.partsOf(path, status);
  const doubtful = names === null ? null : doubtfulOf(names);
  if (doubtful === null) return null;
  let text = stateText(status);
  for (const name of doubtful) {
    const file = statusOf(fileSystem, `${path}/${name}`);
    // What is gone by now has changed the directory since it was looked at: this state is told once, and never again.
    if (file !== null && !isSettled(file)) return null;
    text += `/${file === null ? NONE : identityOf(file)}`;
  }
  return text;
}

/** `null` where something is in the place of the date, that listings pass over. */
function unlessInTheWay(look: () => FileStatus | null): FileStatus | null {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** By a list of names those that may stand for other bytes another time; `null` for too many. */
const doubtfulNames = new WeakMap<readonly string[], readonly string[] | null>();

function doubtfulOf(names: readonly string[]): readonly string[] | null {
  let doubtful = doubtfulNames.get(names);
  if (doubtful === undefined) {
    const others = [COMPACTED_NAME, ...names.filter((name) => !HASHED_NAME.test(name))];
    doubtful = others.length > MAX_NAMES_LOOKED_AT ? null : others;
    doubtfulNames.set(names, doubtful);
  }
  return doubtful;
}

/** By the change of the inode, which nobody can set. */
function isSettled({ ctimeMs }: FileStatus): boolean {
  return Date.now() - Number(ctimeMs) > LISTING_SETTLE_MS;
}
