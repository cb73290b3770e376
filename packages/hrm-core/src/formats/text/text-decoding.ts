/**
 * Bytes of a text as its characters, whatever program wrote them. A byte order mark counts, or zeros between letters, which are UTF-16.
 * All else is UTF-8, in which each byte that is none is a character of Windows-1252, as spreadsheets write it. So no name loses a letter,
 * and no two names become one.
 */
import { joinBytes } from '../bytes.js';

/** Decodes one text, in pieces. */
export interface TextDecoding {
  /** @param bytes - not empty. */
  decode(bytes: Uint8Array): string;
  /** What was left over. */
  end(): string;
  /** What somebody should know of the text by now; `null` where there is nothing. */
  problem(): { readonly code: string; readonly message: string } | null;
}

/** Bytes of a beginning that tell how it is to be decoded, where there are so many. */
export const DECODING_HEAD_BYTES = 4;

/**
 * Begins a text.
 * @param head - its beginning, {@link DECODING_HEAD_BYTES} bytes or all.
 * @param declared - the encoding that the text names, where it does; a mark counts more.
 */
export function createTextDecoding(head: Uint8Array, declared?: string): TextDecoding {
  const label = wideLabel(head) ?? declared ?? 'utf-8';
  return label === 'utf-8' ? createUtf8Decoding() : createOtherDecoding(new TextDecoder(label));
}

/** Which UTF-16 a beginning is; `undefined` where it is none. */
function wideLabel([first, second, third, fourth]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return undefined;
  if (first !== 0 && second === 0 && third !== 0 && fourth === 0) return 'utf-16le';
  return first === 0 && second !== 0 && third === 0 && fourth !== 0 ? 'utf-16be' : undefined;
}

function createOtherDecoding(decoder: InstanceType<typeof TextDecoder>): TextDecoding {
  let isLossy = false;
  function take(text: string): string {
    isLossy ||= text.includes('\ufffd');
    return text;
  }
  return {
    decode: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end: () => take(decoder.decode()),
    problem: () => (isLossy ? { code: 'not_text', message: NOT_TEXT } : null),
  };
}

const NOT_TEXT = 'some bytes are no text in the encoding of the file: what they stand for is lost';
const NOT_UTF8 =
  'some bytes are no UTF-8 and are taken for Windows-1252: where names look wrong, save the file as UTF-8';

/** Of whole characters; it remembers nothing between two texts. */
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function createUtf8Decoding(): TextDecoding {
  let rest: Uint8Array = new Uint8Array(0);
  let isFirst = true;
  let isMixed = false;
  function decodeWhole(bytes: Uint8Array): string {
    let text: string;
    try {
      text = STRICT.decode(bytes);
    } catch {
      isMixed = true;
      text = decodeMixed(bytes);
    }
    if (!isFirst || text === '') return text;
    isFirst = false;
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  }
  return {
    decode(bytes) {
      const all = rest.byteLength === 0 ? bytes : joinBytes([rest, bytes]);
      const end = all.byteLength - openBytes(all);
      rest = all.slice(end);
      return decodeWhole(all.subarray(0, end));
    },
    end() {
      const text = decodeWhole(rest);
      rest = rest.subarray(0, 0);
      return text;
    },
    problem: () => (isMixed ? { code: 'not_utf8', message: NOT_UTF8 } : null),
  };
}

/** Bytes at the end that begin a character which may go on. */
function openBytes(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(3, bytes.byteLength); count += 1) {
    const byte = bytes[bytes.byteLength - count] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return neededBytes(byte) > count ? count : 0;
  }
  return 0;
}

/** Bytes of the character that one begins. */
function neededBytes(byte: number): number {
  if (byte >= 0xf0) return 4;
  return byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

/** The characters of Windows-1252 by their bytes. */
const WINDOWS_1252 = new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));

/** Decodes what is UTF-8 as that, and every other byte by itself. */
function decodeMixed(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.byteLength; ) {
    const point = codePointAt(bytes, at);
    text += point === null ? WINDOWS_1252[bytes[at] as number] : String.fromCodePoint(point);
    at += point === null ? 1 : neededBytes(bytes[at] as number);
  }
  return text;
}

/** The character of UTF-8 that begins there; `null` where none does. */
function codePointAt(bytes: Uint8Array, at: number): number | null {
  const first = bytes[at] as number;
  if (first < 0x80) return first;
  if (first < 0xc2 || first > 0xf4) return null;
  const needed = neededBytes(first);
  let point = first & (0x7f >> needed);
  for (let i = 1; i < needed; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return null;
    point = point * 64 + (byte & 0x3f);
  }
  const least = [0, 0, 0x80, 0x800, 0x10000][needed] as number;
  const isCharacter = point >= least && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return isCharacter ? point : null;
}
