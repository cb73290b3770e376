/**
 * The files of an archive, and of archives within it: Garmin's has one, which has thousands of files, and Strava's files are gzipped. Names are
 * shown and never used as paths. What an archive can come to is bounded, whatever it says of itself.
 */
import { errorCode } from '../../errors.js';
import { ARCHIVE_RATIO_SLACK_BYTES, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_DEPTH, MAX_ARCHIVE_RATIO } from '../../limits.js';
import { isGzip, prepend } from '../bytes.js';
import type { RandomAccessFile } from '../file-format.js';
import { piecesOf } from '../pieces-of.js';
import { readHead } from '../read-head.js';
import { isReadInPlace } from '../read-in-place.js';
import { isTar, readTar, TAR_BLOCK_BYTES } from '../tar.js';
import { unpackBounded } from '../unpack-bounded.js';
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

/** A zip archive, which has its directory at its end, or the bytes of a tar archive, which come in order. */
type ArchiveSource = RandomAccessFile | AsyncIterable<Uint8Array>;

/** A file of an archive. It can be read until the next one is asked for. */
export interface ArchiveFile {
  /** With the archives and the folders that it lies in: `UploadedFiles.zip/1.fit`. */
  readonly name: string;
  /** `once`: it is of a tar archive, whose bytes come in order. */
  readonly isReadable: 'again' | 'once';
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
  /** `damaged`: what stands before is good; `refused`: it is not read, for its name or its size; `not_read`: it is no file. */
  readonly kind: 'damaged' | 'refused' | 'not_read';
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
 * @throws what the machine throws that is no matter of the archive.
 */
export async function* readArchive(
  source: ArchiveSource,
  machine: ArchiveMachine,
  onFault: OnFault,
): AsyncGenerator<ArchiveFile> {
  const likely =
    'slice' in source
      ? MAX_ARCHIVE_RATIO * source.byteLength + MAX_SLACKS * ARCHIVE_RATIO_SLACK_BYTES
      : Number.POSITIVE_INFINITY;
  const budget = { leftBytes: Math.min(MAX_ARCHIVE_BYTES, likely) };
  yield* readLevel(source, { prefix: '', depth: 1, machine, budget, onFault });
}

/** One archive: that which was given, or one in it. */
interface Level {
  /** Of the names of its files. */
  readonly prefix: string;
  readonly depth: number;
  readonly machine: ArchiveMachine;
  readonly budget: ArchiveBudget;
  readonly onFault: OnFault;
}

/** A file of an archive before it is known what it is. */
interface Member extends Pick<ArchiveFile, 'name' | 'isReadable' | 'read'> {
  /** What it begins with, gunzipped, {@link TAR_BLOCK_BYTES} bytes where it has so many. */
  readonly head: Uint8Array;
}

async function* readLevel(source: ArchiveSource, level: Level): AsyncGenerator<ArchiveFile> {
  const { depth, machine, onFault } = level;
  for await (const { name, head, isReadable, read } of 'slice' in source
    ? zipMembers(source, level)
    : tarMembers(source, level)) {
    const [isOfZip, isOfTar] = [isZip(head), isTar(head)];
    const inner = { ...level, prefix: `${name}/`, depth: depth + 1 };
    if ((isOfZip || isOfTar) && depth >= MAX_ARCHIVE_DEPTH) {
      const problem = `archives lie in one another more than ${MAX_ARCHIVE_DEPTH} deep: it is not read`;
      onFault({ kind: 'refused', name, problem });
    } else if (isOfTar) yield* readLevel(read(), inner);
    else if (isOfZip || isReadInPlace(head)) {
      const { file, failure, release } = await machine.keep(read());
      try {
        // What was got of it may still be read.
        if (failure !== undefined) onFault({ kind: 'damaged', name, problem: problemOf(failure) });
        if (isOfZip) yield* readLevel(file, inner);
        else yield { name, isReadable: 'again', read: () => piecesOf(file), file };
      } finally {
        await release();
      }
    } else yield { name, isReadable, read };
  }
}

async function* zipMembers(file: RandomAccessFile, level: Level): AsyncGenerator<Member> {
  const { prefix, budget, onFault } = level;
  const { members, problem } = await readZipDirectory(file);
  if (problem !== null) onFault({ kind: 'damaged', name: prefix.slice(0, -1), problem });
  for (const member of members) {
    const named = { ...member, name: prefix + member.name };
    if (member.name.endsWith('/') || !isWanted(member.name, level)) continue;
    try {
      // Looking costs nothing: the budget is for what is read.
      const looking = readMember(file, named, { ...level, budget: { ...budget } });
      const { head, close } = await readHead(looking, TAR_BLOCK_BYTES);
      await close();
      if (head.byteLength === 0) continue;
      yield { name: named.name, head, isReadable: 'again', read: () => readMember(file, named, level) };
    } catch (error) {
      onFault({ kind: 'damaged', name: named.name, problem: problemOf(error) });
    }
  }
}

async function* tarMembers(pieces: AsyncIterable<Uint8Array>, level: Level): AsyncGenerator<Member> {
  const { prefix, onFault } = level;
  let damage: string | null = null;
  const members = readTar(
    untilDamage(pieces, (problem) => {
      damage = problem;
    }),
  );
  try {
    for (;;) {
      const next = await members.next();
      if (next.done === true) {
        const problem = damage ?? next.value;
        if (problem !== null) onFault({ kind: 'damaged', name: prefix.slice(0, -1), problem });
        return;
      }
      const { name: own, kind, read } = next.value;
      const name = prefix + own;
      if (!isWanted(own, level)) continue;
      if (kind === 'file') yield* tarMember(name, read(), level);
      else onFault({ kind: 'not_read', name, problem: 'it is a link, or no file: it is not read' });
    }
  } finally {
    await members.return(null);
  }
}

async function* tarMember(name: string, pieces: AsyncIterable<Uint8Array>, level: Level): AsyncGenerator<Member> {
  try {
    const packed = await readHead(withinBudget(pieces, name, level.budget), 2);
    const plain = isGzip(packed.head) ? gunzip(packed.whole, name, level) : packed.whole;
    const { head, whole, close } = await readHead(plain, TAR_BLOCK_BYTES);
    try {
      if (head.byteLength > 0) yield { name, head, isReadable: 'once', read: () => whole };
    } finally {
      await close();
    }
  } catch (error) {
    level.onFault({ kind: 'damaged', name, problem: problemOf(error) });
  }
}

async function* withinBudget(pieces: AsyncIterable<Uint8Array>, name: string, budget: ArchiveBudget) {
  for await (const piece of pieces) {
    budget.leftBytes -= piece.byteLength;
    if (budget.leftBytes < 0) throw budgetError(name);
    yield piece;
  }
}

function budgetError(name: string): Error {
  return memberError(name, 'the archive comes to more than is likely: it is not read on');
}

/** Bytes up to where they cannot be read any more. */
async function* untilDamage(pieces: AsyncIterable<Uint8Array>, onDamage: (problem: string) => void) {
  try {
    yield* pieces;
  } catch (error) {
    onDamage(problemOf(error));
  }
}

/** Whether a file is read, by its name. */
function isWanted(name: string, { prefix, onFault }: Level): boolean {
  if (HIDDEN.test(name)) return false;
  const isSafe = !/^(?:[a-z]:|[\\/])/i.test(name) && !name.split(/[\\/]/).includes('..');
  if (!isSafe)
    onFault({ kind: 'refused', name: prefix + name, problem: 'its name leads out of the archive: it is not read' });
  return isSafe;
}

function problemOf(error: unknown): string {
  if (errorCode(error) !== 'invalid_input') throw error;
  return (error as Error).message;
}

async function* readMember(file: RandomAccessFile, member: ZipMember, level: Level): AsyncGenerator<Uint8Array> {
  const pieces = readZipMember(file, member, level.machine, level.budget);
  const first = await pieces.next();
  if (first.done === true) return;
  const whole = prepend(first.value, pieces);
  yield* isGzip(first.value) ? gunzip(whole, member.name, level) : whole;
}

/** Gunzips within the same bounds. */
async function* gunzip(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  { machine, budget }: Level,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of unpackBounded(pieces, machine.gunzip, name)) {
      budget.leftBytes -= piece.byteLength;
      if (budget.leftBytes < 0) throw budgetError(name);
      yield piece;
    }
  } catch (error) {
    if (errorCode(error) === 'invalid_input') throw error;
    throw memberError(name, 'its gzip data are damaged or end early');
  }
}
