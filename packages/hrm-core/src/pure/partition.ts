import { createHash } from 'node:crypto';
import { DAY_MS } from '../limits.js';
import { SHARED_DIRECTORY } from '../names.js';

/** Bytes that a directory name may have; longer ones are cut and end in a hash. Linux allows 255. */
const MAX_DIRECTORY_BYTES = 200;
const CUT_DIRECTORY_BYTES = 135;

/** Of a SHA-256 in a name: 128 bits. */
const HASH_DIGITS = 32;
const NAME_WITH_HASH = /^(?:(?:part|compacted)-([0-9a-f]{32})|part-old-([0-9a-f]{32})-[0-9A-Za-z-]{1,64})\.parquet$/;

/** The UTC date of an instant, `YYYYMMDD`. */
export function partitionDate(timestampMs: number): string {
  return new Date(timestampMs).toISOString().slice(0, 10).replaceAll('-', '');
}

/** The UTC dates of a range that is half-open, ascending; none where there are more than `most`. */
export function datesOf({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }, most: number): string[] {
  const first = Math.floor(fromMs / DAY_MS);
  const count = Math.ceil(toMs / DAY_MS) - first;
  if (toMs <= fromMs || count > most) return [];
  return Array.from({ length: count }, (_, day) => partitionDate((first + day) * DAY_MS));
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

/** What {@link userDirectory} leaves as it is; most ids are. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** The user of a directory; `null` where the name is cut and has a hash, or is none that {@link userDirectory} gives. */
export function userOfDirectory(name: string): string | null {
  if (PLAIN_NAME.test(name)) return name;
  try {
    const userId = decodeURIComponent(name);
    return userDirectory(userId) === name ? userId : null;
  } catch {
    return null;
  }
}

/** Whether a name is of a directory whose user's id is too long for one: it ends in a hash. */
export function isCutDirectory(name: string): boolean {
  return /~[0-9a-f]{64}$/.test(name);
}

/** The name of a part: a hash of its bytes, so that the same name means the same readings. */
export function partName(bytes: Uint8Array): string {
  return partNameOf(createHash('sha256').update(bytes).digest('hex'));
}

/** The same by the SHA-256 of the bytes, in hex. */
export function partNameOf(sha256: string): string {
  return `part-${sha256.slice(0, HASH_DIGITS)}.parquet`;
}

/**
 * The name under which a replaced compacted file stays until it is swept: with the hash of its bytes, and fresh, since the same bytes
 * may be there under another name.
 * @param sha256 - of its bytes, in hex; `null` where there is none to replace.
 * @param id - fresh and random.
 */
export function supersededName(sha256: string | null, id: string): string {
  return sha256 === null ? `part-old-${id}.parquet` : `part-old-${sha256.slice(0, HASH_DIGITS)}-${id}.parquet`;
}

/** The name that a replaced compacted file has from then on: its own, where that is of its bytes. */
export function supersededBy(
  { file: { name }, sha256 }: { readonly file: { readonly name: string }; readonly sha256: string },
  id: string,
): string {
  return isNamedAfter(name, sha256) ? name : supersededName(sha256, id);
}

/**
 * The hash of a part's bytes, as its name says it, 32 hex digits. `null` for a name that says nothing of the bytes: whoever gave it
 * may give it again, to other readings.
 */
export function hashInName(name: string): string | null {
  const [, ofPart, ofSuperseded] = NAME_WITH_HASH.exec(name) ?? [];
  return ofPart ?? ofSuperseded ?? null;
}

/** Whether a name has the hash of these bytes in it. @param sha256 - of the bytes, in hex. */
export function isNamedAfter(name: string, sha256: string): boolean {
  return hashInName(name) === sha256.slice(0, HASH_DIGITS);
}

/** Whether a name, as a footer has it, can only ever mean one content: of a file, or of a shared part in a {@link sliceName}. */
export function isContentName(name: string): boolean {
  return hashInName(sharedPartOf(name) ?? name) !== null;
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
