/**
 * The files of an archive, and of archives within it: Garmin's has one, which has thousands of files, and Strava's files are gzipped. Names are
 * shown and never used as paths. What an archive can come to is bounded, whatever it says of itself.
 */
import { errorCode } from '../../errors.js';
import { ARCHIVE_RATIO_SLACK_BYTES, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_DEPTH, MAX_ARCHIVE_RATIO } from '../../limits.js';
import { isGzip, prepend } from '../bytes.js';
import type { RandomAccessFile } from '../file-format.js';
import { isSqlite } from '../sqlite/sqlite-table.js';
import { isZip, readZipDirectory, type ZipMember } from './zip-directory.js';
import { type ArchiveBudget, memberError, readZipMember, type ZipCodec } from './zip-member.js';

/** What going through archives needs besides: Node and browsers have it under different names. */
export interface ArchiveMachine extends ZipCodec {
  /** @throws what the pieces throw; anything, for data that are damaged or end early. */
  gunzip(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Keeps pieces outside of the memory, so that any part of them can be read. What came before they threw is kept as well. */
  keep(pieces: AsyncIterable<Uint8Array>): Promise<KeptFile>;
}

/** A file that was kept. */
export interface KeptFile {
  readonly file: RandomAccessFile;
  /** What the pieces threw; `undefined` where they ended. */
  readonly failure: unknown;
  /** Gives up what is kept. */
  release(): Promise<void>;
}

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

/** Small files that come to much, in one archive: one of them must not cost the others. */
const MAX_SLACKS = 16;

/** What systems put beside the files that somebody packed. */
const HIDDEN = /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$)/;

/**
 * Goes through the files of an archive, in its order, and through those of archives in it.
 * @param onFault - hears of what cannot be read, and of an archive that is cut.
 */
export async function* readArchive(
  file: RandomAccessFile,
  machine: ArchiveMachine,
  onFault: OnFault,
): AsyncGenerator<ArchiveFile> {
  const likely = MAX_ARCHIVE_RATIO * file.byteLength + MAX_SLACKS * ARCHIVE_RATIO_SLACK_BYTES;
  const budget = { leftBytes: Math.min(MAX_ARCHIVE_BYTES, likely) };
  yield* readLevel(file, '', 1, { machine, budget, onFault });
}

/** What all archives in one another have in common. */
interface Walk {
  readonly machine: ArchiveMachine;
  readonly budget: ArchiveBudget;
  readonly onFault: OnFault;
}

async function* readLevel(
  file: RandomAccessFile,
  prefix: string,
  depth: number,
  walk: Walk,
): AsyncGenerator<ArchiveFile> {
  const { onFault } = walk;
  const { members, problem } = await readZipDirectory(file);
  if (problem !== null) onFault({ name: prefix.slice(0, -1), problem });
  for (const member of members) {
    const name = prefix + member.name;
    if (member.name.endsWith('/') || HIDDEN.test(member.name)) continue;
    if (isUnsafe(member.name)) {
      onFault({ name, problem: 'its name leads out of the archive: it is not read' });
      continue;
    }
    const head = await readHead(file, { ...member, name }, walk);
    if (head === null) continue;
    const read = () => readMember(file, { ...member, name }, walk);
    const isArchive = isZip(head);
    if (isArchive && depth >= MAX_ARCHIVE_DEPTH) {
      onFault({ name, problem: `archives lie in one another more than ${MAX_ARCHIVE_DEPTH} deep: it is not read` });
    } else if (isArchive) {
      yield* kept(name, read, walk, (inner) => readLevel(inner, `${name}/`, depth + 1, walk));
    } else if (isSqlite(head)) {
      yield* kept(name, read, walk, (inner) => [{ name, read, file: inner }]);
    } else yield { name, read };
  }
}

function isUnsafe(name: string): boolean {
  return /^(?:[a-z]:|[\\/])/i.test(name) || name.split(/[\\/]/).includes('..');
}

/** The beginning of a member; `null` where there is none. */
async function readHead(file: RandomAccessFile, member: ZipMember, walk: Walk): Promise<Uint8Array | null> {
  try {
    // Looking costs nothing: the budget is for what is read.
    for await (const piece of readMember(file, member, { ...walk, budget: { ...walk.budget } })) return piece;
    return null;
  } catch (error) {
    walk.onFault({ name: member.name, problem: problemOf(error) });
    return null;
  }
}

function problemOf(error: unknown): string {
  if (errorCode(error) !== 'invalid_input') throw error;
  return (error as Error).message;
}

async function* readMember(file: RandomAccessFile, member: ZipMember, walk: Walk): AsyncGenerator<Uint8Array> {
  const pieces = readZipMember(file, member, walk.machine, walk.budget);
  const first = await pieces.next();
  if (first.done === true) return;
  const whole = prepend(first.value, pieces);
  yield* isGzip(first.value) ? gunzip(whole, member.name, walk) : whole;
}

/** Gunzips within the same bounds. */
async function* gunzip(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  { machine, budget }: Walk,
): AsyncGenerator<Uint8Array> {
  let inBytes = 0;
  async function* counted() {
    for await (const piece of pieces) {
      inBytes += piece.byteLength;
      yield piece;
    }
  }
  let outBytes = 0;
  try {
    for await (const piece of machine.gunzip(counted())) {
      outBytes += piece.byteLength;
      budget.leftBytes -= piece.byteLength;
      if (outBytes > MAX_ARCHIVE_RATIO * inBytes + ARCHIVE_RATIO_SLACK_BYTES || budget.leftBytes < 0)
        throw memberError(name, `it comes to more than ${MAX_ARCHIVE_RATIO} times its size: it is not read on`);
      yield piece;
    }
  } catch (error) {
    if (errorCode(error) === 'invalid_input') throw error;
    throw memberError(name, 'its gzip data are damaged or end early');
  }
}

/** Gives what is made of a file that is kept meanwhile. */
async function* kept(
  name: string,
  read: () => AsyncIterable<Uint8Array>,
  { machine, onFault }: Walk,
  use: (file: RandomAccessFile) => AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>,
): AsyncGenerator<ArchiveFile> {
  const { file, failure, release } = await machine.keep(read());
  try {
    // What was got of it may still be read.
    if (failure !== undefined) onFault({ name, problem: problemOf(failure) });
    yield* use(file);
  } finally {
    await release();
  }
}
