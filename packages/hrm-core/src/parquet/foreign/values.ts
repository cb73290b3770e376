/**
 * The values of a page. Nobody has proved its bytes: what is counted in them is held to what is there, and to the rows that the page's
 * header says, whose bound is checked before.
 */
import { isUtf8 } from 'node:buffer';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { internStrings } from '../../pure/columns.js';

/** Encodings by Parquet's numbers. @see https://github.com/apache/parquet-format/blob/master/Encodings.md */
export const ENCODING = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  delta: 5,
  deltaLength: 6,
  deltaBytes: 7,
  dictionary: 8,
  split: 9,
} as const;

/** Physical types by Parquet's numbers. */
export const TYPE = { int32: 1, int64: 2, bytes: 6 } as const;

/** Bytes of an id, at most: 128 UTF-16 units are 384 bytes in UTF-8. What is longer is no id, and is read as none. */
const MAX_ID_BYTES = 384;

/** Bytes of a value of which the next one repeats the beginning. */
const MAX_REPEATED_BYTES = 64 * 1024;

/** Values of a block of deltas; writers use 128 to 1,024. */
const MAX_DELTA_BLOCK = 65_536;

/** Whether a page of a type may have an encoding. */
export function isKnownEncoding(type: number, encoding: number): boolean {
  const { plain, plainDictionary, dictionary, delta, deltaLength, deltaBytes, split } = ENCODING;
  const own: readonly number[] = type === TYPE.bytes ? [deltaLength, deltaBytes] : [delta, split];
  return encoding === plain || encoding === plainDictionary || encoding === dictionary || own.includes(encoding);
}

/** Whole numbers. @param dictionary - of the column chunk; empty where it has none. */
export function readNumbers(
  bytes: Uint8Array,
  { type, encoding, count }: { readonly type: number; readonly encoding: number; readonly count: number },
  dictionary: ArrayLike<number>,
): ArrayLike<number> {
  if (count === 0) return [];
  if (encoding === ENCODING.dictionary || encoding === ENCODING.plainDictionary) {
    const indices = readIndices(bytes, count, dictionary.length);
    const values = new Float64Array(count);
    for (let i = 0; i < count; i += 1) values[i] = dictionary[indices[i] as number] as number;
    return values;
  }
  if (encoding === ENCODING.delta) return readDeltas(bytes, type, count).values;
  const width = type === TYPE.int32 ? 4 : 8;
  requireBytes(bytes, 0, count * width);
  if (encoding === ENCODING.split) {
    const reader = { view: viewOf(bytes), offset: 0 };
    const values = byteStreamSplit(reader, count, type === TYPE.int32 ? 'INT32' : 'INT64', undefined);
    return values instanceof BigInt64Array ? widen(values) : (values as Int32Array);
  }
  const own = bytes.slice(0, count * width).buffer as ArrayBuffer;
  return type === TYPE.int32 ? new Int32Array(own) : widen(new BigInt64Array(own));
}

/** Texts, and of each value which it is. */
export interface Texts {
  readonly texts: readonly string[];
  readonly indices: Uint32Array;
}

/** Ids; what is too long or no UTF-8 is the empty string, which is no id. @param dictionary - as {@link readNumbers}. */
export function readTexts(
  bytes: Uint8Array,
  { encoding, count }: { readonly encoding: number; readonly count: number },
  dictionary: readonly string[],
): Texts {
  if (count === 0) return { texts: [], indices: new Uint32Array(0) };
  if (encoding === ENCODING.dictionary || encoding === ENCODING.plainDictionary) {
    return { texts: dictionary, indices: readIndices(bytes, count, dictionary.length) };
  }
  const { values, indices } = internStrings(readEach(bytes, encoding, count));
  return { texts: values, indices };
}

/** The texts of a dictionary, in its order. */
export function readDictionary(bytes: Uint8Array, count: number): readonly string[] {
  return count === 0 ? [] : readPlainTexts(bytes, count);
}

function readEach(bytes: Uint8Array, encoding: number, count: number): readonly string[] {
  if (encoding === ENCODING.plain) return readPlainTexts(bytes, count);
  const first = readDeltas(bytes, TYPE.int32, count);
  if (encoding === ENCODING.deltaLength) return readLengths(bytes, first);
  const rest = bytes.subarray(first.to);
  return readRepeated(rest, first.values, readDeltas(rest, TYPE.int32, count));
}

function readPlainTexts(bytes: Uint8Array, count: number): readonly string[] {
  requireBytes(bytes, 0, count * 4);
  const view = viewOf(bytes);
  const texts: string[] = [];
  const textAt = rememberLast(bytes);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    requireBytes(bytes, at, 4);
    const length = view.getUint32(at, true);
    requireBytes(bytes, at + 4, length);
    texts.push(textAt(at + 4, length));
    at += 4 + length;
  }
  return texts;
}

interface Deltas {
  readonly values: ArrayLike<number>;
  /** The first byte behind them. */
  readonly to: number;
}

function readLengths(bytes: Uint8Array, { values: lengths, to }: Deltas): readonly string[] {
  const texts: string[] = [];
  const textAt = rememberLast(bytes);
  let at = to;
  for (let i = 0; i < lengths.length; i += 1) {
    const length = lengths[i] as number;
    requireBytes(bytes, at, length);
    texts.push(textAt(at, length));
    at += length;
  }
  return texts;
}

/** Each value begins as the one before does. */
function readRepeated(bytes: Uint8Array, prefixes: ArrayLike<number>, suffixes: Deltas): readonly string[] {
  const texts: string[] = [];
  const whole = Buffer.alloc(MAX_REPEATED_BYTES);
  const textAt = rememberLast(whole);
  let [at, held] = [suffixes.to, 0];
  for (let i = 0; i < prefixes.length; i += 1) {
    const [prefix, suffix] = [prefixes[i] as number, suffixes.values[i] as number];
    requireBytes(bytes, at, suffix);
    if (prefix < 0 || prefix > held || prefix + suffix > MAX_REPEATED_BYTES) throw damagedPage();
    whole.set(bytes.subarray(at, at + suffix), prefix);
    held = prefix + suffix;
    texts.push(textAt(0, held));
    at += suffix;
  }
  return texts;
}

/** Reads text; rows of one device stand together, so that most texts are the one before. */
function rememberLast(bytes: Uint8Array): (at: number, length: number) => string {
  let last = Buffer.alloc(0);
  let text = '';
  return (at, length) => {
    if (length > MAX_ID_BYTES) return '';
    const own = Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
    if (length === last.length && own.equals(last)) return text;
    last = Buffer.from(own);
    text = isUtf8(last) ? last.toString('utf8') : '';
    return text;
  };
}

/** Indices into a dictionary, behind a byte that says how wide they are. */
function readIndices(bytes: Uint8Array, count: number, entries: number): Uint32Array {
  requireBytes(bytes, 0, 1);
  const indices = readRuns(bytes.subarray(1), bytes[0] as number, count);
  for (let i = 0; i < count; i += 1) if ((indices[i] as number) >= entries) throw damagedPage();
  return indices;
}

/** Runs of equal values and of packed ones. @param width - bits of a value. */
export function readRuns(bytes: Uint8Array, width: number, count: number): Uint32Array {
  if (width > 32) throw damagedPage();
  const values = new Uint32Array(count);
  if (width === 0) return values;
  let [at, done] = [0, 0];
  while (done < count) {
    const { value: header, to } = varintAt(bytes, at);
    at = to;
    const times = Math.floor(header / 2);
    if (header % 2 === 0) {
      const run = Math.min(times, count - done);
      const length = Math.ceil(width / 8);
      requireBytes(bytes, at, length);
      values.fill(numberAt(bytes, at, length), done, done + run);
      done += run;
      at += length;
    } else {
      const run = Math.min(times * 8, count - done);
      requireBytes(bytes, at, Math.ceil((run * width) / 8));
      unpack(bytes, at, width, values.subarray(done, done + run));
      done += run;
      at += times * width;
    }
  }
  return values;
}

function unpack(bytes: Uint8Array, from: number, width: number, values: Uint32Array): void {
  if (width <= 16) {
    const mask = 2 ** width - 1;
    for (let i = 0, bit = from * 8; i < values.length; i += 1, bit += width) {
      const at = bit >>> 3;
      const word = (bytes[at] as number) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
      values[i] = (word >>> (bit & 7)) & mask;
    }
    return;
  }
  const range = 2 ** width;
  const length = Math.ceil((width + 7) / 8);
  for (let i = 0; i < values.length; i += 1) {
    const bit = i * width;
    const shifted = numberAt(bytes, from + Math.floor(bit / 8), length) / 2 ** (bit % 8);
    values[i] = Math.floor(shifted) % range;
  }
}

/** At most five bytes, those behind the last as zeros. */
function numberAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function readDeltas(bytes: Uint8Array, type: number, count: number): Deltas {
  const block = varintAt(bytes, 0);
  const parts = varintAt(bytes, block.to);
  const total = varintAt(bytes, parts.to);
  const isWhole = parts.value > 0 && Number.isInteger(block.value / parts.value);
  if (!isWhole || block.value > MAX_DELTA_BLOCK || total.value !== count) throw damagedPage();
  const reader = { view: viewOf(bytes), offset: 0 };
  if (type === TYPE.int32) {
    const values = new Int32Array(count);
    deltaBinaryUnpack(reader, count, values);
    return { values, to: reader.offset };
  }
  const values = new BigInt64Array(count);
  deltaBinaryUnpack(reader, count, values);
  return { values: widen(values), to: reader.offset };
}

function varintAt(bytes: Uint8Array, from: number): { readonly value: number; readonly to: number } {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[from + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, to: from + i + 1 };
  }
  throw damagedPage();
}

/** By halves, which is ten times faster than one by one; what is beyond 2^53 is no time, with all its digits or without. */
function widen(values: BigInt64Array): Float64Array {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const wide = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    wide[i] = ((halves[2 * i] as number) >>> 0) + (halves[2 * i + 1] as number) * 2 ** 32;
  }
  return wide;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function requireBytes(bytes: Uint8Array, at: number, length: number): void {
  if (length < 0 || length > bytes.length - at) throw damagedPage();
}

function damagedPage(): Error {
  return new Error('it has a page whose values are not what its header says');
}
