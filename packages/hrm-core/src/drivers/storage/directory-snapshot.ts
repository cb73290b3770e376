/**
 * Snapshots: every file of a partition, open together, and no stored reading missed.
 *
 * A listing is not atomic, and files move under it: parts are linked, `compacted.parquet` is renamed to a part and a
 * new one linked, replaced files are unlinked. So: open `compacted.parquet`; list, open every new name, and list again
 * until nothing is new; look whether `compacted.parquet` is still the file that was opened (or still absent). If it is
 * not, or a listed name is gone, close all and begin anew.
 *
 * Why that misses nothing. Let [o, e] be the time between the first step and the last. (1) A file that lost the name
 * `compacted.parquet` never gets it back, and the open descriptor keeps its inode number from being used again: so the
 * file had that name throughout [o, e]. Nothing was renamed then; parts were linked and unlinked, that is all. (2) A
 * part's name is only ever that of one file, so each name listed is a file opened, or it is gone and all begins anew.
 * (3) Take a reading stored before `o`. At the start of a listing some file holds it. If that file keeps its name to
 * the listing's end, it is listed. If it is unlinked within, then a file linked earlier holds all its readings (that is
 * what `remove` demands), which by (1) had its name already when the listing started; the same holds of that one, and
 * the chain ends, since each file in it was made later than the one before. So the reading is in a file opened. (One
 * listing is enough for this; the next ones are for file systems whose listings pass over names that stayed.) A listing of
 * a directory that has not changed since it was made stands for one made now: see directory-listing.ts.
 *
 * Where there was no `compacted.parquet`, neither at `o` nor at `e`, (1) leaves one gap: that a first one is linked, its
 * inputs are unlinked, and it is renamed away again, all within [o, e]. The grace period before a removal (a minute; a
 * snapshot takes about a millisecond) closes it.
 *
 * Synchronous up to the reads: see directory-files.ts. Medians in milliseconds on 2 cores, ext4, files of 1,000 bytes,
 * idle and while 32 publishes are in flight:
 *
 * ```
 *                                1 file          50 files         500 files
 *   open, as here                0.03   0.06      0.3    0.3       2.7   2.8
 *   open, by fs.promises         0.14  23         1.1    7.3
 *   then read all                0.04   1.2       0.4    1.1       2.5   3.6
 * ```
 */
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HrmError, throwIfAborted } from '../../errors.js';
import { MAX_SNAPSHOT_ATTEMPTS } from '../../limits.js';
import { COMPACTED_NAME, HASHED_PART } from '../../names.js';
import type { Partition, Snapshot, SnapshotOptions, StoredFile } from '../../ports/storage.js';
import type { DirectoryContext } from './directory-durable.js';
import { errorCode, storageError } from './directory-errors.js';
import {
  closeQuietly,
  type DirectoryFileSystem,
  type FileStatus,
  isSameFile,
  openForReading,
  statusOf,
} from './directory-files.js';
import { partitionPath } from './directory-names.js';
import { insist, readRange } from './directory-read.js';

/** Attempts before the first pause; a compaction that moved files has mostly passed by then. */
const EAGER_ATTEMPTS = 3;
/** The longest pause between attempts; with 20 attempts a snapshot gives up after about a second. */
const MAX_PAUSE_MS = 50;

interface OpenFile {
  readonly name: string;
  readonly fd: number;
  readonly status: FileStatus;
}

interface Settled {
  readonly files: readonly OpenFile[];
  /** Names of parts that were listed and not opened. */
  readonly known: readonly string[];
}

interface HeldSnapshot {
  /** Its files by name. */
  readonly files: ReadonlyMap<string, FileStatus>;
  isOpen: boolean;
}

/** What `replace` and `quarantine` need of a snapshot; not in the snapshot itself, which belongs to the caller. */
const held = new WeakMap<Snapshot, HeldSnapshot>();

/** {@link Storage.snapshot} of the directory driver. */
export async function openSnapshot(
  context: DirectoryContext,
  partition: Partition,
  options?: SnapshotOptions,
): Promise<Snapshot> {
  const path = partitionPath(context.directory, partition);
  const what = `open ${partition.date}/${partition.directory}`;
  for (let attempt = 1; attempt <= MAX_SNAPSHOT_ATTEMPTS; attempt++) {
    throwIfAborted(options?.signal, 'opening a snapshot');
    try {
      const settled = await insist(async () => openSettled(context, path, options?.isKnown));
      if (settled !== null) {
        if (settled.files.length + settled.known.length === 0) await context.identity.require();
        return toSnapshot(context, partition, settled);
      }
    } catch (error) {
      throw storageError(what, context.directory, error);
    }
    if (attempt > EAGER_ATTEMPTS) await delay(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** (attempt - EAGER_ATTEMPTS)));
  }
  throw new HrmError(`cannot ${what}: its files moved ${MAX_SNAPSHOT_ATTEMPTS} times in a row; try again`, {
    kind: 'conflict',
    code: 'snapshot_contended',
  });
}

/** {@link Storage.versions} of the directory driver. */
export async function listVersions(
  context: DirectoryContext,
  partition: Partition,
): Promise<readonly Pick<StoredFile, 'name' | 'version'>[]> {
  const path = partitionPath(context.directory, partition);
  try {
    const found = [COMPACTED_NAME, ...context.parts.list(path)].flatMap((name) => {
      if (HASHED_PART.test(name)) return [{ name, version: name }];
      const status = statusOf(context.fileSystem, join(path, name));
      return status?.isFile() ? [{ name, version: versionOf(name, status) }] : [];
    });
    if (found.length === 0) await context.identity.require();
    return found;
  } catch (error) {
    throw storageError(`list ${partition.date}/${partition.directory}`, context.directory, error);
  }
}

/**
 * A file that a snapshot holds open, `null` where it has none of that name.
 * @throws HrmError kind `closed`, code `snapshot_closed`; kind `internal` for a snapshot of another driver.
 */
export function heldFile(snapshot: Snapshot, name: string): FileStatus | null {
  const state = held.get(snapshot);
  if (state === undefined) {
    throw new HrmError('the snapshot is not one of this storage', { kind: 'internal', code: 'foreign_snapshot' });
  }
  if (!state.isOpen) throw closedError();
  return state.files.get(name) ?? null;
}

/** All files of a directory, open but for the known parts; `null` when they moved meanwhile. */
function openSettled(
  { fileSystem, parts }: DirectoryContext,
  path: string,
  isKnown?: (name: string) => boolean,
): Settled | null {
  const seen = new Set([COMPACTED_NAME]);
  const files: OpenFile[] = [];
  const known: string[] = [];
  // Asked for of every date that somebody has readings on: a user who has none costs one look, and no open that fails. What else
  // has the name is no partition, as for a listing.
  if (!statusOf(fileSystem, path)?.isDirectory()) return { files, known };
  let isSettled = false;
  try {
    const compacted = openCompacted(fileSystem, path);
    if (compacted !== null) files.push(compacted);
    for (let listing = 0; listing < MAX_SNAPSHOT_ATTEMPTS && !isSettled; listing++) {
      const fresh = parts.list(path).filter((name) => !seen.has(name));
      for (const name of fresh) {
        seen.add(name);
        // Another name may be given again, and then tells nothing of what is in the file.
        if (HASHED_PART.test(name) && isKnown?.(name)) {
          known.push(name);
          continue;
        }
        const file = openFile(fileSystem, path, name);
        if (file !== null) files.push(file);
      }
      if (fresh.length > 0) continue;
      if (!isStillCompacted(fileSystem, path, compacted)) break;
      isSettled = true;
    }
  } catch (error) {
    // A listed name that is gone. The listing itself answers a missing directory with no names.
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    if (!isSettled) for (const { fd } of files) closeQuietly(fileSystem, fd);
  }
  return isSettled ? { files, known } : null;
}

function openCompacted(fileSystem: DirectoryFileSystem, path: string): OpenFile | null {
  try {
    return openFile(fileSystem, path, COMPACTED_NAME);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** `null` for what is no regular file: a link, a pipe, a directory that somebody named like a part. */
function openFile(fileSystem: DirectoryFileSystem, path: string, name: string): OpenFile | null {
  const fd = openForReading(fileSystem, join(path, name));
  if (fd === null) return null;
  let isKept = false;
  try {
    const status = fileSystem.fstatSync(fd, { bigint: true });
    isKept = status.isFile();
    return isKept ? { name, fd, status } : null;
  } finally {
    if (!isKept) closeQuietly(fileSystem, fd);
  }
}

function isStillCompacted(fileSystem: DirectoryFileSystem, path: string, opened: OpenFile | null): boolean {
  const found = statusOf(fileSystem, join(path, COMPACTED_NAME));
  if (opened === null) return !found?.isFile();
  return isSameFile(found, opened.status);
}

function toSnapshot(context: DirectoryContext, partition: Partition, { files, known }: Settled): Snapshot {
  const state: HeldSnapshot = { files: new Map(files.map(({ name, status }) => [name, status])), isOpen: true };
  const { stored, close } = holdOpen(context, partition, files, state);
  const all = [...stored, ...known.map(unopenedFile)];
  const snapshot: Snapshot = { partition, files: all.sort(byName), close };
  held.set(snapshot, state);
  return snapshot;
}

/** `compacted.parquet` sorts before `part-…` by itself. */
function byName(left: StoredFile, right: StoredFile): number {
  return left.name < right.name ? -1 : 1;
}

function unopenedFile(name: string): StoredFile {
  const message = `${name} was not opened, since it was known`;
  const read = () => Promise.reject(new HrmError(message, { kind: 'conflict', code: 'file_gone' }));
  return { name, version: name, byteLength: 0, ageMs: 0, read };
}

/**
 * Opens a file outside its partition, as one of the snapshot that it was in; `null` where it is none, or gone.
 * @throws HrmError kind `unavailable`.
 */
export function openAside(
  context: DirectoryContext,
  partition: Partition,
  path: string,
  name: string,
): { file: StoredFile; close(): Promise<void> } | null {
  try {
    const file = openFile(context.fileSystem, dirname(path), basename(path));
    if (file === null) return null;
    const { stored, close } = holdOpen(context, partition, [{ ...file, name }], { isOpen: true });
    return { file: stored[0] as StoredFile, close };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw storageError('open a file in quarantine', context.directory, error);
  }
}

/** Open files as callers see them; `state` tells when they may be read no more. */
function holdOpen(
  context: DirectoryContext,
  partition: Partition,
  files: readonly OpenFile[],
  state: { isOpen: boolean },
): { stored: readonly StoredFile[]; close(): Promise<void> } {
  const nowMs = Date.now();
  const reads = new Set<Promise<ArrayBuffer>>();

  function toStoredFile(file: OpenFile): StoredFile {
    return {
      name: file.name,
      version: versionOf(file.name, file.status),
      byteLength: Number(file.status.size),
      // Of the inode's change: linking and renaming set it, and nothing writes to the file after that.
      ageMs: Math.max(0, nowMs - Number(file.status.ctimeMs)),
      async read(fromByte, toByte) {
        if (!state.isOpen) throw closedError();
        const read = readRange(context, partition, file, fromByte, toByte);
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
    for (const { fd } of files) closeQuietly(context.fileSystem, fd);
  }

  return { stored: files.map(toStoredFile), close };
}

/** Nothing writes to a file that has its name, so its inode and the times that linking it set are its own. */
function versionOf(name: string, { dev, ino, size, mtimeNs, ctimeNs }: FileStatus): string {
  if (HASHED_PART.test(name)) return name;
  return [dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-');
}

function closedError(): HrmError {
  return new HrmError('the snapshot is closed', { kind: 'closed', code: 'snapshot_closed' });
}
