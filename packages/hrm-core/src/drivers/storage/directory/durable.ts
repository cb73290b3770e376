/**
 * Durable directory entries: which directories are known to survive a power cut, and syncs that callers share.
 *
 * A directory that is there may be one that another process has just made and not synced yet. So it counts as durable
 * only once this process has synced its parent itself.
 */
import { join } from 'node:path';
import { errorCode } from '../../../errors.js';
import type { Erasures } from '../../../ports/erasures.js';
import type { Partition } from '../../../ports/storage.js';
import type { DateMemory } from './dates/memory.js';
import { monthOf, stampMonth } from './dates/stamps.js';
import type { Descriptors } from './descriptors.js';
import { ancestorsOf, type DirectoryFileSystem, makeDirectory, statusOf, syncDirectory } from './files.js';
import type { Flush } from './flush.js';
import type { Lister } from './listing.js';
import { partitionPath } from './paths.js';
import type { FileClock } from './start/file-clock.js';
import type { StoreIdentity } from './start/identity.js';

/** Directories remembered as durable, about 100 bytes each; a forgotten one costs a sync of its parent. */
const MAX_KNOWN_DIRECTORIES = 50_000;

/** What the parts of the driver share. */
export interface DirectoryContext {
  /** The data directory, absolute. */
  readonly directory: string;
  readonly fileSystem: DirectoryFileSystem;
  /** Opened only to look. */
  readonly readOnly: boolean;
  /** Whether it is still the store that was opened. */
  readonly identity: StoreIdentity;
  readonly clock: FileClock;
  readonly flush: Flush;
  readonly lister: Lister;
  /** Which dates may have a directory. */
  readonly dates: DateMemory;
  /** What was erased. */
  readonly erasures: Erasures;
  /** What of it is open. */
  readonly descriptors: Descriptors;
  /** Paths of directories whose entry is durable; the oldest is forgotten first. */
  readonly known: Set<string>;
  /** By path, or month, the last sync or stamp asked for, to start after; and the one that has not started yet, to join. */
  readonly syncs: Map<string, { readonly last: Promise<void>; readonly joinable: Promise<void> | null }>;
}

/** What syncing directories takes. */
export type Syncing = Pick<DirectoryContext, 'fileSystem' | 'flush' | 'known' | 'syncs'>;

/**
 * Syncs a directory. Calls that arrive while a sync runs share the next one, which starts after all of them have made
 * their entries: a batch of a thousand new users syncs the date's directory a few times.
 */
export function syncShared(context: Syncing, path: string): Promise<void> {
  return shareCall(context, path, async (begin) => {
    await context.flush.before();
    begin();
    await syncDirectory(context.fileSystem, path);
  });
}

/**
 * Makes a call that serves all who asked for it before it began. At most one of a key runs at a time.
 * @param call - says when it begins.
 */
function shareCall(
  context: Pick<Syncing, 'syncs'>,
  key: string,
  call: (begin: () => void) => Promise<void>,
): Promise<void> {
  const before = context.syncs.get(key);
  if (before?.joinable) return before.joinable;
  const shared = (before?.last ?? Promise.resolve()).then(() =>
    call(() => context.syncs.set(key, { last, joinable: null })),
  );
  const last = shared
    .catch(() => undefined)
    .then(() => {
      if (context.syncs.get(key)?.last === last) context.syncs.delete(key);
    });
  context.syncs.set(key, { last, joinable: shared });
  return shared;
}

/**
 * Makes a partition's directories where they are missing; both survive a power cut when this resolves, and everybody who remembers
 * where a user has none looks again.
 */
export async function makePartition(context: DirectoryContext, partition: Partition): Promise<void> {
  const path = partitionPath(context.directory, partition);
  if (context.known.has(path)) return;
  await makeDurable(context, context.directory, partition.date);
  await makeEntry(context, join(context.directory, partition.date), partition.directory);
  // Also for one that was there: who made it may have died before this.
  await shareCall(context, monthOf(partition.date), (begin) => {
    begin();
    return stampMonth(context.fileSystem, context.directory, partition.date);
  });
  noteDurable(context, path);
}

/** Makes a directory where it is missing; it survives a power cut when this resolves, if its parent does. */
export async function makeDurable(context: Syncing, parent: string, name: string): Promise<void> {
  const path = join(parent, name);
  if (context.known.has(path)) return;
  await makeEntry(context, parent, name);
  noteDurable(context, path);
}

async function makeEntry(context: Syncing, parent: string, name: string): Promise<void> {
  await makeDirectory(context.fileSystem, join(parent, name));
  await syncShared(context, parent);
}

function noteDurable({ known }: Pick<Syncing, 'known'>, path: string): void {
  for (const oldest of known) {
    if (known.size < MAX_KNOWN_DIRECTORIES) break;
    known.delete(oldest);
  }
  known.add(path);
}

/** Forgets what is known of a partition's directories, after one was found missing. */
export function forgetPartition(context: DirectoryContext, partition: Partition): void {
  context.known.delete(partitionPath(context.directory, partition));
  context.known.delete(join(context.directory, partition.date));
}

/**
 * Makes the data directory with its missing parents, durably.
 *
 * Every ancestor is synced, not only the ones made here: another process may have made them a moment ago. One that this
 * process may not open, or whose file system cannot be synced, was not made by one of ours.
 */
export async function makeDataDirectory(fileSystem: DirectoryFileSystem, directory: string): Promise<void> {
  const ancestors = ancestorsOf(directory);
  const missing = [directory, ...ancestors].filter((path) => statusOf(fileSystem, path) === null);
  for (const path of missing.reverse()) await makeDirectory(fileSystem, path);
  for (const path of ancestors) {
    await syncDirectory(fileSystem, path).catch((error) => {
      const isForeign = ['EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(errorCode(error));
      if (!isForeign || missing.some((made) => ancestorsOf(made)[0] === path)) throw error;
    });
  }
}
