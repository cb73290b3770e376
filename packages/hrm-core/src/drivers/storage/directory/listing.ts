/**
 * Names of parts and of dates, listed anew only when the directory has changed. Whatever gives or takes a name sets a directory's
 * times; so a listing holds for as long as they are what they were before it and after it. Only once they are old is it
 * remembered: within the clock's tick a second change leaves the same time.
 *
 * A question about a day with 200 parts lists it three times, which were a third of its time. One about all days of a user lists
 * the dates; of 20,000 that took 30 ms.
 */
import { errorCode } from '../../../errors.js';
import { LISTING_SETTLE_MS, MAX_REMEMBERED_NAMES } from '../../../limits.js';
import { byCodeUnits, sortYielding } from '../../../sort-yielding.js';
import { isPart } from '../names.js';
import { isOlderThan } from './dates/state.js';
import {
  type DirectoryEntry,
  type DirectoryFileSystem,
  done,
  doneWith,
  type FileStatus,
  type OpenDirectory,
  statusOf,
} from './files.js';

/** What tells one state of a directory from another; the rest of a status would be most of what is remembered. */
type DirectoryState = Pick<FileStatus, 'dev' | 'ino' | 'mtimeNs' | 'ctimeNs'>;

interface Listing {
  readonly state: DirectoryState;
  readonly names: readonly string[];
}

/** Lists. */
export interface Lister {
  /**
   * Names of the parts in a directory, ascending; none where it is not there. At once where they are remembered or few; of a large
   * directory they are listed in pieces, while others work.
   */
  parts(path: string, yieldTurn?: YieldTurn): readonly string[] | Promise<readonly string[]>;
  /**
   * The same of a directory that was just looked at, where they are remembered or few; else `null`. Of one state of it always the same
   * array, as long as they are remembered.
   */
  partsOf(path: string, status: FileStatus): readonly string[] | null;
  /** What `read` gives of a directory's names: of one directory always the same. */
  names(path: string, read: () => Promise<readonly string[]>): Promise<readonly string[]>;
}

/** Lets others work, where it is time to. */
type YieldTurn = () => Promise<void>;

/**
 * A directory up to this size is listed in one piece: some thousand names, a few milliseconds' work. A part takes 20 bytes of it on tmpfs,
 * 56 on ext4, 96 on btrfs. Where a file system gives directories no size in bytes, more are listed in one piece.
 */
const MAX_SYNC_DIRECTORY_BYTES = 65_536n;

/** Whether the names of a directory are worth pieces. */
export function isLarge({ size }: FileStatus): boolean {
  return size > MAX_SYNC_DIRECTORY_BYTES;
}

/** Creates a lister with a memory of its own, in which the longest unused directory is forgotten first. */
export function createLister(fileSystem: DirectoryFileSystem, maxNames = MAX_REMEMBERED_NAMES): Lister {
  const remembered = new Map<string, Listing>();
  let nameCount = 0;

  function forget(path: string): void {
    nameCount -= 1 + (remembered.get(path)?.names.length ?? -1);
    remembered.delete(path);
  }

  function remember(path: string, listing: Listing): void {
    forget(path);
    remembered.set(path, listing);
    nameCount += 1 + listing.names.length;
    while (nameCount > maxNames) forget(remembered.keys().next().value ?? path);
  }

  function recall(path: string, status: FileStatus): readonly string[] | null {
    const known = remembered.get(path);
    if (known === undefined || !isUnchanged(known.state, status)) return null;
    remember(path, known);
    return known.names;
  }

  /** @param before - the directory's, before the names were read. */
  function keep(path: string, before: FileStatus, names: readonly string[]): readonly string[] {
    const after = statusOf(fileSystem, path);
    const isOld = isOlderThan(before, LISTING_SETTLE_MS);
    if (isOld && after !== null && isUnchanged(before, after)) remember(path, { state: stateOf(before), names });
    return names;
  }

  function partsOf(path: string, status: FileStatus): readonly string[] | null {
    const known = recall(path, status);
    if (known !== null || isLarge(status)) return known;
    return keep(path, status, readParts(fileSystem, path));
  }

  return {
    partsOf,
    parts(path, yieldTurn = yieldNow) {
      const status = statusOf(fileSystem, path);
      if (status === null) return [];
      const known = partsOf(path, status);
      if (known !== null) return known;
      return listParts(fileSystem, path, yieldTurn).then((names) => keep(path, status, names));
    },
    async names(path, read) {
      const status = statusOf(fileSystem, path);
      if (status === null) return await read();
      return recall(path, status) ?? keep(path, status, await read());
    },
  };
}

/** Entries of a directory read in one piece: a millisecond's work. */
const ENTRIES_AT_ONCE = 1_024;

/**
 * Names in a directory that may have hundreds of thousands, in no order; none where there is no such directory. `readdir` gives
 * them in one piece, in which nobody else works; here others do after each thousand.
 */
export async function listNames(
  fileSystem: DirectoryFileSystem,
  path: string,
  isWanted: (entry: DirectoryEntry) => boolean,
): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    const options = { bufferSize: ENTRIES_AT_ONCE };
    const directory = await doneWith<OpenDirectory>((callback) => fileSystem.opendir(path, options, callback));
    try {
      await done((callback) => {
        function take(error: NodeJS.ErrnoException | null, entry: DirectoryEntry | null): void {
          if (error || entry === null) {
            callback(error);
            return;
          }
          if (isWanted(entry)) names.push(entry.name);
          directory.read(take);
        }
        directory.read(take);
      });
    } finally {
      await done((callback) => directory.close(callback)).catch(() => undefined);
    }
    return names;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function listParts(
  fileSystem: DirectoryFileSystem,
  path: string,
  yieldTurn: YieldTurn,
): Promise<readonly string[]> {
  const names = await listNames(fileSystem, path, ({ name }) => isPart(name));
  return await sortYielding(names, byCodeUnits, yieldTurn);
}

/** Waits for the event loop to go round once. */
export async function yieldNow(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function readParts(fileSystem: DirectoryFileSystem, path: string): readonly string[] {
  try {
    return fileSystem.readdirSync(path).filter(isPart).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function stateOf({ dev, ino, mtimeNs, ctimeNs }: FileStatus): DirectoryState {
  return { dev, ino, mtimeNs, ctimeNs };
}

function isUnchanged(left: DirectoryState, right: DirectoryState): boolean {
  return (
    left.ino === right.ino && left.dev === right.dev && left.mtimeNs === right.mtimeNs && left.ctimeNs === right.ctimeNs
  );
}
