/**
 * The directory storage: a partition is a directory, a file a file.
 *
 * ```
 * DATA/YYYYMMDD/<user>/part-<id>.parquet       published by link, never changed            publish.ts
 * DATA/YYYYMMDD/<user>/compacted.parquet       renamed away, then linked anew              replace.ts
 * DATA/.store                                  which store it is                          identity.ts
 * DATA/.tmp/<host>~<pid>~<start>~<random>.tmp  unfinished, swept by the next start         leftovers.ts
 * DATA/.pending/DATE~<user>                    what a compacter should look at                 pending.ts
 * DATA/.dates/YYYYMM                           made anew when a date of it gets a directory   dates/stamps.ts
 * DATA/.quarantine/….damaged, ….damaged.json   set aside, and why, for a person to look at   quarantine.ts
 * ```
 *
 * Any number of processes, also on several machines where the file system is shared and has hard links, may have the
 * same directory open. There is no lock: every step is one atomic system call, and every state between two steps holds
 * every reading.
 * @module
 */
import { join, resolve } from 'node:path';
import { HrmError } from '../../../errors.js';
import { SHARED_DIRECTORY } from '../../../names.js';
import type { Partition, Storage, StorageCheck } from '../../../ports/storage.js';
import { createDateMemory } from './dates/memory.js';
import { createDescriptors } from './descriptors.js';
import { type DirectoryContext, makeDataDirectory } from './durable.js';
import { errorCode, storageError } from './errors.js';
import {
  createSynced,
  type DirectoryFileSystem,
  done,
  makeDirectory,
  realFileSystem,
  spaceOf,
  statusOf,
  unlinkQuietly,
} from './files.js';
import { createFlush } from './flush.js';
import { knowStore, makeIdentity, missingError } from './identity.js';
import { sweepLeftovers, temporaryPath } from './leftovers.js';
import { createLister } from './listing.js';
import { DATES_DIRECTORY, QUARANTINE_DIRECTORY, TEMPORARY_DIRECTORY } from './names.js';
import { listPartitions } from './partitions.js';
import { completeMarks, visitPartition } from './pending.js';
import { publishPart } from './publish.js';
import { countQuarantined, listQuarantined, quarantineFile } from './quarantine.js';
import { removeParts, replaceCompacted } from './replace.js';
import { sizeOfPartition, stateOfPartition } from './sizes.js';
import { listVersions, openSnapshot } from './snapshot.js';
import { listStrays } from './strays.js';

export type { DirectoryEntry, DirectoryFileSystem, FileStatus, OpenDirectory } from './files.js';

/** What `openDirectoryStorage` takes. */
export interface DirectoryStorageOptions {
  /** The data directory; made (0700) with its missing parents. A relative path is one of the working directory. */
  readonly directory: string;
  /**
   * Only look: nothing is made, swept or proved, a directory that is not there is an empty one, and whatever would write
   * throws. For questions, also to a backup or a disk mounted read-only. Default false.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether to make the directory where there is none, and to tidy up; default true. Without it a directory that no
   * storage has been opened in is `storage_missing`.
   */
  readonly create?: boolean | undefined;
  /**
   * Files that this process may have open, sockets and all; by default what the system says (`ulimit -n`). A quarter of it is for parts
   * that are held open while they are read; the others are opened when they are.
   */
  readonly maxOpenFiles?: number | undefined;
  /** The file system's calls, for tests that record or fail them; `node:fs` by default. */
  readonly fileSystem?: DirectoryFileSystem | undefined;
}

/** What a probe writes: a block, so that a full disk cannot hide it in the inode. */
const PROBE_BYTES = new Uint8Array(4096);

/**
 * Opens the storage in a directory, and sweeps what dead processes left in its `.tmp`.
 * @throws HrmError kind `unavailable`, code `storage_missing`, `storage_unavailable` or `storage_full`, where the directory cannot be made,
 * written to, or has no hard links.
 */
export async function openDirectoryStorage(options: DirectoryStorageOptions): Promise<Storage> {
  const directory = resolve(options.directory);
  const fileSystem = options.fileSystem ?? realFileSystem;
  const readOnly = options.readOnly ?? false;
  const known = new Set<string>();
  let context: DirectoryContext;
  try {
    if (options.create === false) requireDirectory(fileSystem, directory);
    else if (!readOnly) await prepareDirectory(fileSystem, directory);
    const identity = await knowStore(fileSystem, directory, () => known.clear());
    context = {
      directory,
      fileSystem,
      readOnly,
      identity,
      dates: createDateMemory({ fileSystem, directory, identity }),
      flush: createFlush(directory),
      lister: createLister(fileSystem),
      descriptors: createDescriptors(options.maxOpenFiles),
      known,
      syncs: new Map(),
    };
    if (options.create !== false && !readOnly) await completeMarks(context, () => everyPartition(context));
  } catch (error) {
    throw storageError('open the storage', directory, error);
  }
  const running = new Set<Promise<unknown>>();
  let isClosed = false;

  function requireOpen(): void {
    if (isClosed) throw new HrmError('the storage is closed', { kind: 'closed', code: 'storage_closed' });
  }

  async function run<T>(call: () => Promise<T>): Promise<T> {
    requireOpen();
    const result = call();
    running.add(result);
    return result.finally(() => running.delete(result));
  }

  async function write<T>(call: () => Promise<T>): Promise<T> {
    if (context.readOnly) {
      throw new HrmError('the storage was opened to read only', { kind: 'internal', code: 'storage_read_only' });
    }
    return run(async () => {
      await context.identity.require();
      return await call();
    });
  }

  /** Together with others, as far as files may be open. */
  function inTurn<T>(call: () => Promise<T>): Promise<T> {
    return context.descriptors.brief(() => context.flush.during(call));
  }

  return {
    publish: (partition, name, bytes, callOptions) =>
      write(() => inTurn(() => publishPart(context, partition, name, bytes, callOptions))),
    snapshot: (partition, callOptions) => run(() => openSnapshot(context, partition, callOptions)),
    versions: (partition, options) => run(() => listVersions(context, partition, options)),
    size: (partition, callOptions) => run(() => sizeOfPartition(context, partition, callOptions)),
    state: (partition) => run(() => stateOfPartition(context, partition)),
    strays: (partition, options) => run(() => listStrays(context, partition, options)),
    replace: (replacement) => write(() => inTurn(() => replaceCompacted(context, replacement))),
    remove: (partition, names, holders) => write(() => removeParts(context, partition, names, holders)),
    visit: (partition) => write(() => visitPartition(context, partition)),
    quarantine: (snapshot, name, reason) => write(() => quarantineFile(context, snapshot, name, reason)),
    async *quarantined(callOptions) {
      requireOpen();
      yield* listQuarantined(context, callOptions);
    },
    async *partitions(range, callOptions) {
      requireOpen();
      yield* listPartitions(context, range, callOptions);
    },
    check: () => write(() => probe(context)),
    maxConcurrent: context.descriptors.maxBrief,
    async close() {
      isClosed = true;
      // What is being written is finished, so that it leaves no temporary. Snapshots are their holders' to close.
      await Promise.allSettled(running);
    },
  };
}

/** Looks for a storage, and makes none: what an opening makes is where every later write begins. */
function requireDirectory(fileSystem: DirectoryFileSystem, directory: string): void {
  if (statusOf(fileSystem, join(directory, TEMPORARY_DIRECTORY))?.isDirectory() === true) return;
  throw missingError(directory);
}

async function prepareDirectory(fileSystem: DirectoryFileSystem, directory: string): Promise<void> {
  await makeDataDirectory(fileSystem, directory);
  for (const name of [TEMPORARY_DIRECTORY, QUARANTINE_DIRECTORY, DATES_DIRECTORY])
    await makeDirectory(fileSystem, join(directory, name));
  // Not synced here: the first partition that this process makes or meets syncs them along with its own date.
  await sweepLeftovers(fileSystem, directory);
  await proveLinks(fileSystem, directory);
  await makeIdentity(fileSystem, directory);
}

async function* everyPartition(context: DirectoryContext): AsyncGenerator<Partition> {
  yield* listPartitions(context, {});
  yield* listPartitions(context, { directories: [SHARED_DIRECTORY] });
}

async function proveLinks(fileSystem: DirectoryFileSystem, directory: string): Promise<void> {
  const [file, link] = [temporaryPath(directory), temporaryPath(directory)];
  try {
    await createSynced(fileSystem, file, PROBE_BYTES);
    await done((callback) => fileSystem.link(file, link, callback)).catch((error) => {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errorCode(error))) throw error;
      throw new HrmError(
        `cannot store in the data directory ${directory} (HRM_DATA_DIR): its file system has no hard links, by which a ` +
          'file is published whole or not at all; choose a directory on one that has (ext4, xfs, btrfs, zfs, apfs, nfs)',
        { kind: 'unavailable', code: 'storage_unavailable', cause: error },
      );
    });
  } finally {
    await unlinkQuietly(fileSystem, link);
    await unlinkQuietly(fileSystem, file);
  }
}

async function probe(context: DirectoryContext): Promise<StorageCheck> {
  const file = temporaryPath(context.directory);
  try {
    await createSynced(context.fileSystem, file, PROBE_BYTES);
    await done((callback) => context.fileSystem.unlink(file, callback));
    const space = await spaceOf(context.fileSystem, context.directory);
    return { ...space, quarantinedFiles: await countQuarantined(context) };
  } catch (error) {
    throw storageError('write', context.directory, error);
  }
}
