/**
 * A store knows itself, and so whether it is still there: the empty mount point of a disk that was unmounted looks like a store of
 * nothing, and another store in its place like this one.
 *
 * `DATA/.store` is made by the first that opens the directory to write, with a random text, by `link`: of several at once one makes it.
 * It is looked at by `lstat` after something was not there, and before something is written: a file that is the one that was known
 * costs that one call. A disk that comes back may have another number, and a backup that is copied back is another file: then the
 * text decides. A store that no writer of this version has opened has no such file, and is known by its directory.
 *
 * Who opens an empty directory to write makes a store of it. Whether a disk should be mounted there nothing in it can tell; a queue
 * whose readings went to a store can, and who names that one to the opening gets no other.
 */
import { basename, join } from 'node:path';
import { errorCode, HrmError, otherStoreError, otherTargetError } from '../../../../errors.js';
import { IDENTITY_NAME, identityText, isDate, storeNameIn } from '../../names.js';
import { storageError, succeedsUnless } from '../errors.js';
import {
  closeQuietly,
  createSynced,
  type DirectoryFileSystem,
  done,
  type FileStatus,
  isSameFile,
  openForReading,
  statusOf,
  syncDirectory,
  unlinkQuietly,
} from '../files.js';
import { TEMPORARY_DIRECTORY } from '../paths.js';
import { insist, readExactly } from '../snapshot/read.js';
import { temporaryPath } from './temporaries.js';

/** Bytes of an identity that are read; ours have 43. */
const MAX_IDENTITY_BYTES = 1024;

/** The identity of a store, as a handle that opened it knows it. */
export interface StoreIdentity {
  /**
   * Resolves where the store is the one that was opened.
   * @throws HrmError kind `unavailable`, code `storage_missing` or `storage_replaced`; `storage_unavailable` where it cannot be looked at.
   */
  require(): Promise<void>;
  /** Gets to know it by the identity that was made for it since it was opened. @throws the system's error. */
  renew(): Promise<void>;
  /**
   * How often the store was found to be in place. Where it has grown since something was not there, that was the truth, and need not
   * be looked at again.
   */
  readonly proofs: number;
  /** What the store is told from others by; `null` where it has no such file. */
  readonly name: string | null;
}

/** How a store is known. */
interface Known {
  /** The file's, or the directory's where there is no such file. */
  readonly status: FileStatus;
  /** What is in the file. */
  readonly text: string | null;
}

/**
 * Gets to know the store in a directory; one that is not there is known from when it is.
 * @param onReturn - called where it has come back as another file, after which nothing is known of what is durable.
 * @throws HrmError kind `unavailable`, code `storage_missing` for a directory in which nothing is a store's; the system's error.
 */
export async function loadIdentity(
  fileSystem: DirectoryFileSystem,
  directory: string,
  onReturn: () => void,
): Promise<StoreIdentity> {
  const path = join(directory, IDENTITY_NAME);
  let known = await find();
  let proofs = 0;

  async function find(): Promise<Known | null> {
    const status = statusOf(fileSystem, path);
    if (status !== null) return { status, text: await readIdentity(fileSystem, path) };
    const itself = statusOf(fileSystem, directory);
    if (itself !== null && !holdsStore(fileSystem, directory)) throw missingError(directory);
    return itself === null ? null : { status: itself, text: null };
  }

  async function recognise(of: Known): Promise<Known> {
    const found = await find();
    if (found === null || (found.text === null && of.text !== null)) throw missingError(directory);
    if (found.text !== of.text && of.text !== null) throw replacedError(directory);
    if (of.text === null && !isSameFile(statusOf(fileSystem, directory), of.status)) throw replacedError(directory);
    onReturn();
    return found;
  }

  return {
    get proofs() {
      return proofs;
    },
    get name() {
      return nameIn(known?.text ?? null);
    },
    async renew() {
      known = await find();
    },
    async require() {
      try {
        await insist(async () => {
          if (known === null) known = await find();
          else if (!isUnchanged(statusOf(fileSystem, known.text === null ? directory : path), known)) {
            known = await recognise(known);
          } else proofs += 1;
        });
      } catch (error) {
        throw storageError('find the store', directory, error);
      }
    },
  };
}

/**
 * Looks whether the store in a directory is a certain one, before anything is made there: a store that was begun in an empty mount
 * point would answer every later question with nothing.
 * @throws HrmError kind `unavailable`, code `storage_missing` or `storage_replaced`; the system's error.
 */
export async function requireStore(fileSystem: DirectoryFileSystem, directory: string, name: string): Promise<void> {
  const found = nameIn(await readIdentity(fileSystem, join(directory, IDENTITY_NAME)));
  if (found === name) return;
  const isThere = found !== null || holdsReadings(fileSystem, directory);
  throw isThere
    ? otherStoreError(`The store in ${directory} is another than before`, 'storage_replaced')
    : otherStoreError(`There are no data in ${directory}`, 'storage_missing');
}

/** What a store is told from others by; `null` where there is no text. */
export function nameIn(text: string | null): string | null {
  return text === null ? null : storeNameIn(text);
}

/**
 * Looks whether a copy of a certain store may be made in a directory: nothing is there, or what an earlier one began.
 * @throws HrmError kind `invalid`, code `other_store`; the system's error.
 */
export async function requireCopyOf(fileSystem: DirectoryFileSystem, directory: string, name: string): Promise<void> {
  const text = await readIdentity(fileSystem, join(directory, IDENTITY_NAME));
  const isOther = text === null ? holdsReadings(fileSystem, directory) : storeNameIn(text) !== name;
  if (isOther) throw otherTargetError(directory);
}

/** Makes the identity of the store in a directory, where it has none. @param name - of a copy; default: a new one. @throws the system's error. */
export async function makeIdentity(fileSystem: DirectoryFileSystem, directory: string, name?: string): Promise<void> {
  const path = join(directory, IDENTITY_NAME);
  if (statusOf(fileSystem, path) !== null) return;
  const temporary = temporaryPath(directory);
  try {
    await createSynced(fileSystem, temporary, Buffer.from(identityText(name), 'latin1'));
    await succeedsUnless(
      'EEXIST',
      done((callback) => fileSystem.link(temporary, path, callback)),
    );
  } finally {
    await unlinkQuietly(fileSystem, temporary);
  }
  await syncDirectory(fileSystem, directory);
}

/** The change of a file tells of one that was given a deleted one's number; that of a directory, of its entries. */
function isUnchanged(found: FileStatus | null, { status, text }: Known): boolean {
  return isSameFile(found, status) && (text === null || found?.ctimeNs === status.ctimeNs);
}

/** A copy of partitions alone is one too, and a directory where a store was begun. */
function holdsStore(fileSystem: DirectoryFileSystem, directory: string): boolean {
  return hasEntry(fileSystem, directory, (name) => name === TEMPORARY_DIRECTORY || isDate(name));
}

/** Whether a store was made in a directory, or readings were copied there. @throws the system's error. */
export function holdsReadings(fileSystem: DirectoryFileSystem, directory: string): boolean {
  return hasEntry(fileSystem, directory, (name) => name === IDENTITY_NAME || isDate(name));
}

function hasEntry(fileSystem: DirectoryFileSystem, directory: string, isWanted: (name: string) => boolean): boolean {
  try {
    return fileSystem.readdirSync(directory).some(isWanted);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function readIdentity(fileSystem: DirectoryFileSystem, path: string): Promise<string | null> {
  let fd: number | null = null;
  try {
    fd = openForReading(fileSystem, path);
    const status = fd === null ? null : fileSystem.fstatSync(fd, { bigint: true });
    if (fd === null || !status?.isFile()) {
      throw Object.assign(new Error(`EEXIST: it is no file, '${path}'`), { code: 'EEXIST' });
    }
    const length = Math.min(Number(status.size), MAX_IDENTITY_BYTES);
    return Buffer.from(await readExactly(fileSystem, { name: basename(path), fd }, 0, length)).toString('latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  } finally {
    if (fd !== null) closeQuietly(fileSystem, fd);
  }
}

/** What there is no store in a directory is told by. */
export function missingError(directory: string): HrmError {
  return new HrmError(
    `There are no data in ${directory} (HRM_DATA_DIR): mount its disk if it was unmounted, name the directory where the data are, or start hrm serve, which begins there`,
    { kind: 'unavailable', code: 'storage_missing' },
  );
}

function replacedError(directory: string): HrmError {
  return new HrmError(
    `The store in ${directory} (HRM_DATA_DIR) is another than the one that was opened: bring that one back, or start again to use this one`,
    { kind: 'unavailable', code: 'storage_replaced' },
  );
}
