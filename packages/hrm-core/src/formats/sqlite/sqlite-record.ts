/** Values of a row of SQLite. @see SQLite, Database File Format, section 2.1: Record Format */

/** What a column has; a blob is left out. */
export type SqlValue = number | string | null;

/** A whole number of one to nine bytes, and where it ends. */
export interface Varint {
  readonly value: number;
  readonly end: number;
}

const MORE = 0x80;
const MAX_VARINT_BYTES = 9;

/** Reads one; `null` where the bytes end before. */
export function readVarint(bytes: Uint8Array, at: number): Varint | null {
  let value = 0;
  for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    // The ninth has eight bits.
    if (i === MAX_VARINT_BYTES - 1) return { value: value * 256 + byte, end: at + i + 1 };
    value = value * MORE + (byte & (MORE - 1));
    if (byte < MORE) return { value, end: at + i + 1 };
  }
  return null;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];
const FIRST_TEXT = 13;

/** Reads the values of a record; `null` where it is none. @param decoder - of the database's encoding. */
export function readRecord(bytes: Uint8Array, decoder: InstanceType<typeof TextDecoder>): readonly SqlValue[] | null {
  const head = readVarint(bytes, 0);
  if (head === null || head.value > bytes.length || head.value < 1) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: SqlValue[] = [];
  let body = head.value;
  for (let at = head.end; at < head.value; ) {
    const type = readVarint(bytes, at);
    if (type === null) return null;
    at = type.end;
    const length = lengthOf(type.value);
    if (body + length > bytes.length) return null;
    values.push(valueAt(view, body, type.value, length, decoder));
    body += length;
  }
  return values;
}

function lengthOf(type: number): number {
  if (type >= FIRST_TEXT - 1) return Math.floor((type - (FIRST_TEXT - 1)) / 2);
  return type === 7 ? 8 : (INTEGER_BYTES[type] ?? 0);
}

function valueAt(
  view: DataView,
  at: number,
  type: number,
  length: number,
  decoder: InstanceType<typeof TextDecoder>,
): SqlValue {
  if (type >= FIRST_TEXT)
    return type % 2 === 1 ? decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, length)) : null;
  if (type === 7) return view.getFloat64(at);
  if (type === 8 || type === 9) return type - 8;
  return type >= 1 && type <= 6 ? integerAt(view, at, length) : null;
}

/** Big endian, with a sign; of what is over 2^53 the last bits are lost. */
function integerAt(view: DataView, at: number, length: number): number {
  let value = view.getInt8(at);
  for (let i = 1; i < length; i += 1) value = value * 256 + view.getUint8(at + i);
  return value;
}
