/**
 * The hash of a file's bytes, and files that are only read while they have it.
 *
 * A part is said to be held by others under a name that has its hash. The owner of a file that another program wrote may write to it
 * at any time, also while it is read here. So what is merged is read once as a whole, and from then on only the same bytes are.
 */
import { createHash } from 'node:crypto';
import { HrmError } from '../../errors.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import { isNamedAfter, partNameOf } from '../../pure/partition.js';

/** Bytes that are read, and proved again, together. */
const PIECE_BYTES = 128 * 1024;
/** A file up to this size is held: as much as its end takes, which is held anyway. */
const MAX_HELD_BYTES = 32 * 1024;

/** A file that gives the bytes that it was hashed with, or none. */
export interface PinnedFile {
  /** Reading it throws kind `conflict`, code `file_gone`, once its bytes are others. */
  readonly file: StoredFile;
  readonly partition: Partition;
  /** Of its bytes, in hex. */
  readonly sha256: string;
  /** What others say that they hold, who hold it: see {@link contentNameOf}. */
  readonly contentName: string;
}

/**
 * The name that says which bytes a file has: its own where that has their hash in it, else the one that a part of these bytes has.
 * @param sha256 - of the bytes, in hex.
 */
export function contentNameOf(name: string, sha256: string): string {
  return isNamedAfter(name, sha256) ? name : partNameOf(sha256);
}

/**
 * The SHA-256 of a file's bytes, in hex.
 * @param onPiece - sees the bytes, in order, in pieces of {@link PIECE_BYTES}, the last one of less.
 * @throws what reading throws.
 */
export async function hashFile(
  file: StoredFile,
  yieldTurn: () => Promise<void>,
  onPiece?: (piece: ArrayBuffer) => void,
): Promise<string> {
  const hash = createHash('sha256');
  for (let from = 0; from < file.byteLength; from += PIECE_BYTES) {
    const piece = await file.read(from, Math.min(file.byteLength, from + PIECE_BYTES));
    hash.update(new Uint8Array(piece));
    onPiece?.(piece);
    await yieldTurn();
  }
  return hash.digest('hex');
}

/** Bytes in memory that are hashed together: 4 ms. */
const HASHED_AT_ONCE = 2 * 1024 * 1024;

/** The name of a part, as `partName` gives it, with turns for others: a shared part of the longest ids has 25 MB, which are 30 to 50 ms. */
export async function partNameYielding(bytes: Uint8Array, yieldTurn: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  for (let from = 0; from < bytes.length; from += HASHED_AT_ONCE) {
    if (from > 0) await yieldTurn();
    hash.update(bytes.subarray(from, from + HASHED_AT_ONCE));
  }
  return partNameOf(hash.digest('hex'));
}

/** Hashes a file, and holds it to that. @throws what reading throws. */
export async function pinFile(
  file: StoredFile,
  partition: Partition,
  yieldTurn: () => Promise<void>,
): Promise<PinnedFile> {
  const digests: string[] = [];
  let held: ArrayBuffer | null = null;
  const sha256 = await hashFile(file, yieldTurn, (piece) => {
    if (file.byteLength <= MAX_HELD_BYTES) held = piece;
    else digests.push(digestOf(new Uint8Array(piece)));
  });
  const read = held === null ? pinnedRead(file, partition, digests, yieldTurn) : heldRead(held);
  return { file: { ...file, read }, partition, sha256, contentName: contentNameOf(file.name, sha256) };
}

function heldRead(bytes: ArrayBuffer): StoredFile['read'] {
  return async (fromByte, toByte) => bytes.slice(fromByte, toByte);
}

function pinnedRead(
  file: StoredFile,
  partition: Partition,
  digests: readonly string[],
  yieldTurn: () => Promise<void>,
): StoredFile['read'] {
  return async (fromByte, toByte) => {
    const from = fromByte - (fromByte % PIECE_BYTES);
    const to = Math.min(file.byteLength, Math.ceil(toByte / PIECE_BYTES) * PIECE_BYTES);
    // Beyond its end it is for the storage to say what is wrong.
    const bytes = await file.read(from, Math.max(to, toByte));
    for (let at = from; at < to; at += PIECE_BYTES) {
      const piece = new Uint8Array(bytes, at - from, Math.min(PIECE_BYTES, to - at));
      if (digestOf(piece) !== digests[at / PIECE_BYTES]) throw changedError(file, partition);
      await yieldTurn();
    }
    return bytes.slice(fromByte - from, toByte - from);
  };
}

function digestOf(piece: Uint8Array): string {
  return createHash('sha256').update(piece).digest('base64');
}

function changedError({ name }: StoredFile, { date }: Partition): HrmError {
  return new HrmError(`${name} of ${date} was written to while it was merged: look again`, {
    kind: 'conflict',
    code: 'file_gone',
  });
}
