import { createHash } from 'node:crypto';
import { SHARED_DIRECTORY } from '../names.js';

/** Bytes that a directory name may have; longer ones are cut and end in a hash. Linux allows 255. */
const MAX_DIRECTORY_BYTES = 200;
const CUT_DIRECTORY_BYTES = 135;

/** The UTC date of an instant, `YYYYMMDD`. */
export function partitionDate(timestampMs: number): string {
  return new Date(timestampMs).toISOString().slice(0, 10).replaceAll('-', '');
}

/** A `YYYYMMDD` date as `YYYY-MM-DD`: `2024-01-15`. */
export function dashedDate(date: string): string {
  return `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
}

/** The first millisecond of a `YYYYMMDD` date, UTC; `null` for what is not a date of the calendar. */
export function dateStartMs(date: string): number | null {
  if (!/^\d{8}$/.test(date)) return null;
  const startMs = Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6)));
  return startMs >= 0 && partitionDate(startMs) === date ? startMs : null;
}

/**
 * The directory name of a user: the user_id's UTF-8 bytes, where `[A-Za-z0-9_.-]` stand for themselves and every other
 * byte, and a first byte that is no letter or digit, is `%XX`. A result over 200 bytes is cut to 135 + `~` + the
 * SHA-256 of the user_id's bytes in hex. So it is never `.`, `..`, hidden, or a path, and `_shared` is nobody's.
 */
export function userDirectory(userId: string): string {
  const bytes = Buffer.from(userId, 'utf8');
  let name = '';
  for (const [i, byte] of bytes.entries()) name += isPlain(byte, i === 0) ? String.fromCharCode(byte) : percent(byte);
  if (name.length <= MAX_DIRECTORY_BYTES) return name;
  return `${name.slice(0, CUT_DIRECTORY_BYTES)}~${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The name of a part: a hash of its bytes, so that the same name means the same readings. */
export function partName(bytes: Uint8Array): string {
  return partNameOf(createHash('sha256').update(bytes).digest('hex'));
}

/** The same by the SHA-256 of the bytes, in hex. */
export function partNameOf(sha256: string): string {
  return `part-${sha256.slice(0, 32)}.parquet`;
}

/** The name under which a replaced compacted file stays until it is swept; `id` is fresh and random. */
export function supersededName(id: string): string {
  return `part-old-${id}.parquet`;
}

/**
 * How a user's file names a shared part of which it has all of this user's readings: `_shared/part-….parquet/<directory>`. With
 * the directory, since a file system that does not tell `Ana` from `ana` keeps both users' files in one.
 */
export function sliceName(part: string, directory: string): string {
  return `${SHARED_DIRECTORY}/${part}/${directory}`;
}

/** The part of a {@link sliceName}; `null` for the name of a file. */
export function sharedPartOf(name: string): string | null {
  const [shared, part = ''] = name.split('/');
  return shared === SHARED_DIRECTORY ? part : null;
}

function isPlain(byte: number, first: boolean): boolean {
  const letterOrDigit =
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
  return letterOrDigit || (!first && (byte === 0x2d || byte === 0x2e || byte === 0x5f));
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
