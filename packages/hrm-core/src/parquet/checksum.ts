/**
 * A file proves itself, and each piece of it alone, so that a reader of the footer need not read the rest: the footer holds
 * the SHA-256 of itself (taken with zeros where the checksum stands), of each row group and of the rollup. Together they
 * cover every byte. Damage on disk is found before it becomes an answer, is merged into another file, or lets a good copy
 * be deleted; without it 4 of 10 single-bit flips decode to other readings. A checksum of 100 kB costs 0.1 ms.
 *
 * What follows the checksum's key in our footers always has the same length, so the checksum is found by its place from the
 * end, whatever damage does to the structure before it:
 * `hrm.footer` key · 2 bytes · 64 hex digits · 3 bytes · `hrm-core` (created_by) · column orders · length · `PAR1`
 *
 * Older files have the SHA-256 of the whole file in that place, under `hrm.sha256`.
 */
import { createHash } from 'node:crypto';

/** The footer's key of its own checksum, in lower-case hex; it must be the footer's last. */
export const CHECKSUM_KEY = 'hrm.footer';

/** The key of older files, of the same length. */
const WHOLE_DIGEST_KEY = 'hrm.sha256';

/** What stands in the checksum's place while it is taken. */
export const NO_CHECKSUM = '0'.repeat(64);

/** Who wrote the file, in its footer. */
export const CREATED_BY = 'hrm-core';

/** Bytes behind a footer: its length and `PAR1`. */
export const TRAILER_BYTES = 8;

const KEY_FROM_END = 113;
const CHECKSUM_FROM_END = 101;
const CREATED_BY_FROM_END = 34;

/** Bytes of a checksum of a row group or a rollup; nobody forges them, and 64 bits would do against damage. */
const PIECE_DIGEST_BYTES = 16;

/** The checksum of a row group or a rollup, in hex. */
export function pieceChecksum(bytes: Uint8Array): string {
  return createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, 2 * PIECE_DIGEST_BYTES);
}

/**
 * Writes the checksum of a footer into it.
 * @param footer - from its first byte to the end of the file, of five columns, its last metadata {@link NO_CHECKSUM} under
 *   {@link CHECKSUM_KEY}; changed.
 */
export function writeFooterChecksum(footer: Uint8Array): void {
  const bytes = asBuffer(footer);
  if (textAt(bytes, CHECKSUM_FROM_END, NO_CHECKSUM.length) !== NO_CHECKSUM || keyOf(bytes) !== CHECKSUM_KEY) {
    throw new Error('the footer is not laid out as it was: where does the checksum belong?');
  }
  bytes.write(checksumOf(bytes), bytes.length - CHECKSUM_FROM_END, 'latin1');
}

/** What a file can be proved by. `foreign`: another writer's, which proves nothing. */
export type ChecksumKind = 'footer' | 'whole' | 'foreign';

/** What the end of a file says it can be proved by. */
export function checksumKindOf(tail: Uint8Array): ChecksumKind {
  const bytes = asBuffer(tail);
  const key = keyOf(bytes);
  if (key === WHOLE_DIGEST_KEY) return 'whole';
  // Either is enough: damage to one of them does not make the file a stranger's.
  return key === CHECKSUM_KEY || textAt(bytes, CREATED_BY_FROM_END, CREATED_BY.length) === CREATED_BY
    ? 'footer'
    : 'foreign';
}

/** Whether bytes, a footer or a whole older file, have the checksum that stands in them. */
export function hasChecksum(bytes: Uint8Array): boolean {
  const buffer = asBuffer(bytes);
  return textAt(buffer, CHECKSUM_FROM_END, NO_CHECKSUM.length) === checksumOf(buffer);
}

function keyOf(bytes: Buffer): string {
  return textAt(bytes, KEY_FROM_END, CHECKSUM_KEY.length);
}

function textAt(bytes: Buffer, fromEnd: number, length: number): string {
  const at = bytes.length - fromEnd;
  return at < 0 ? '' : bytes.toString('latin1', at, at + length);
}

function checksumOf(bytes: Buffer): string {
  const at = bytes.length - CHECKSUM_FROM_END;
  if (at < 0) return '';
  const hash = createHash('sha256').update(bytes.subarray(0, at)).update(NO_CHECKSUM);
  return hash.update(bytes.subarray(at + NO_CHECKSUM.length)).digest('hex');
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
