/**
 * Removing files whose readings others hold.
 *
 * A part that has the hash of its bytes for a name is unlinked. Any other name may be given to another file at any moment, by
 * a person or another program, and what has it then must stay. So it is taken away like this:
 *
 * ```
 *   fsync the directories of those who hold the readings
 *   is NAME the file that the snapshot holds? no -> 'gone'
 *   rename NAME -> part-old-x ; is that the file, and has it those bytes? no -> fsync directory, 'gone' (it is simply a part now)
 *   unlink part-old-x                                                                             'removed'
 * ```
 *
 * Nobody else ever gives the fresh name. So what is unlinked is what was hashed under it, whoever gives NAME to what
 * meanwhile. A writer who has had the file open since before the rename, and writes after the hash, writes to a file that is
 * gone: the caller asks only for files that nobody has written to for as long as the grace is. Whatever stops it, the file
 * is there under one of its names, or its readings are where the directories were synced.
 */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isHrmError } from '../../../errors.js';
import { COMPACTED_NAME } from '../../../names.js';
import type { Partition, Snapshot, Storage } from '../../../ports/storage.js';
import { requirePart } from '../names.js';
import { markDirty } from './dirty.js';
import { type DirectoryContext, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import { closeQuietly, done, type FileStatus, isSameFile, openForReading, statusOf, unlinkIfThere } from './files.js';
import { partitionPath } from './paths.js';
import { readExactly } from './snapshot/read.js';
import { whileHeld } from './snapshot/snapshot.js';

/** Bytes read at once to hash a file. */
const HASH_BYTES = 1024 * 1024;

/**
 * Whether the directories of all partitions are there; they survive a power cut when this resolves. Whoever linked the files that
 * hold the readings now may have died before its sync.
 */
async function areDurable(context: DirectoryContext, holders: readonly Partition[]): Promise<boolean> {
  const { maxBrief } = context.descriptors;
  for (let from = 0; from < holders.length; from += maxBrief) {
    if (!(await syncHolders(context, holders.slice(from, from + maxBrief)))) return false;
  }
  return true;
}

async function syncHolders(context: DirectoryContext, holders: readonly Partition[]): Promise<boolean> {
  const found = await Promise.all(
    holders.map((holder) => {
      const path = partitionPath(context.directory, holder);
      return succeedsUnless(
        'ENOENT',
        context.flush.during(() => syncShared(context, path)),
      );
    }),
  );
  return found.every(Boolean);
}

/** {@link Storage.remove} of the directory driver. */
export async function removeParts(
  context: DirectoryContext,
  partition: Partition,
  names: readonly string[],
  holders: readonly Partition[] = [partition],
): Promise<void> {
  const path = partitionPath(context.directory, partition);
  for (const name of names) requirePart(name);
  if (names.length === 0) return;
  try {
    if (!(await areDurable(context, holders))) return;
    for (const name of names) {
      await unlinkIfThere(context.fileSystem, join(path, name));
    }
  } catch (error) {
    throw storageError(`remove parts of ${partition.date}/${partition.directory}`, context.directory, error);
  }
}

/** {@link Storage.removeExact} of the directory driver. */
export async function removeExactly(
  context: DirectoryContext,
  snapshot: Snapshot,
  file: Parameters<Storage['removeExact']>[1],
  holders: readonly Partition[] = [snapshot.partition],
): Promise<'removed' | 'gone'> {
  if (file.name !== COMPACTED_NAME) requirePart(file.name);
  const { partition } = snapshot;
  try {
    const outcome = await whileHeld(context, snapshot, file.name, async (status) => {
      if (!(await areDurable(context, holders))) return 'gone';
      return await takeAway(context, partition, { ...file, status });
    });
    return outcome ?? 'gone';
  } catch (error) {
    const what = `remove ${partition.date}/${partition.directory}/${file.name}`;
    throw storageError(what, context.directory, error);
  }
}

async function takeAway(
  context: DirectoryContext,
  partition: Partition,
  { name, sha256, status }: { readonly name: string; readonly sha256: string; readonly status: FileStatus },
): Promise<'removed' | 'gone'> {
  const { fileSystem } = context;
  const directory = partitionPath(context.directory, partition);
  const path = join(directory, name);
  const moved = join(directory, `part-old-${randomBytes(16).toString('hex')}.parquet`);
  if (!isSameFile(statusOf(fileSystem, path), status)) return 'gone';
  const hasMoved = await succeedsUnless(
    'ENOENT',
    done((callback) => fileSystem.rename(path, moved, callback)),
  );
  if (!hasMoved) return 'gone';
  if ((await hashIfSame(context, moved, status)) === sha256) {
    await done((callback) => fileSystem.unlink(moved, callback));
    return 'removed';
  }
  await Promise.all([syncShared(context, directory), markDirty(context, partition)]);
  return 'gone';
}

/** The SHA-256 of a file's bytes in hex; `null` where it is another file, or of another size. */
async function hashIfSame(
  { fileSystem }: DirectoryContext,
  path: string,
  expected: FileStatus,
): Promise<string | null> {
  const fd = openForReading(fileSystem, path);
  if (fd === null) return null;
  try {
    const status = fileSystem.fstatSync(fd, { bigint: true });
    if (!isSameFile(status, expected) || status.size !== expected.size) return null;
    const size = Number(status.size);
    const hash = createHash('sha256');
    for (let from = 0; from < size; from += HASH_BYTES) {
      hash.update(await readExactly(fileSystem, { name: 'a part', fd }, from, Math.min(size, from + HASH_BYTES)));
    }
    return hash.digest('hex');
  } catch (error) {
    // Somebody has cut it short.
    if (isHrmError(error)) return null;
    throw error;
  } finally {
    closeQuietly(fileSystem, fd);
  }
}
