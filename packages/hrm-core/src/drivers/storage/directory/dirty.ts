/**
 * Which partitions a compacter should look at: an empty file for each, so that the whole history need not be listed.
 *
 * ```
 *   .pending/DATE~DIRECTORY            something was published since the last visit began
 *   .pending/DATE~DIRECTORY~seen       a visit began since, and has left something to do (or died)
 *   .pending/complete                  every partition older than these files has been looked at
 *
 *   publish: link the part, then create the first name           visit: rename it to the second, then take a snapshot
 *   settle:  rename the second to a third; is it still the one that this visit made? remove it, else rename it back
 * ```
 *
 * A part that is linked before a visit's rename is in that visit's snapshot; one that is linked after it has its mark made after
 * it, under the first name, which settling does not touch. Every name counts as dirty, the third too, so whatever a crash
 * leaves behind is found. A mark that is not synced may be lost in a power cut: its partition then waits for the next part.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { Partition, Visit } from '../../../ports/storage.js';
import { byCodeUnits, sortYielding } from '../../../sort-yielding.js';
import { DIRTY_DIRECTORY, isDate, isUserDirectory, requireDirectory } from '../names.js';
import { type DirectoryContext, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import { createEmpty, done, makeDirectory, statusOf } from './files.js';
import { listNames } from './listing.js';

const SEEN = '~seen';
const COMPLETE = 'complete';
/** `~` stands in a user's directory only before the 64 hex digits of a cut name. */
const NAME_PATTERN = /^(\d{8})~(.+?)(?:~seen|~settling-[0-9a-f]+)?$/;

/** Marks a partition, after something was published to it. */
export async function markDirty(context: DirectoryContext, partition: Partition): Promise<void> {
  const path = markPath(context, partition);
  // The usual case, without a call that waits behind the syncs of a batch.
  if (statusOf(context.fileSystem, path) !== null) return;
  if (await createEmpty(context.fileSystem, path)) await syncShared(context, join(context.directory, DIRTY_DIRECTORY));
}

/** {@link Storage.visit} of the directory driver. */
export async function visitPartition(context: DirectoryContext, partition: Partition): Promise<Visit> {
  requireDirectory(partition.directory);
  const { fileSystem } = context;
  const seen = `${markPath(context, partition)}${SEEN}`;
  try {
    const changed = await succeedsUnless(
      'ENOENT',
      done((callback) => fileSystem.rename(markPath(context, partition), seen, callback)),
    );
    const own = statusOf(fileSystem, seen);
    return {
      changed,
      async markClean() {
        if (own === null) return;
        const settling = `${markPath(context, partition)}~settling-${randomBytes(8).toString('hex')}`;
        try {
          const isThere = await succeedsUnless(
            'ENOENT',
            done((callback) => fileSystem.rename(seen, settling, callback)),
          );
          if (!isThere) return;
          const found = statusOf(fileSystem, settling);
          if (found?.ino === own.ino && found.mtimeNs === own.mtimeNs) {
            await done((callback) => fileSystem.unlink(settling, callback));
          } else await done((callback) => fileSystem.rename(settling, seen, callback));
        } catch (error) {
          throw storageError('settle a partition', context.directory, error);
        }
      },
    };
  } catch (error) {
    throw storageError('visit a partition', context.directory, error);
  }
}

/**
 * The dirty partitions, by date, then directory, each as its mark: there may be hundreds of thousands, and an object takes four times as much.
 * @param yieldTurn - lets others work.
 */
export async function listDirty(context: DirectoryContext, yieldTurn: () => Promise<void>): Promise<readonly string[]> {
  const found = new Set<string>();
  const names = await listNames(context.fileSystem, join(context.directory, DIRTY_DIRECTORY), () => true);
  for (const [i, name] of names.entries()) {
    if (i % MARKS_AT_ONCE === MARKS_AT_ONCE - 1) await yieldTurn();
    const [, date = '', directory = ''] = NAME_PATTERN.exec(name) ?? [];
    if (!isDate(date) || (!isUserDirectory(directory) && directory !== SHARED_DIRECTORY)) continue;
    found.add(`${date}~${directory}`);
  }
  return await sortYielding([...found], byCodeUnits, yieldTurn);
}

/** The paths of a partition's marks. */
export async function marksOf(context: DirectoryContext, partition: Partition): Promise<readonly string[]> {
  const marks = await marksOfDate(context, partition.date);
  return marks.filter(({ directory }) => directory === partition.directory).map(({ mark }) => mark);
}

/** The paths of the marks of a date's partitions, each with its partition's directory. */
export async function marksOfDate(
  context: DirectoryContext,
  date: string,
): Promise<readonly { readonly directory: string; readonly mark: string }[]> {
  const path = join(context.directory, DIRTY_DIRECTORY);
  const names = await listNames(context.fileSystem, path, ({ name }) => NAME_PATTERN.exec(name)?.[1] === date);
  return names.map((name) => ({ directory: NAME_PATTERN.exec(name)?.[2] ?? '', mark: join(path, name) }));
}

/** The partition of a mark that {@link listDirty} gave. */
export function markedPartition(mark: string): Partition {
  return { date: mark.slice(0, DATE_LENGTH), directory: mark.slice(DATE_LENGTH + 1) };
}

const DATE_LENGTH = 8;

/** Marks read in one piece, some milliseconds' work. */
const MARKS_AT_ONCE = 4_096;

/**
 * Marks every partition of a data directory that no marks were kept of: an older one, or one whose marks were deleted.
 * @param partitions - lists them all; called only where that is needed.
 */
export async function completeMarks(
  context: DirectoryContext,
  partitions: () => AsyncIterable<Partition>,
): Promise<void> {
  const path = join(context.directory, DIRTY_DIRECTORY);
  await makeDirectory(context.fileSystem, path);
  if (statusOf(context.fileSystem, join(path, COMPLETE)) !== null) return;
  for await (const partition of partitions()) await createEmpty(context.fileSystem, markPath(context, partition));
  await syncShared(context, path);
  await createEmpty(context.fileSystem, join(path, COMPLETE));
}

function markPath({ directory }: DirectoryContext, partition: Partition): string {
  return join(directory, DIRTY_DIRECTORY, `${partition.date}~${partition.directory}`);
}
