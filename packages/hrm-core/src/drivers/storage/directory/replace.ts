/**
 * Replacing `compacted.parquet`: a commit without a lock.
 *
 * ```
 *   create .tmp/t, write, fsync -> mkdir date, user where missing, each parent synced -> mark dirty
 *     snapshot had C:   rename compacted -> part-old-x ; is that C? no -> conflict (it is simply a part now)
 *     snapshot had none: nothing to move
 *   link t -> compacted ; exists -> conflict (another compacter was first)
 *   fsync directory ; unlink t                                                                    'replaced'
 *   ... grace ... fsync directory ; unlink the inputs                                               remove.ts
 * ```
 *
 * Whatever stops it, at whichever step, the files that remain hold every reading: until the link the inputs are all
 * there (C under one of its two names), after it their union is there as well, and doubles resolve by rule 1. So there
 * is nothing to undo and nothing to recover. Identity is dev + ino of C against the descriptor that the snapshot holds
 * open: ext4 reuses inode numbers at once, so a number remembered without holding the file proves nothing. C may be
 * another program's, which has written to it meanwhile: its size and time of change are compared too. What is written later
 * does not have the hash in the name, and the sweep sees that.
 */
import { join } from 'node:path';
import { throwIfAborted } from '../../../errors.js';
import { COMPACTED_NAME } from '../../../names.js';
import type { CallOptions } from '../../../ports/call-options.js';
import type { Replacement } from '../../../ports/storage.js';
import { requirePart } from '../names.js';
import { markDirty } from './dirty.js';
import { type DirectoryContext, forgetPartition, makePartition, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import { createSynced, done, type FileStatus, isSameFile, isUnwritten, statusOf, unlinkQuietly } from './files.js';
import { partitionPath } from './paths.js';
import { heldCompacted } from './snapshot/snapshot.js';
import { temporaryPath } from './start/temporaries.js';

/** {@link Storage.replace} of the directory driver. */
export async function replaceCompacted(
  context: DirectoryContext,
  replacement: Replacement,
  options?: CallOptions,
): Promise<'replaced' | 'conflict'> {
  const { partition } = replacement.snapshot;
  const path = partitionPath(context.directory, partition);
  requirePart(replacement.supersededName);
  const expected = heldCompacted(replacement.snapshot);
  const temporary = temporaryPath(context.directory);
  throwIfAborted(options?.signal, 'replacing a compacted file');
  try {
    await createSynced(context.fileSystem, temporary, replacement.bytes, context.flush.before);
    // A user's first file may be a compacted one, split out of `_shared`.
    await makePartition(context, partition);
    // There will be something to delete, and should this process die, another one must find it.
    await markDirty(context, partition);
    const outcome = await switchCompacted(context, path, expected, join(path, replacement.supersededName), temporary);
    // Also after a conflict, which may have moved a file.
    await syncShared(context, path);
    return outcome;
  } catch (error) {
    forgetPartition(context, partition);
    throw storageError(`replace ${partition.date}/${partition.directory}/${COMPACTED_NAME}`, context.directory, error);
  } finally {
    await unlinkQuietly(context.fileSystem, temporary);
  }
}

async function switchCompacted(
  context: DirectoryContext,
  path: string,
  expected: FileStatus | null,
  superseded: string,
  temporary: string,
): Promise<'replaced' | 'conflict'> {
  const { fileSystem } = context;
  const compacted = join(path, COMPACTED_NAME);
  if (expected !== null) {
    // rename overwrites. A name that is not fresh is a replacement tried again, after its first try failed half-way.
    if (statusOf(fileSystem, superseded) !== null) return 'conflict';
    const hasMoved = await succeedsUnless(
      'ENOENT',
      done((callback) => fileSystem.rename(compacted, superseded, callback)),
    );
    if (!hasMoved) return 'conflict';
    const moved = statusOf(fileSystem, superseded);
    if (!isSameFile(moved, expected) || !isUnwritten(moved, expected)) return 'conflict';
  }
  const isLinked = await succeedsUnless(
    'EEXIST',
    done((callback) => fileSystem.link(temporary, compacted, callback)),
  );
  return isLinked ? 'replaced' : 'conflict';
}
