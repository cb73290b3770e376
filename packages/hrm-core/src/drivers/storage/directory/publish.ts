/**
 * Publishing a part: a synced temporary is linked to its name, then the directory is synced.
 *
 * ```
 *   create .tmp/t, write, fsync -> mkdir date, user, each parent synced -> link t -> part-x
 *     linked ---------------------------------------------> fsync directory, mark dirty, unlink t: 'written'
 *     exists, same bytes: fsync part-x (its writer may have died) -> fsync directory, mark, unlink t: 'exists'
 *     exists, other bytes: set aside (quarantine.ts), rename t -> part-x > fsync directory, mark: 'written'
 * ```
 *
 * `link` does not overwrite. The one rename onto an existing name is that of a damaged part, after its bytes have a
 * durable second name in quarantine. It is a rename, and not "move away, then link", so that the name is never absent:
 * of two publishers that both found the damage, the second then renames a good file over an equal good one, where it
 * would otherwise move away the good one that the first has already acknowledged.
 */
import { basename, join } from 'node:path';
import { errorCode, throwIfAborted } from '../../../errors.js';
import type { CallOptions } from '../../../ports/queue.js';
import type { Partition } from '../../../ports/storage.js';
import { requirePart } from '../names.js';
import { markDirty } from './dirty.js';
import { type DirectoryContext, forgetPartition, makePartition, syncShared } from './durable.js';
import { storageError } from './errors.js';
import { closeQuietly, createSynced, done, openForReading, unlinkQuietly } from './files.js';
import { partitionPath } from './paths.js';
import { keepAside } from './quarantine.js';
import { readExactly } from './snapshot/read.js';
import { temporaryPath } from './start/temporaries.js';

/** Tries at publishing one part while somebody removes its directories, its temporary or the equal part it met. */
const MAX_PUBLISH_ATTEMPTS = 5;

/** {@link Storage.publish} of the directory driver. */
export async function publishPart(
  context: DirectoryContext,
  partition: Partition,
  name: string,
  bytes: Uint8Array,
  options?: CallOptions,
): Promise<'written' | 'exists'> {
  const path = join(partitionPath(context.directory, partition), name);
  requirePart(name);
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(options?.signal, 'publishing a part');
    try {
      return await publishOnce(context, partition, path, bytes);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === MAX_PUBLISH_ATTEMPTS) {
        throw storageError(`publish ${partition.date}/${partition.directory}/${name}`, context.directory, error);
      }
      forgetPartition(context, partition);
    }
  }
}

async function publishOnce(
  context: DirectoryContext,
  partition: Partition,
  path: string,
  bytes: Uint8Array,
): Promise<'written' | 'exists'> {
  const { fileSystem } = context;
  const temporary = temporaryPath(context.directory);
  // Before the directories: where the data directory was unmounted, `.tmp` is missing, and nothing else gets written.
  await createSynced(fileSystem, temporary, bytes, context.flush.before);
  try {
    await makePartition(context, partition);
    const outcome = await linkPart(context, partition, temporary, path, bytes);
    // After the link: see dirty.ts.
    await Promise.all([
      syncShared(context, partitionPath(context.directory, partition)),
      markDirty(context, partition),
    ]);
    return outcome;
  } finally {
    await unlinkQuietly(fileSystem, temporary);
  }
}

async function linkPart(
  context: DirectoryContext,
  partition: Partition,
  temporary: string,
  path: string,
  bytes: Uint8Array,
): Promise<'written' | 'exists'> {
  const { fileSystem } = context;
  try {
    await done((callback) => fileSystem.link(temporary, path, callback));
    return 'written';
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  // What is wrong once may have been read wrong: it is opened and read again before it is called damaged.
  for (let look = 0; look < 2; look += 1) if (await syncIfEqual(context, path, bytes)) return 'exists';
  await keepAside(context, partition, path, 'its bytes are not those that its name is the hash of');
  await done((callback) => fileSystem.rename(temporary, path, callback));
  return 'written';
}

/** Whether a file has exactly these bytes; if so, they are synced. @throws the system's error where it cannot be read. */
async function syncIfEqual(context: DirectoryContext, path: string, bytes: Uint8Array): Promise<boolean> {
  const { fileSystem } = context;
  const fd = openForReading(fileSystem, path);
  if (fd === null) return false;
  try {
    const status = fileSystem.fstatSync(fd, { bigint: true });
    if (!status.isFile() || status.size !== BigInt(bytes.length)) return false;
    const stored = await readExactly(fileSystem, { name: basename(path), fd }, 0, bytes.length);
    if (Buffer.compare(stored, bytes) !== 0) return false;
    await done((callback) => fileSystem.fsync(fd, callback));
    return true;
  } finally {
    closeQuietly(fileSystem, fd);
  }
}
