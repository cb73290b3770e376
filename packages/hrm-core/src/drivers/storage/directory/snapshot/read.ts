/**
 * Reading a range of a stored file, and whose fault it is where that fails.
 *
 * No error number is a file's fault. A disk with hiccups, a cable, a file server that is away for a moment report EIO for good files,
 * and the next read gets the bytes. So a read is tried a few times, then it is the storage's failure. Only what a file is, as far
 * as it can be read, is the file's: that it ends before its own footer says so.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode, HrmError, isHrmError } from '../../../../errors.js';
import type { Partition } from '../../../../ports/storage.js';
import { storageError } from '../errors.js';
import { type DirectoryFileSystem, type FileStatus, readFully } from '../files.js';

/** Milliseconds before each further try of a read or an opening: a hiccup passes meanwhile, and who asks hardly notices. */
const RETRY_PAUSES_MS: readonly number[] = [5, 50];

/** What is read: a file that is held open. */
interface HeldFile {
  readonly name: string;
  readonly fd: number;
  readonly status: FileStatus;
}

/**
 * The bytes `fromByte <= b < toByte` of a file.
 * @throws HrmError kind `data`, code `file_damaged`, where the file is shorter; kind `unavailable` where the storage cannot read it.
 */
export async function readRange(
  { fileSystem, directory }: { readonly fileSystem: DirectoryFileSystem; readonly directory: string },
  partition: Partition,
  file: HeldFile,
  fromByte: number,
  toByte: number,
): Promise<ArrayBuffer> {
  // Without the directory: it names a person, and messages about damage reach logs.
  const name = `${file.name} of ${partition.date}`;
  // A place comes out of the file itself: looked at before anything is allocated.
  if (toByte > Number(file.status.size)) {
    throw damagedError(`${name} ends at byte ${file.status.size}, before byte ${toByte}`);
  }
  try {
    return (await readExactly(fileSystem, { ...file, name }, fromByte, toByte)).buffer;
  } catch (error) {
    throw storageError(`read ${name}`, directory, error);
  }
}

/**
 * All of a range that the file had when it was opened, after some tries.
 * @throws the system's error; HrmError code `file_damaged` where somebody has cut the file short.
 */
export function readExactly(
  fileSystem: DirectoryFileSystem,
  { name, fd }: Pick<HeldFile, 'name' | 'fd'>,
  fromByte: number,
  toByte: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return insist(async () => {
    const bytes = await readFully(fileSystem, fd, fromByte, toByte);
    if (bytes.length === toByte - fromByte) return bytes;
    const { size } = fileSystem.fstatSync(fd, { bigint: true });
    if (size < BigInt(toByte)) throw damagedError(`${name} ends at byte ${size}, before byte ${toByte}`);
    const message = `EIO: a read got ${bytes.length} of ${toByte - fromByte} bytes that are there`;
    throw Object.assign(new Error(message), { code: 'EIO' });
  });
}

/** Runs a call of the file system again, after a pause, where it fails by an error of the system. @throws what the last try throws. */
export async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (const pauseMs of RETRY_PAUSES_MS) {
    try {
      return await call();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      await delay(pauseMs);
    }
  }
  return call();
}

function isSystemError(error: unknown): boolean {
  const code = errorCode(error);
  return code !== '' && !code.startsWith('ERR_') && !isHrmError(error);
}

function damagedError(message: string): HrmError {
  return new HrmError(message, { kind: 'data', code: 'file_damaged' });
}
