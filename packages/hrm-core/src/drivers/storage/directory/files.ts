/**
 * The file system as the directory driver uses it: the seam that tests record and fail, and the few durable operations
 * that everything else is made of.
 *
 * What writes is asynchronous, since a sync or a full journal may hold it for long. What only looks (open, stat, list)
 * is synchronous: it answers from the kernel's cache in microseconds, where the thread pool, whose four threads are
 * all syncing while a batch is written, would let it wait for milliseconds.
 */
import * as nodeFileSystem from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../../../errors.js';
import { diskSpace, type Space } from '../../../ports/space.js';
import { READ_AT_ONCE } from '../../../regular-file.js';

/** Of the file itself, never of what a link points to; and a pipe of a part's name must not hold up the process. */
const READ_FLAGS = READ_AT_ONCE | nodeFileSystem.constants.O_NOFOLLOW;
const CREATE_FLAGS =
  nodeFileSystem.constants.O_WRONLY | nodeFileSystem.constants.O_CREAT | nodeFileSystem.constants.O_EXCL;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const PERMISSION_BITS = 0o777n;
/** Bytes in one read or write call; Node refuses more than 2^31 - 1. */
const MAX_TRANSFER_BYTES = 1024 * 1024 * 1024;

type Done = (error: NodeJS.ErrnoException | null) => void;
type DoneWith<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** A directory entry as far as the driver looks at it. */
export interface DirectoryEntry {
  readonly name: string;
  isDirectory(): boolean;
}

/** A directory that is read entry by entry. */
export interface OpenDirectory {
  /** The next; `null` at the end. */
  read(callback: DoneWith<DirectoryEntry | null>): void;
  close(callback: Done): void;
}

/** What identifies and describes a file; bigint, since inode numbers exceed 2^53 on some file systems. */
export interface FileStatus {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly size: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** The part of `node:fs` that the driver calls, and nothing it calls is missing: `node:fs` itself is one. */
export interface DirectoryFileSystem {
  open(path: string, flags: number, mode: number, callback: DoneWith<number>): void;
  read(fd: number, to: Uint8Array, offset: number, length: number, position: number, callback: DoneWith<number>): void;
  write(
    fd: number,
    from: Uint8Array,
    offset: number,
    length: number,
    position: number,
    callback: DoneWith<number>,
  ): void;
  fsync(fd: number, callback: Done): void;
  link(path: string, newPath: string, callback: Done): void;
  rename(path: string, newPath: string, callback: Done): void;
  unlink(path: string, callback: Done): void;
  rmdir(path: string, callback: Done): void;
  mkdir(path: string, mode: number, callback: Done): void;
  readdir(path: string, options: { withFileTypes: true }, callback: DoneWith<readonly DirectoryEntry[]>): void;
  opendir(path: string, options: { bufferSize: number }, callback: DoneWith<OpenDirectory>): void;
  statfs(path: string, callback: DoneWith<nodeFileSystem.StatsFs>): void;
  openSync(path: string, flags: number): number;
  closeSync(fd: number): void;
  fstatSync(fd: number, options: { bigint: true }): FileStatus;
  lstatSync(path: string, options: { bigint: true; throwIfNoEntry?: boolean }): FileStatus | undefined;
  readdirSync(path: string): string[];
  chmodSync(path: string, mode: number): void;
}

/** The machine's own file system. */
export const realFileSystem: DirectoryFileSystem = nodeFileSystem;

/** Awaits a call of {@link DirectoryFileSystem} that has no result. */
export function done(call: (callback: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
}

/** The same of one that has a result. */
export function doneWith<T>(call: (callback: DoneWith<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));
}

/** Opens a file for reading; `null` for what no file of this system is: a link, a socket. */
export function openForReading(fileSystem: DirectoryFileSystem, path: string): number | null {
  try {
    return fileSystem.openSync(path, READ_FLAGS);
  } catch (error) {
    // A disk that is gone says ENXIO too, of files that are there.
    const mayBeNone = ['ELOOP', 'ENXIO'].includes(errorCode(error));
    if (mayBeNone && statusOf(fileSystem, path)?.isFile() !== true) return null;
    throw error;
  }
}

/** Closes a file of which nothing is awaited any more: read, or written and already synced. */
export function closeQuietly(fileSystem: DirectoryFileSystem, fd: number): void {
  try {
    fileSystem.closeSync(fd);
  } catch {
    // The descriptor is free whatever close says (Linux), and what it could report, fsync has reported.
  }
}

/** Unlinks a file; one that is gone already is as good. @throws the system's error. */
export async function unlinkIfThere(fileSystem: DirectoryFileSystem, path: string): Promise<void> {
  try {
    await done((callback) => fileSystem.unlink(path, callback));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** Removes a temporary; where that fails, the next start's sweep does it. */
export async function unlinkQuietly(fileSystem: DirectoryFileSystem, path: string): Promise<void> {
  await done((callback) => fileSystem.unlink(path, callback)).catch(() => undefined);
}

/** Bytes `fromByte <= b < toByte`, or fewer where the file ends before. */
export async function readFully(
  fileSystem: DirectoryFileSystem,
  fd: number,
  fromByte: number,
  toByte: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Its own ArrayBuffer, not a slice of Buffer's pool: the caller is given the buffer itself. Not zeroed first.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(toByte - fromByte).buffer);
  let length = 0;
  while (length < bytes.length) {
    const wanted = Math.min(bytes.length - length, MAX_TRANSFER_BYTES);
    const position = fromByte + length;
    const count = await doneWith<number>((callback) => fileSystem.read(fd, bytes, length, wanted, position, callback));
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/**
 * Creates a file that was not there, whole and synced; its name in the directory is not durable yet. Where that fails
 * it removes what it began.
 * @param beforeSync - awaited when everything is written.
 */
export async function createSynced(
  fileSystem: DirectoryFileSystem,
  path: string,
  bytes: Uint8Array,
  beforeSync?: () => Promise<void>,
): Promise<void> {
  const fd = await doneWith<number>((callback) => fileSystem.open(path, CREATE_FLAGS, FILE_MODE, callback));
  try {
    requireMode(fileSystem, path, fd);
    let length = 0;
    while (length < bytes.length) {
      const wanted = Math.min(bytes.length - length, MAX_TRANSFER_BYTES);
      const offset = length;
      length += await doneWith<number>((callback) => fileSystem.write(fd, bytes, offset, wanted, offset, callback));
    }
    await beforeSync?.();
    await done((callback) => fileSystem.fsync(fd, callback));
  } catch (error) {
    await unlinkQuietly(fileSystem, path);
    throw error;
  } finally {
    closeQuietly(fileSystem, fd);
  }
}

/** 0600 whatever the umask. */
function requireMode(fileSystem: DirectoryFileSystem, path: string, fd: number): void {
  const { mode } = fileSystem.fstatSync(fd, { bigint: true });
  if ((mode & PERMISSION_BITS) !== BigInt(FILE_MODE)) fileSystem.chmodSync(path, FILE_MODE);
}

/** Creates an empty file, not synced; `false` where one is there already. */
export async function createEmpty(fileSystem: DirectoryFileSystem, path: string): Promise<boolean> {
  try {
    const fd = await doneWith<number>((callback) => fileSystem.open(path, CREATE_FLAGS, FILE_MODE, callback));
    try {
      requireMode(fileSystem, path, fd);
    } finally {
      closeQuietly(fileSystem, fd);
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Creates a directory, 0700 whatever the umask; one that exists is left as it is. Not durable yet. */
export async function makeDirectory(fileSystem: DirectoryFileSystem, path: string): Promise<void> {
  try {
    await done((callback) => fileSystem.mkdir(path, DIRECTORY_MODE, callback));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    // A link would be written through and never listed: what is there must be a directory itself.
    if (fileSystem.lstatSync(path, { bigint: true })?.isDirectory() === true) return;
    throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`, { cause: error }), { code: 'ENOTDIR' });
  }
  const made = fileSystem.lstatSync(path, { bigint: true });
  if (made !== undefined && (made.mode & PERMISSION_BITS) !== BigInt(DIRECTORY_MODE))
    fileSystem.chmodSync(path, DIRECTORY_MODE);
}

/** Removes a directory, unless something is in it. Not durable yet. */
export async function removeDirectory(
  fileSystem: DirectoryFileSystem,
  path: string,
): Promise<'removed' | 'absent' | 'in use'> {
  try {
    await done((callback) => fileSystem.rmdir(path, callback));
    return 'removed';
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return 'absent';
    // POSIX allows either.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return 'in use';
    throw error;
  }
}

/** Syncs a directory: the entries that it has when this is called survive a power cut. */
export async function syncDirectory(fileSystem: DirectoryFileSystem, path: string): Promise<void> {
  const { O_RDONLY, O_DIRECTORY } = nodeFileSystem.constants;
  const fd = fileSystem.openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    await done((callback) => fileSystem.fsync(fd, callback));
  } finally {
    closeQuietly(fileSystem, fd);
  }
}

/** The entries of a directory that has few; none where there is no such directory. */
export async function listEntries(fileSystem: DirectoryFileSystem, path: string): Promise<readonly DirectoryEntry[]> {
  try {
    return await doneWith<readonly DirectoryEntry[]>((callback) =>
      fileSystem.readdir(path, { withFileTypes: true }, callback),
    );
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * What is at a path, links not followed; `null` where there is nothing. Nothing is not told by an error: making one takes ten
 * times as long as looking, and a question about one user looks at every date of all users.
 */
export function statusOf(fileSystem: DirectoryFileSystem, path: string): FileStatus | null {
  try {
    return fileSystem.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Whether what was found is this file. Proves it only while the file is held open: numbers are used again at once. */
export function isSameFile(found: FileStatus | null, file: FileStatus): found is FileStatus {
  return found !== null && found.dev === file.dev && found.ino === file.ino;
}

/** Whether nobody has written to a file between two looks, as far as the clock's tick tells. To rename it or link it is no write. */
export function isUnwritten(later: FileStatus, before: FileStatus): boolean {
  return later.size === before.size && later.mtimeNs === before.mtimeNs;
}

/** The room on the disk of a path. Asynchronous, unlike what else only looks: a server that is gone holds it up for long. */
export async function spaceOf(fileSystem: DirectoryFileSystem, path: string): Promise<Space> {
  return diskSpace(await doneWith<nodeFileSystem.StatsFs>((callback) => fileSystem.statfs(path, callback)));
}

/** Every ancestor of an absolute path, the nearest first. */
export function ancestorsOf(path: string): string[] {
  const ancestors: string[] = [];
  for (let at = path; dirname(at) !== at; at = dirname(at)) ancestors.push(dirname(at));
  return ancestors;
}
