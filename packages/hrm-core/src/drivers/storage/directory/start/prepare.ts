/**
 * What a storage makes in its directory before it writes there.
 *
 * A store that is there needs none of it to be read. So a disk that is full, or read-only, keeps nobody from opening it: what could
 * not be made then is tried again before each write, which fails as it would in a process that was running when the disk became
 * full. Where there is no store yet, nothing is there to be read, and opening fails.
 */
import { join } from 'node:path';
import { errorCode, HrmError } from '../../../../errors.js';
import { SHARED_DIRECTORY } from '../../../../names.js';
import type { Partition } from '../../../../ports/storage.js';
import { QUARANTINE_DIRECTORY } from '../../names.js';
import { completeMarks } from '../dirty.js';
import { type DirectoryContext, makeDataDirectory } from '../durable.js';
import { storageError } from '../errors.js';
import { createSynced, type DirectoryFileSystem, done, makeDirectory, statusOf, unlinkQuietly } from '../files.js';
import { listPartitions } from '../partitions.js';
import { DATES_DIRECTORY, TEMPORARY_DIRECTORY } from '../paths.js';
import { holdsReadings, makeIdentity, missingError } from './identity.js';
import { sweepStaleTemporaries, temporaryPath } from './temporaries.js';

/** What a probe writes: a block, so that a full disk cannot hide it in the inode. */
export const PROBE_BYTES = new Uint8Array(4096);

/** Where a store is made. */
interface Place extends Pick<DirectoryContext, 'fileSystem' | 'directory' | 'clock'> {
  /** The store that it is a copy of; default: a new one. */
  readonly copyOf?: string | undefined;
}

/** A disk that takes nothing more, for now. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** What is made before anything is written. */
export interface Preparation {
  /** Makes what could not be made yet. @throws HrmError kind `unavailable` where it still cannot be. */
  finish(): Promise<void>;
}

/** Where nothing is to be made. */
export const NOTHING_TO_PREPARE: Preparation = { finish: () => Promise.resolve() };

/** Looks for a storage, and makes none: what an opening makes is where every later write begins. A backup may be without it. */
export function requireDirectory(
  fileSystem: DirectoryFileSystem,
  directory: string,
  { readOnly }: { readonly readOnly: boolean },
): void {
  const place = readOnly ? directory : join(directory, TEMPORARY_DIRECTORY);
  if (statusOf(fileSystem, place)?.isDirectory() === true) return;
  throw missingError(directory);
}

/**
 * Makes a directory a store, before it is known as one.
 * @returns `false` where a store is there, and has no room for what is missing.
 */
export function prepareDirectory(place: Place): Promise<boolean> {
  return hasRoom(place, () => makeStore(place));
}

/**
 * The rest, that goes by what is stored.
 * @param isPrepared - what {@link prepareDirectory} said.
 */
export async function prepareMarks(context: DirectoryContext, isPrepared: boolean): Promise<Preparation> {
  const { directory } = context;
  async function mark(): Promise<void> {
    await completeMarks(context, () => everyPartition(context));
  }
  async function makeAll(): Promise<void> {
    try {
      await makeStore(context);
      await context.identity.renew();
      await mark();
    } catch (error) {
      finishing = null;
      throw storageError('begin to write', directory, error);
    }
  }
  let finishing: Promise<void> | null = null;
  if (isPrepared && (await hasRoom(context, mark))) return NOTHING_TO_PREPARE;
  return {
    finish() {
      finishing ??= makeAll();
      return finishing;
    },
  };
}

/** @returns `false` where there was no room. @throws what else goes wrong, and that too where there are no readings to be read. */
async function hasRoom(
  { fileSystem, directory }: Pick<Place, 'fileSystem' | 'directory'>,
  make: () => Promise<void>,
): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (NO_ROOM.has(errorCode(error)) && holdsReadings(fileSystem, directory)) return false;
    throw error;
  }
}

async function makeStore({ fileSystem, directory, clock, copyOf }: Place): Promise<void> {
  await makeDataDirectory(fileSystem, directory);
  for (const name of [TEMPORARY_DIRECTORY, QUARANTINE_DIRECTORY, DATES_DIRECTORY])
    await makeDirectory(fileSystem, join(directory, name));
  // Not synced here: the first partition that this process makes or meets syncs them along with its own date.
  await sweepStaleTemporaries(fileSystem, directory);
  await proveLinks({ fileSystem, directory, clock });
  await makeIdentity(fileSystem, directory, copyOf);
}

async function* everyPartition(context: DirectoryContext): AsyncGenerator<Partition> {
  yield* listPartitions(context, {});
  yield* listPartitions(context, { directories: [SHARED_DIRECTORY] });
}

async function proveLinks({ fileSystem, directory, clock }: Place): Promise<void> {
  const [file, link] = [temporaryPath(directory), temporaryPath(directory)];
  try {
    await createSynced(fileSystem, file, PROBE_BYTES);
    clock.learn(file);
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
