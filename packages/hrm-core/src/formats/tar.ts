/**
 * The files of a tar archive, as they come: it has no directory, so it can be read from a stream. Old, POSIX and GNU headers are known. Nothing
 * is believed: a header counts by its checksum, and a size by what follows.
 * @see POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"
 */
import { faultError } from '../errors.js';
import { MAX_ARCHIVE_MEMBERS } from '../limits.js';
import { joinBytes } from './bytes.js';

/** A file in a tar archive. Its bytes can be read once, until the next file is asked for. */
export interface TarMember {
  /** As the archive has it, folders included. It is shown, and never used as a path. */
  readonly name: string;
  /** `other`: a link, a device, a pipe: it has no bytes. */
  readonly kind: 'file' | 'other';
  /** @throws HrmError kind `invalid`, code `invalid_input`, where the archive ends within it. */
  read(): AsyncGenerator<Uint8Array>;
}

/** Bytes of a header; the bytes of a file are filled up to a multiple of it. */
export const TAR_BLOCK_BYTES = 512;

/** Bytes of a long name, or of the fields that come before a header. */
const MAX_EXTRA_BYTES = 1024 * 1024;

const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

/** Whether what begins so is a tar archive. @param head - {@link TAR_BLOCK_BYTES} bytes at least, or all. */
export function isTar(head: Uint8Array): boolean {
  return head.byteLength >= TAR_BLOCK_BYTES && isHeader(head.subarray(0, TAR_BLOCK_BYTES));
}

/**
 * Goes through a tar archive.
 * @returns what is wrong with it as a whole; `null` where nothing is.
 */
export async function* readTar(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember, string | null> {
  const bytes = createByteReader(pieces);
  let named: Named = {};
  let members = 0;
  try {
    for (;;) {
      const header = await bytes.take(TAR_BLOCK_BYTES);
      if (header.byteLength < TAR_BLOCK_BYTES) return 'it ends early: what stands before the end is read';
      // Two blocks of zeros end it, and one does for us.
      if (header.every((byte) => byte === 0)) return null;
      if (!isHeader(header)) return 'a header in it is damaged: the files behind that place are not read';
      const type = String.fromCharCode(header[156] ?? 0);
      const size = named.byteLength ?? numberAt(header, 124, 12);
      const padding = (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
      if (EXTRA_TYPES.has(type)) {
        if (size > MAX_EXTRA_BYTES) return 'a name in it is too long: the files behind that place are not read';
        const extra = await bytes.take(size);
        named =
          type === 'L' ? { ...named, name: textOf(extra) } : type === 'x' ? { ...named, ...fieldsOf(extra) } : named;
        await bytes.skip(padding);
        continue;
      }
      const name = named.name ?? nameOf(header);
      named = {};
      if (type !== DIRECTORY && !name.endsWith('/')) {
        members += 1;
        if (members > MAX_ARCHIVE_MEMBERS)
          return `it has more than ${MAX_ARCHIVE_MEMBERS} files: the others are not read`;
        const kind = FILE_TYPES.has(type) ? 'file' : 'other';
        const member = { left: size, isOpen: true };
        yield { name, kind, read: () => readMember(bytes, name, member) };
        member.isOpen = false;
        await bytes.alone(() => bytes.skip(member.left));
      } else await bytes.skip(size);
      await bytes.skip(padding);
    }
  } finally {
    await bytes.end();
  }
}

/** What was said before a header of the file that it is of. */
interface Named {
  readonly name?: string;
  readonly byteLength?: number;
}

const FILE_TYPES: ReadonlySet<string> = new Set(['0', '\0', '7']);
const DIRECTORY = '5';
/** A long name of GNU, a long target of a link, and the fields of POSIX, of one file and of all. */
const EXTRA_TYPES: ReadonlySet<string> = new Set(['L', 'K', 'x', 'g']);

/** A file that is open is the one whose turn it is: what unpacks it may still ask for bytes when nobody wants them any more. */
async function* readMember(
  bytes: ByteReader,
  name: string,
  member: { left: number; readonly isOpen: boolean },
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await bytes.alone(async () => {
      if (!member.isOpen || member.left === 0) return null;
      const some = await bytes.some(member.left);
      member.left -= some.byteLength;
      return some;
    });
    if (piece === null) return;
    if (piece.byteLength === 0) throw faultError('invalid_input', 'the archive ends within it', name);
    yield piece;
  }
}

function isHeader(header: Uint8Array): boolean {
  const stated = textOf(header.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES)).trim();
  if (!/^[0-7]{1,7}$/.test(stated)) return false;
  let sum = CHECKSUM_BYTES * 0x20;
  for (const [at, byte] of header.entries()) if (at < CHECKSUM_AT || at >= CHECKSUM_AT + CHECKSUM_BYTES) sum += byte;
  return sum === Number.parseInt(stated, 8);
}

/** A number in octal digits, or of GNU in binary where it is too large for these. */
function numberAt(header: Uint8Array, from: number, length: number): number {
  const field = header.subarray(from, from + length);
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(textOf(field).trim() || '0', 8) || 0;
  const size = field.subarray(1).reduce((value, byte) => value * 256 + byte, (field[0] ?? 0) & 0x7f);
  return Math.min(size, Number.MAX_SAFE_INTEGER);
}

function nameOf(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100));
  const isPosix = textOf(header.subarray(257, 263)) === 'ustar' && header[262] === 0;
  const prefix = isPosix ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Up to the first zero. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** `30 path=a/long/name\n` each, where the number is the length of all of it, in bytes. */
function fieldsOf(bytes: Uint8Array): Named {
  let named: Named = {};
  for (let at = 0; at < bytes.byteLength; ) {
    const blank = bytes.indexOf(0x20, at);
    const length = blank === -1 ? Number.NaN : Number(textOf(bytes.subarray(at, blank)));
    if (!Number.isSafeInteger(length) || length <= blank - at) break;
    const [key = '', ...rest] = textOf(bytes.subarray(blank + 1, at + length - 1)).split('=');
    const value = rest.join('=');
    if (key === 'path') named = { ...named, name: value };
    if (key === 'size' && Number.isSafeInteger(Number(value)) && Number(value) >= 0)
      named = { ...named, byteLength: Number(value) };
    at += length;
  }
  return named;
}

/** Bytes that come in pieces of any size, in sizes that somebody wants. */
interface ByteReader {
  /** So many, fewer where they end. */
  take(count: number): Promise<Uint8Array>;
  /** At least one and at most so many; none where they end. */
  some(most: number): Promise<Uint8Array>;
  skip(count: number): Promise<void>;
  /** Does something once what others do alone is done. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
  end(): Promise<void>;
}

function createByteReader(pieces: AsyncIterable<Uint8Array>): ByteReader {
  const source = pieces[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let working: Promise<unknown> = Promise.resolve();
  async function some(most: number): Promise<Uint8Array> {
    while (rest.byteLength === 0) {
      const next = await source.next();
      if (next.done === true) return rest;
      rest = next.value;
    }
    const piece = rest.subarray(0, most);
    rest = rest.subarray(piece.byteLength);
    return piece;
  }
  return {
    some,
    async take(count) {
      const taken: Uint8Array[] = [];
      for (let left = count; left > 0; ) {
        const piece = await some(left);
        if (piece.byteLength === 0) break;
        taken.push(piece);
        left -= piece.byteLength;
      }
      return joinBytes(taken);
    },
    async skip(count) {
      for (let left = count; left > 0; ) {
        const { byteLength } = await some(left);
        if (byteLength === 0) return;
        left -= byteLength;
      }
    },
    alone(work) {
      const result = working.then(work);
      working = result.catch(() => undefined);
      return result;
    },
    async end() {
      await source.return?.();
    },
  };
}
