/**
 * The files of an archive, and of archives within it: Garmin's has one, which has thousands of files, and Strava's files are gzipped. Names are
 * shown and never used as paths. What an archive can come to is bounded, whatever it says of itself.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { errorCode } from '../../errors.js';
import type { RandomAccessFile } from '../../formats/file-format.js';
import { isGzip, prepend } from '../../formats/gunzip.js';
import { isZip, readZipDirectory, type ZipMember } from '../../formats/zip/zip-directory.js';
import { type ArchiveBudget, memberError, readZipMember, type ZipCodec } from '../../formats/zip/zip-member.js';
import { ARCHIVE_RATIO_SLACK_BYTES, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_DEPTH, MAX_ARCHIVE_RATIO } from '../../limits.js';
import { openRandomAccess } from './random-access.js';

/** A file of an archive. It can be read until the next one is asked for. */
export interface ArchiveFile {
  /** With the archives and the folders that it lies in: `UploadedFiles.zip/1.fit`. */
  readonly name: string;
  /**
   * Its bytes, gunzipped where they are gzip.
   * @throws HrmError kind `invalid`, code `invalid_input`, where it is damaged; what came before is good.
   */
  read(): AsyncGenerator<Uint8Array>;
  /** The file itself, of a format that does not read from the beginning to the end. */
  readonly file?: RandomAccessFile;
}

/** What of an archive cannot be read at all. */
export interface ArchiveFault {
  /** The archive's name is the empty text. */
  readonly name: string;
  readonly problem: string;
}

/** Says what was wrong, and goes on. */
type OnFault = (fault: ArchiveFault) => void;

const CODEC: ZipCodec = {
  inflateRaw(pieces) {
    const inflate = createInflateRaw();
    // Its errors are the ones that reading from it throws.
    pipeline(Readable.from(pieces), inflate).catch(() => undefined);
    return inflate as AsyncIterable<Uint8Array>;
  },
  crc32: (bytes, before) => crc32(bytes, before),
};

/** `SQLite format 3` and a zero. */
const SQLITE_HEAD = Buffer.from('SQLite format 3\0');

/** Small files that come to much, in one archive: one of them must not cost the others. */
const MAX_SLACKS = 16;

/** What systems put beside the files that somebody packed. */
const HIDDEN = /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$)/;

/**
 * Goes through the files of an archive, in its order, and through those of archives in it.
 * @param onFault - hears of what cannot be read, and of an archive that is cut.
 */
export async function* readArchive(file: RandomAccessFile, onFault: OnFault): AsyncGenerator<ArchiveFile> {
  const likely = MAX_ARCHIVE_RATIO * file.byteLength + MAX_SLACKS * ARCHIVE_RATIO_SLACK_BYTES;
  yield* readLevel(file, '', 1, { leftBytes: Math.min(MAX_ARCHIVE_BYTES, likely) }, onFault);
}

async function* readLevel(
  file: RandomAccessFile,
  prefix: string,
  depth: number,
  budget: ArchiveBudget,
  onFault: OnFault,
): AsyncGenerator<ArchiveFile> {
  const { members, problem } = await readZipDirectory(file);
  if (problem !== null) onFault({ name: prefix.slice(0, -1), problem });
  for (const member of members) {
    const name = prefix + member.name;
    if (member.name.endsWith('/') || HIDDEN.test(member.name)) continue;
    if (isUnsafe(member.name)) {
      onFault({ name, problem: 'its name leads out of the archive: it is not read' });
      continue;
    }
    const head = await readHead(file, { ...member, name }, budget, onFault);
    if (head === null) continue;
    const read = () => readMember(file, { ...member, name }, budget);
    const isArchive = isZip(head);
    if (isArchive && depth >= MAX_ARCHIVE_DEPTH) {
      onFault({ name, problem: `archives lie in one another more than ${MAX_ARCHIVE_DEPTH} deep: it is not read` });
    } else if (isArchive) {
      yield* spooled(name, read, onFault, (inner) => readLevel(inner, `${name}/`, depth + 1, budget, onFault));
    } else if (SQLITE_HEAD.equals(head.subarray(0, SQLITE_HEAD.length))) {
      yield* spooled(name, read, onFault, (inner) => [{ name, read, file: inner }]);
    } else yield { name, read };
  }
}

function isUnsafe(name: string): boolean {
  return /^(?:[a-z]:|[\\/])/i.test(name) || name.split(/[\\/]/).includes('..');
}

/** The beginning of a member; `null` where there is none. */
async function readHead(
  file: RandomAccessFile,
  member: ZipMember,
  budget: ArchiveBudget,
  onFault: OnFault,
): Promise<Uint8Array | null> {
  try {
    // Looking costs nothing: the budget is for what is read.
    for await (const piece of readMember(file, member, { ...budget })) return piece;
    return null;
  } catch (error) {
    onFault({ name: member.name, problem: problemOf(error) });
    return null;
  }
}

function problemOf(error: unknown): string {
  if (errorCode(error) !== 'invalid_input') throw error;
  return (error as Error).message;
}

async function* readMember(
  file: RandomAccessFile,
  member: ZipMember,
  budget: ArchiveBudget,
): AsyncGenerator<Uint8Array> {
  const pieces = readZipMember(file, member, CODEC, budget);
  const first = await pieces.next();
  if (first.done === true) return;
  const whole = prepend(first.value, pieces);
  yield* isGzip(first.value) ? gunzip(whole, member.name, budget) : whole;
}

/** Gunzips within the same bounds. */
async function* gunzip(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  budget: ArchiveBudget,
): AsyncGenerator<Uint8Array> {
  let inBytes = 0;
  async function* counted() {
    for await (const piece of pieces) {
      inBytes += piece.byteLength;
      yield piece;
    }
  }
  const gunzipping = createGunzip();
  let failure: unknown;
  pipeline(Readable.from(counted()), gunzipping).catch((error: unknown) => {
    failure = error;
  });
  let outBytes = 0;
  try {
    for await (const piece of gunzipping as AsyncIterable<Buffer>) {
      outBytes += piece.byteLength;
      budget.leftBytes -= piece.byteLength;
      if (outBytes > MAX_ARCHIVE_RATIO * inBytes + ARCHIVE_RATIO_SLACK_BYTES || budget.leftBytes < 0)
        throw memberError(name, `it comes to more than ${MAX_ARCHIVE_RATIO} times its size: it is not read on`);
      yield piece;
    }
  } catch (error) {
    if (errorCode(error) === 'invalid_input') throw error;
    if (errorCode(failure) === 'invalid_input') throw failure;
    throw memberError(name, 'its gzip data are damaged or end early');
  }
}

/** Gives what is made of a file that lies in a temporary one meanwhile. */
async function* spooled(
  name: string,
  read: () => AsyncIterable<Uint8Array>,
  onFault: OnFault,
  use: (file: RandomAccessFile) => AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>,
): AsyncGenerator<ArchiveFile> {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-archive-'));
  try {
    const handle = await open(join(directory, 'file'), 'wx+', 0o600);
    try {
      try {
        for await (const piece of read()) await handle.appendFile(piece);
      } catch (error) {
        // What was got of it may still be read.
        onFault({ name, problem: problemOf(error) });
      }
      yield* use(await openRandomAccess(handle));
    } finally {
      await handle.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
