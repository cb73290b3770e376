/**
 * Snapshots: every file of a partition, and no stored reading missed.
 *
 * A listing is not atomic, and files move under it: parts are linked, `compacted.parquet` is renamed to a part and a
 * new one linked, replaced files are unlinked. So: open `compacted.parquet`; list, open every new name, and list again
 * until nothing is new; look whether `compacted.parquet` is still the file that was opened (or still absent). If it is
 * not, or a listed name is gone, close all and begin anew.
 *
 * Why that misses nothing. Let [o, e] be the time between the first step and the last. (1) A file that lost the name
 * `compacted.parquet` never gets it back, and the open descriptor keeps its inode number from being used again: so the
 * file had that name throughout [o, e]. Nothing was renamed then; parts were linked and unlinked, that is all. (2) A
 * part's name is only ever that of one file, so each name listed is a file opened, or it is gone and all begins anew. (A name
 * that another program gave may pass to another file. Then that one is opened, and the first was taken away by its owner.)
 * (3) Take a reading stored before `o`. At the start of a listing some file holds it. If that file keeps its name to
 * the listing's end, it is listed. If it is unlinked within, then a file linked earlier holds all its readings (that is
 * what `remove` demands), which by (1) had its name already when the listing started; the same holds of that one, and
 * the chain ends, since each file in it was made later than the one before. So the reading is in a file opened. (One
 * listing is enough for this; the next ones are for file systems whose listings pass over names that stayed.) A listing of
 * a directory that has not changed since it was made stands for one made now: see listing.ts.
 * Where too many files would be open, a part is only looked at, and opened when it is read: see held.ts. It had its name
 * within [o, e], and its name is only ever that of one file, so it is that file or it is gone, and all begins anew.
 *
 * Where there was no `compacted.parquet`, neither at `o` nor at `e`, (1) leaves one gap: that a first one is linked and its
 * inputs are unlinked before the first listing, and it is renamed away again before `e`. The grace period before a removal (a minute; from
 * `o` to the listing is well below a millisecond, in one piece) closes it. A large directory is listed in pieces, for any length of time. So
 * there are two such listings at least, and between them there is still no `compacted.parquet`: a file that is linked later had its inputs in
 * place throughout the listing before, which found them; one that was linked and renamed before has its new name in the listing after.
 *
 * Synchronous up to the reads, but for what is done of very many files, in pieces: see files.ts. Medians in milliseconds on 2 cores, ext4, files of 1,000 bytes,
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
import { errorCode, goneError, HrmError, isHrmError, throwIfAborted } from '../../../../errors.js';
import { MAX_SNAPSHOT_ATTEMPTS } from '../../../../limits.js';
import { COMPACTED_NAME, HASHED_NAME } from '../../../../names.js';
import type {
  FileVersion,
  Partition,
  Snapshot,
  SnapshotOptions,
  StoredFile,
  VersionOptions,
} from '../../../../ports/storage.js';
import type { ErasureMask } from '../../../../pure/erasure/register.js';
import { byCodeUnits, sortYielding } from '../../../../sort-yielding.js';
import { collectYielding, eachYielding } from '../../../../steps.js';
import { maskedVersion, maskFile } from '../../erasures/erasures.js';
import { isShortOfDescriptors } from '../descriptors.js';
import type { DirectoryContext } from '../durable.js';
import { storageError } from '../errors.js';
import { closeQuietly, type DirectoryFileSystem, type FileStatus, isSameFile, statusOf } from '../files.js';
import { partitionPath } from '../paths.js';
import {
  asStored,
  closedError,
  FILES_A_PIECE,
  type FoundFile,
  findPart,
  letGo,
  type OpenFile,
  openAgain,
  openFile,
  versionOf,
} from './held.js';
import { insist } from './read.js';

/** Attempts before the first pause; a compaction that moved files has mostly passed by then. */
const EAGER_ATTEMPTS = 3;
/** The longest pause between attempts; with 20 attempts a snapshot gives up after about a second. */
const MAX_PAUSE_MS = 50;

interface Settled {
  readonly files: readonly FoundFile[];
  /** Names of parts that were listed and not looked at. */
  readonly known: readonly string[];
}

/** How a snapshot is taken, and what its readings are looked at through. */
type MaskedOptions = SnapshotOptions & { readonly mask: ErasureMask | null };

/** Of what is kept no longer there are no files. */
const NOTHING: Settled = { files: [], known: [] };

interface HeldSnapshot {
  /** Its files by name. */
  readonly files: ReadonlyMap<string, FoundFile>;
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
    const register = await context.erasures.current(options?.asOf);
    const mask = register.maskOf(partition);
    const isGone = register.isGone(partition);
    try {
      const settled = isGone ? NOTHING : await insist(() => openSettled(context, path, { ...options, mask }));
      if (settled !== null) {
        if (settled.files.length + settled.known.length === 0) await context.identity.require();
        return await toSnapshot(context, partition, settled, { ...options, mask });
      }
    } catch (error) {
      // What others have open for a moment they close again.
      if (!isShortOfDescriptors(error) || attempt === MAX_SNAPSHOT_ATTEMPTS) {
        throw storageError(what, context.directory, error);
      }
    }
    if (attempt > EAGER_ATTEMPTS) await delay(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** (attempt - EAGER_ATTEMPTS)));
  }
  throw new HrmError(`cannot ${what}: its files moved ${MAX_SNAPSHOT_ATTEMPTS} times in a row; try again`, {
    kind: 'unavailable',
    code: 'snapshot_contended',
  });
}

/** {@link Storage.versions} of the directory driver. */
export async function listVersions(
  context: DirectoryContext,
  partition: Partition,
  { yieldTurn, asOf }: VersionOptions = {},
): Promise<readonly FileVersion[]> {
  const path = partitionPath(context.directory, partition);
  const register = await context.erasures.current(asOf);
  if (register.isGone(partition)) return [];
  const mask = register.maskOf(partition);
  function versionIn(name: string): FileVersion | undefined {
    if (HASHED_NAME.test(name)) return { name, version: maskedVersion(name, mask) };
    const status = statusOf(context.fileSystem, join(path, name));
    return status?.isFile() ? { name, version: maskedVersion(versionOf(name, status), mask) } : undefined;
  }
  try {
    const names = [COMPACTED_NAME, ...(await context.lister.parts(path, yieldTurn))];
    const found = await collectYielding(names, versionIn, yieldTurn ?? (async () => undefined), FILES_A_PIECE);
    if (found.length === 0) await context.identity.require();
    return found;
  } catch (error) {
    throw storageError(`list ${partition.date}/${partition.directory}`, context.directory, error);
  }
}

/**
 * The compacted file that a snapshot holds open, `null` where it has none.
 * @throws HrmError kind `closed`, code `snapshot_closed`; kind `internal` for a snapshot of another driver.
 */
export function heldCompacted(snapshot: Snapshot): FileStatus | null {
  return foundFile(snapshot, COMPACTED_NAME)?.status ?? null;
}

/**
 * Runs what needs a file of a snapshot to be open, so that its number is given to no other file; `null` where it is gone.
 * @throws as {@link heldCompacted}; HrmError kind `internal` where the snapshot has no such file.
 */
export async function whileHeld<T>(
  { fileSystem }: DirectoryContext,
  snapshot: Snapshot,
  name: string,
  call: (status: FileStatus) => Promise<T>,
): Promise<T | null> {
  const file = foundFile(snapshot, name);
  if (file === null) throw new HrmError('the snapshot has no such file', { kind: 'internal', code: 'invalid_name' });
  if (file.fd !== null) return call(file.status);
  const opened = openUnlessGone(fileSystem, file);
  if (opened === null) return null;
  try {
    return await call(file.status);
  } finally {
    closeQuietly(fileSystem, opened.fd);
  }
}

function openUnlessGone(fileSystem: DirectoryFileSystem, file: FoundFile): OpenFile | null {
  try {
    return openAgain(fileSystem, file);
  } catch (error) {
    if (isHrmError(error)) return null;
    throw error;
  }
}

function foundFile(snapshot: Snapshot, name: string): FoundFile | null {
  const state = held.get(snapshot);
  if (state === undefined) {
    throw new HrmError('the snapshot is not one of this storage', { kind: 'internal', code: 'foreign_snapshot' });
  }
  if (!state.isOpen) throw closedError();
  return state.files.get(name) ?? null;
}

/** All files of a directory, but for the known parts; `null` when they moved meanwhile. */
async function openSettled(
  context: DirectoryContext,
  path: string,
  { isKnown, yieldTurn, mask }: MaskedOptions,
): Promise<Settled | null> {
  const { fileSystem, lister } = context;
  const seen = new Set([COMPACTED_NAME]);
  const files: FoundFile[] = [];
  const known: string[] = [];
  // Asked for of every date that somebody has readings on: a user who has none costs one look, and no open that fails. What else
  // has the name is no partition, as for a listing.
  if (!statusOf(fileSystem, path)?.isDirectory()) return { files, known };
  let isSettled = false;
  try {
    const compacted = openCompacted(fileSystem, path);
    if (compacted !== null) files.push(compacted);
    for (let listing = 0; listing < MAX_SNAPSHOT_ATTEMPTS && !isSettled; listing++) {
      const listed = lister.parts(path, yieldTurn);
      const isLong = listed instanceof Promise;
      let isNew = false;
      for (const [i, name] of (isLong ? await listed : listed).entries()) {
        // In one go where there are few: so they move under it seldom.
        if (i % FILES_A_PIECE === FILES_A_PIECE - 1) await yieldTurn?.();
        if (seen.has(name)) continue;
        isNew = true;
        seen.add(name);
        // Another name may be given again, and then tells nothing of what is in the file.
        if (HASHED_NAME.test(name) && isKnown?.(name, maskedVersion(name, mask))) {
          known.push(name);
          continue;
        }
        const file = findPart(context, path, name, files);
        if (file !== null) files.push(file);
      }
      const isLast = !isNew && !(isLong && listing === 0);
      if ((isLast || isLong) && !isStillCompacted(fileSystem, path, compacted)) break;
      isSettled = isLast;
    }
  } catch (error) {
    // A listed name that is gone. The listing itself answers a missing directory with no names.
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    if (!isSettled) for (const file of files) letGo(context, file);
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

function isStillCompacted(fileSystem: DirectoryFileSystem, path: string, opened: FoundFile | null): boolean {
  const found = statusOf(fileSystem, join(path, COMPACTED_NAME));
  if (opened === null) return !found?.isFile();
  return isSameFile(found, opened.status);
}

async function toSnapshot(
  context: DirectoryContext,
  partition: Partition,
  { files, known }: Settled,
  { yieldTurn = async () => undefined, mask }: MaskedOptions,
): Promise<Snapshot> {
  const state = { files: new Map<string, FoundFile>(), isOpen: true } satisfies HeldSnapshot;
  await eachYielding(files, (file) => void state.files.set(file.name, file), yieldTurn, FILES_A_PIECE);
  const { stored, close } = await asStored(context, partition, { files, state, yieldTurn });
  await yieldTurn();
  const all = [...stored, ...known.map(unopenedFile)].map((file) => maskFile(file, mask));
  await yieldTurn();
  const snapshot: Snapshot = { partition, files: await sortYielding(all, byName, yieldTurn), close };
  held.set(snapshot, state);
  return snapshot;
}

/** `compacted.parquet` sorts before `part-…` by itself. */
function byName(left: StoredFile, right: StoredFile): number {
  return byCodeUnits(left.name, right.name);
}

function unopenedFile(name: string): StoredFile {
  const read = () => Promise.reject(goneError(name));
  return { name, version: name, byteLength: 0, ageMs: 0, mask: null, read };
}

/**
 * Opens a file outside its partition, as one of the snapshot that it was in; `null` where it is none, or gone.
 * @throws HrmError kind `unavailable`.
 */
export async function openAside(
  context: DirectoryContext,
  partition: Partition,
  path: string,
  name: string,
): Promise<{ file: StoredFile; close(): Promise<void> } | null> {
  try {
    const file = openFile(context.fileSystem, dirname(path), basename(path));
    if (file === null) return null;
    const { stored, close } = await asStored(context, partition, {
      files: [{ ...file, name }],
      state: { isOpen: true },
    });
    const mask = (await context.erasures.current()).maskOf(partition);
    return { file: maskFile(stored[0] as StoredFile, mask), close };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw storageError('open a file in quarantine', context.directory, error);
  }
}
