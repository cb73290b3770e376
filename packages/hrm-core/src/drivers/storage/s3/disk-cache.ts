/**
 * Pieces of objects on a local disk. A process that starts again, and every other process of the machine, reads there what was
 * read from the bucket before.
 *
 * A piece never changes, since no object does: see pieces.ts. A file of the cache is the piece behind its checksum. The checksum also
 * covers which piece it is, so a file that is torn, damaged or under another's name is a miss, and is deleted. So nothing is synced.
 *
 * Nothing depends on the cache. Where its disk is full or fails, questions go to the bucket, and the cache rests for a while.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HrmError } from '../../../errors.js';
import { makeDirectories } from '../../../make-directories.js';
import { sortYielding } from '../../../sort-yielding.js';
import type { ListedObject } from './objects.js';

/** Where a cache is, and how large it may grow. */
export interface DiskCacheSettings {
  /** Made where it is not there. Several processes may share it. */
  readonly directory: string;
  /** Bytes of disk, about: each process counts them again after it has written a sixteenth of it. */
  readonly maxBytes: number;
  /** What tells this store's objects from those of every other. */
  readonly place: string;
}

/** Pieces on the disk. */
export interface DiskCache {
  /** @returns `null` where it is not there, or cannot be read. */
  get(piece: ObjectPiece): Promise<Buffer | null>;
  /** Keeps a piece, in the background; it may be dropped. */
  put(piece: ObjectPiece, bytes: Buffer): void;
  /** Waits for what is being written. */
  close(): Promise<void>;
}

/** Some bytes of an object. */
interface ObjectPiece extends Pick<ListedObject, 'key' | 'etag'> {
  readonly fromByte: number;
  /** Exclusive. */
  readonly toByte: number;
}

const CHECKSUM_BYTES = 32;
/** What a file takes of a disk, at least, and in steps of. */
const BLOCK_BYTES = 4_096;
/** Bytes that wait to be written, at most; what comes on top is not kept. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Files that are looked at, or deleted, at once. */
const FILES_AT_ONCE = 32;
/** How long nothing is written after a write that failed, milliseconds. */
const REST_MS = 60_000;
/** A file being written is of somebody who died when it is so old, milliseconds. */
const STALE_MS = 3_600_000;
/** Pieces of which it is remembered that they were used; then all are forgotten. */
const MAX_USED = 65_536;

/** Why a directory is none that could be used, however long one waits. */
const UNFIT: readonly string[] = ['EACCES', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS', 'ENAMETOOLONG', 'ELOOP'];

/**
 * Opens the cache.
 * @throws HrmError kind `invalid`, code `invalid_settings`, where the directory cannot be one that is written to.
 */
export async function openDiskCache({ directory, maxBytes, place }: DiskCacheSettings): Promise<DiskCache> {
  await prepare(directory);
  const used = new Set<string>();
  const writing = new Set<Promise<void>>();
  let waitingBytes = 0;
  /**
   * Since the files were last counted. It begins anywhere: of many commands that each write little, one in so many counts them, and none
   * has to count them first.
   */
  let writtenBytes = (Math.random() * maxBytes) / 16;
  let restsUntilMs = 0;

  function pathOf(name: string): string {
    return join(directory, name.slice(0, 2), name);
  }

  async function write(name: string, bytes: Buffer): Promise<void> {
    const folder = join(directory, name.slice(0, 2));
    const temporary = join(folder, `.${randomUUID()}`);
    try {
      makeDirectories(folder);
      await writeFile(temporary, [checksumOf(name, bytes), bytes], { flag: 'wx', mode: 0o600 });
      await rename(temporary, pathOf(name));
      writtenBytes += diskBytes(CHECKSUM_BYTES + bytes.length);
      if (writtenBytes <= maxBytes / 16) return;
      writtenBytes = 0;
      await makeRoom(directory, maxBytes - maxBytes / 16);
    } catch {
      restsUntilMs = performance.now() + REST_MS;
      await unlink(temporary).catch(ignore);
    }
  }

  /** That it was used lately keeps a piece longer; once for each process is enough. */
  function noteUse(name: string): void {
    if (used.has(name)) return;
    if (used.size >= MAX_USED) used.clear();
    used.add(name);
    const now = new Date();
    utimes(pathOf(name), now, now).catch(ignore);
  }

  return {
    async get(piece) {
      const name = nameOf(place, piece);
      const stored = await readFile(pathOf(name)).catch(() => null);
      if (stored === null) return null;
      const bytes = stored.subarray(CHECKSUM_BYTES);
      const isWhole =
        bytes.length === piece.toByte - piece.fromByte &&
        checksumOf(name, bytes).equals(stored.subarray(0, CHECKSUM_BYTES));
      if (isWhole) noteUse(name);
      else await unlink(pathOf(name)).catch(ignore);
      return isWhole ? bytes : null;
    },
    put(piece, bytes) {
      const isTooMuch = waitingBytes + bytes.length > MAX_WAITING_BYTES || bytes.length > maxBytes / 16;
      if (isTooMuch || performance.now() < restsUntilMs) return;
      waitingBytes += bytes.length;
      const written = write(nameOf(place, piece), bytes).finally(() => {
        waitingBytes -= bytes.length;
        writing.delete(written);
      });
      writing.add(written);
    },
    async close() {
      await Promise.all(writing);
    },
  };
}

async function prepare(directory: string): Promise<void> {
  try {
    makeDirectories(directory);
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    await readdir(directory);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // A disk that is full now, or fails, makes questions slow and not wrong.
    if (!UNFIT.includes(code)) return;
    const message = `the cache directory ${JSON.stringify(directory)} cannot be used (${code}): name one that this user may write to`;
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', cause: error });
  }
}

function nameOf(place: string, { key, etag, fromByte, toByte }: ObjectPiece): string {
  const text = JSON.stringify([place, key, etag, fromByte, toByte]);
  return createHash('sha256').update(text).digest('hex');
}

function checksumOf(name: string, bytes: Buffer): Buffer {
  return createHash('sha256').update(name).update(bytes).digest();
}

function diskBytes(byteLength: number): number {
  return Math.ceil(byteLength / BLOCK_BYTES) * BLOCK_BYTES;
}

interface CachedFile {
  readonly path: string;
  readonly usedMs: number;
  readonly bytes: number;
}

/** Deletes what was not used for longest, until so many bytes are left. */
async function makeRoom(directory: string, maxBytes: number): Promise<void> {
  const files = await filesIn(directory);
  let held = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const going: CachedFile[] = [];
  for (const file of await sortYielding(
    files,
    (a, b) => a.usedMs - b.usedMs,
    () => setImmediate(),
  )) {
    if (held <= maxBytes) break;
    held -= file.bytes;
    going.push(file);
  }
  await eachAtOnce(going, ({ path }) => unlink(path).catch(ignore));
}

/** All files but those that are being written; what somebody who died was writing is deleted. */
async function filesIn(directory: string): Promise<CachedFile[]> {
  const found: CachedFile[] = [];
  for (const folder of await readdir(directory)) {
    const names = await readdir(join(directory, folder)).catch(() => []);
    await eachAtOnce(names, async (name) => {
      const path = join(directory, folder, name);
      const entry = await stat(path).catch(() => null);
      if (entry === null || !entry.isFile()) return;
      if (!name.startsWith('.')) found.push({ path, usedMs: entry.mtimeMs, bytes: diskBytes(entry.size) });
      else if (Date.now() - entry.mtimeMs > STALE_MS) await unlink(path).catch(ignore);
    });
  }
  return found;
}

async function eachAtOnce<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += FILES_AT_ONCE)
    await Promise.all(items.slice(from, from + FILES_AT_ONCE).map(each));
}

function ignore(): void {
  // Another process has deleted it, or the disk fails: what is left is found the next time.
}
