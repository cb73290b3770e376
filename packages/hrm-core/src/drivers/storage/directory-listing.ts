/**
 * Names of parts, listed anew only when the directory has changed. Whatever gives or takes a name sets a directory's times;
 * so a listing holds for as long as they are what they were before it and after it. Only once they are old is it
 * remembered: within the clock's tick a second change leaves the same time.
 *
 * A question about a day with 200 parts lists it three times, which were a third of its time.
 */
import { LISTING_SETTLE_MS, MAX_REMEMBERED_NAMES } from '../../limits.js';
import { errorCode } from './directory-errors.js';
import { type DirectoryFileSystem, type FileStatus, statusOf } from './directory-files.js';
import { isPart } from './directory-names.js';

/** What tells one state of a directory from another; the rest of a status would be most of what is remembered. */
type DirectoryState = Pick<FileStatus, 'dev' | 'ino' | 'mtimeNs' | 'ctimeNs'>;

interface Listing {
  readonly state: DirectoryState;
  readonly names: readonly string[];
}

/** Lists parts. */
export interface PartLister {
  /** Names of the parts in a directory, ascending; none where it is not there. */
  list(path: string): readonly string[];
}

/** Creates a lister with a memory of its own, in which the longest unused directory is forgotten first. */
export function createPartLister(fileSystem: DirectoryFileSystem, maxNames = MAX_REMEMBERED_NAMES): PartLister {
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

  return {
    list(path) {
      const status = statusOf(fileSystem, path);
      if (status === null) return [];
      const known = remembered.get(path);
      if (known !== undefined && isUnchanged(known.state, status)) {
        remember(path, known);
        return known.names;
      }
      const names = readParts(fileSystem, path);
      const after = statusOf(fileSystem, path);
      const isOld = Date.now() - Number(status.mtimeMs) > LISTING_SETTLE_MS;
      if (isOld && after !== null && isUnchanged(status, after)) remember(path, { state: stateOf(status), names });
      return names;
    },
  };
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
