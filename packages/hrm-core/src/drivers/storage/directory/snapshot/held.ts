/**
 * The files of a snapshot: held open, or, where too many would be, opened whenever they are read.
 *
 * `compacted.parquet` is always held: `replace` compares what it moved with the descriptor. A part need not be: its name is only ever
 * that of one file. What is opened again is compared with what the snapshot found there, inode, size and times, since a part that
 * was set aside for damage may have been written anew; if it is gone, or another, the caller takes a new snapshot (`file_gone`), as
 * with any storage that cannot hold a replaced file.
 */
import { join } from 'node:path';
import { errorCode, goneError, HrmError } from '../../../../errors.js';
import { HASHED_NAME } from '../../../../names.js';
import type { Partition, StoredFile } from '../../../../ports/storage.js';
import { collectYielding, eachYielding } from '../../../../steps.js';
import { isShortOfDescriptors } from '../descriptors.js';
import type { DirectoryContext } from '../durable.js';
import { storageError } from '../errors.js';
import { closeQuietly, type DirectoryFileSystem, type FileStatus, openForReading, statusOf } from '../files.js';
import { insist, readRange } from './read.js';

/** A file of a snapshot. */
export interface FoundFile {
  readonly name: string;
  readonly path: string;
  /** `null`: opened for each read. */
  fd: number | null;
  readonly status: FileStatus;
  /** It took room among the parts that are held open. */
  readonly isCounted?: boolean;
}

/** A file that is open. */
export interface OpenFile extends FoundFile {
  readonly fd: number;
}

/** Opens a file; `null` for what is no regular file: a link, a pipe, a directory that somebody named like a part. */
export function openFile(fileSystem: DirectoryFileSystem, directory: string, name: string): OpenFile | null {
  const path = join(directory, name);
  const fd = openForReading(fileSystem, path);
  if (fd === null) return null;
  let isKept = false;
  try {
    const status = fileSystem.fstatSync(fd, { bigint: true });
    isKept = status.isFile();
    return isKept ? { name, path, fd, status } : null;
  } finally {
    if (!isKept) closeQuietly(fileSystem, fd);
  }
}

/**
 * Finds a part, and holds it open where there is room.
 * @param found - of this snapshot so far: where the process cannot open one more, it gives the parts among them up, for others.
 * @throws the system's error: `ENOENT` where it is gone.
 */
export function findPart(
  { fileSystem, descriptors }: DirectoryContext,
  directory: string,
  name: string,
  found: readonly FoundFile[],
): FoundFile | null {
  if (descriptors.hold()) {
    let isHeld = false;
    try {
      const file = openFile(fileSystem, directory, name);
      isHeld = file !== null;
      return file === null ? null : { ...file, isCounted: true };
    } catch (error) {
      if (!isShortOfDescriptors(error)) throw error;
      for (const file of found) if (file.isCounted) letGo({ fileSystem, descriptors }, file);
    } finally {
      if (!isHeld) descriptors.release();
    }
  }
  const path = join(directory, name);
  const status = statusOf(fileSystem, path);
  if (status === null) throw Object.assign(new Error(`ENOENT: no such file, lstat '${path}'`), { code: 'ENOENT' });
  return status.isFile() ? { name, path, fd: null, status } : null;
}

/** Closes a file that is held open; it can be read all the same. */
export function letGo(
  { fileSystem, descriptors }: Pick<DirectoryContext, 'fileSystem' | 'descriptors'>,
  file: FoundFile,
): void {
  if (file.fd === null) return;
  closeQuietly(fileSystem, file.fd);
  file.fd = null;
  if (file.isCounted) descriptors.release();
}

/**
 * Opens a file that a snapshot found, if it is still the one.
 * @throws HrmError kind `conflict`, code `file_gone`; the system's error.
 */
export function openAgain(fileSystem: DirectoryFileSystem, { name, path, status }: FoundFile): OpenFile {
  let fd: number | null = null;
  try {
    fd = openForReading(fileSystem, path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  if (fd === null) throw goneError(name);
  let isKept = false;
  try {
    isKept = identityOf(fileSystem.fstatSync(fd, { bigint: true })) === identityOf(status);
    if (!isKept) throw goneError(name);
    return { name, path, fd, status };
  } finally {
    if (!isKept) closeQuietly(fileSystem, fd);
  }
}

/** Files that are opened, or closed, before others have a turn: some hundred microseconds' work. */
export const FILES_A_PIECE = 64;

/** Files that were found. */
export interface FoundFiles {
  readonly files: readonly FoundFile[];
  /** Tells when they may be read no more. */
  readonly state: { isOpen: boolean };
  /** Called between files, and waited for. */
  readonly yieldTurn?: () => Promise<void>;
}

/** Files as callers see them. */
export async function asStored(
  context: DirectoryContext,
  partition: Partition,
  { files, state, yieldTurn = async () => undefined }: FoundFiles,
): Promise<{ stored: readonly StoredFile[]; close(): Promise<void> }> {
  const nowMs = context.clock.nowMs();
  const reads = new Set<Promise<ArrayBuffer>>();

  function toStoredFile(file: FoundFile): StoredFile {
    return {
      name: file.name,
      version: versionOf(file.name, file.status),
      byteLength: Number(file.status.size),
      // Of the inode's change: linking and renaming set it, and nothing writes to the file after that.
      ageMs: Math.max(0, nowMs - Number(file.status.ctimeMs)),
      mask: null,
      async read(fromByte, toByte) {
        if (!state.isOpen) throw closedError();
        const { fd } = file;
        const read =
          fd === null
            ? readOnce(context, partition, file, fromByte, toByte)
            : readRange(context, partition, { ...file, fd }, fromByte, toByte);
        reads.add(read);
        return read.finally(() => reads.delete(read));
      },
    };
  }

  async function close(): Promise<void> {
    if (!state.isOpen) return;
    state.isOpen = false;
    // A descriptor that is closed under a read may be another file's by the time the read runs.
    await Promise.allSettled(reads);
    await eachYielding(files, (file) => letGo(context, file), yieldTurn, FILES_A_PIECE);
  }

  return { stored: await collectYielding(files, toStoredFile, yieldTurn, FILES_A_PIECE), close };
}

/** Opens a file, reads it and closes it. */
function readOnce(
  context: DirectoryContext,
  partition: Partition,
  file: FoundFile,
  fromByte: number,
  toByte: number,
): Promise<ArrayBuffer> {
  return context.descriptors.brief(async () => {
    const opened = await insist(async () => openAgain(context.fileSystem, file)).catch((error) => {
      throw storageError(`read ${file.name} of ${partition.date}`, context.directory, error);
    });
    try {
      return await readRange(context, partition, opened, fromByte, toByte);
    } finally {
      closeQuietly(context.fileSystem, opened.fd);
    }
  });
}

/** Nothing writes to a file that has its name, so its inode and the times that linking it set are its own. */
export function versionOf(name: string, status: FileStatus): string {
  return HASHED_NAME.test(name) ? name : identityOf(status);
}

/** What tells a file from every other that had its name, once it is some seconds old. */
export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: FileStatus): string {
  return [dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-');
}

/** For who reads a file of a snapshot that is closed. */
export function closedError(): HrmError {
  return new HrmError('the snapshot is closed', { kind: 'closed', code: 'snapshot_closed' });
}
