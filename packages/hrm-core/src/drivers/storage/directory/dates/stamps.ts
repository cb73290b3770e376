/**
 * Which months have dates that got a directory they had not: a file a month, made anew each time, so that it is another.
 *
 * ```
 *   write: mkdir DATE/USER, sync -> create .tmp/t, rename it to .dates/YYYYMM -> link the part
 *   read:  look at .dates/YYYYMM -> look at the dates of that month
 * ```
 *
 * Who finds the same file as before knows that every directory made since was made by somebody who has not published into it yet.
 * It is looked at by `lstat` and never listed: a name that is renamed over is one file or the other, and never absent. A crash between the
 * two leaves a directory without a stamp, and whoever publishes into it then makes one. A process that has made or met a directory
 * stamps its month once, and others that do so at the same time share the stamp.
 */
import { join } from 'node:path';
import { LISTING_SETTLE_MS } from '../../../../limits.js';
import { succeedsUnless } from '../errors.js';
import { createEmpty, type DirectoryFileSystem, done, makeDirectory, statusOf, unlinkQuietly } from '../files.js';
import { DATES_DIRECTORY } from '../paths.js';
import { temporaryPath } from '../start/temporaries.js';
import { isOlderThan, stateText } from './state.js';

/** The month of a date, `YYYYMM`. */
export function monthOf(date: string): string {
  return date.slice(0, 6);
}

/** Makes the stamp of a date's month anew. @throws the system's error. */
export async function stampMonth(fileSystem: DirectoryFileSystem, directory: string, date: string): Promise<void> {
  const temporary = temporaryPath(directory);
  const stamp = join(directory, DATES_DIRECTORY, monthOf(date));
  const rename = () => done((callback) => fileSystem.rename(temporary, stamp, callback));
  try {
    await createEmpty(fileSystem, temporary);
    // A store of an older version has no such directory, until somebody opens it to write.
    if (await succeedsUnless('ENOENT', rename())) return;
    await makeDirectory(fileSystem, join(directory, DATES_DIRECTORY));
    await rename();
  } catch (error) {
    await unlinkQuietly(fileSystem, temporary);
    throw error;
  }
}

/** Reads stamps. */
export interface Stamps {
  /** Begins a look: what is read from now on is as of now. */
  refresh(): void;
  /** What tells a month's stamp from every other; `null` while it is so young that the next may look the same. */
  of(month: string): string | null;
}

/** Creates a reader. While nothing was stamped at all, a look at the stamps' directory is all that it takes. */
export function createStamps(fileSystem: DirectoryFileSystem, directory: string): Stamps {
  const path = join(directory, DATES_DIRECTORY);
  const known = new Map<string, string | null>();
  let state = '';
  return {
    refresh() {
      const status = statusOf(fileSystem, path);
      const found = status === null ? 'none' : stateText(status);
      if (found !== state || (status !== null && !isOlderThan(status, LISTING_SETTLE_MS))) known.clear();
      state = found;
    },
    of(month) {
      let stamp = known.get(month);
      if (stamp === undefined) {
        const status = statusOf(fileSystem, join(path, month));
        if (status === null) stamp = 'none';
        else stamp = isOlderThan(status, LISTING_SETTLE_MS) ? stateText(status) : null;
        known.set(month, stamp);
      }
      return stamp;
    },
  };
}
