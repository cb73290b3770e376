/**
 * Thrift's compact protocol as far as Parquet uses it, of bytes that nobody has proved: every length is held to what is there,
 * so that time and memory are bounded by the bytes.
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */

/** A field's value; integers of 64 bits lose digits beyond 2^53, where no place in a file and no count is. */
export type ThriftValue = boolean | number | Uint8Array | readonly ThriftValue[] | ThriftStruct;

/** By the fields' numbers. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

/** Structs and lists in each other; Parquet's footer has seven. */
const MAX_DEPTH = 16;

/** Bytes of an integer of 64 bits. */
const MAX_VARINT_BYTES = 10;

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * Reads a struct.
 * @returns it, and the place behind it.
 * @throws RangeError where the bytes end before the struct does; Error where they are none.
 */
export function readStruct(bytes: Uint8Array, from: number): { readonly struct: ThriftStruct; readonly to: number } {
  const reader = { bytes, at: from };
  const struct = structAt(reader, 0);
  return { struct, to: reader.at };
}

function structAt(reader: Reader, depth: number): ThriftStruct {
  if (depth > MAX_DEPTH) throw new Error('its metadata is nested too deep');
  const fields = new Map<number, ThriftValue>();
  let id = 0;
  for (;;) {
    const head = byteAt(reader);
    const type = head & 15;
    if (type === 0) return fields;
    id = head >> 4 === 0 ? zigzagAt(reader) : id + (head >> 4);
    fields.set(id, valueAt(reader, type, depth + 1));
  }
}

function valueAt(reader: Reader, type: number, depth: number): ThriftValue {
  if (type === 1 || type === 2) return type === 1;
  if (type === 3) return (byteAt(reader) << 24) >> 24;
  if (type >= 4 && type <= 6) return zigzagAt(reader);
  if (type === 7) return new DataView(take(reader, 8).slice().buffer).getFloat64(0, true);
  if (type === 8) return take(reader, varintAt(reader));
  if (type === 9) return listAt(reader, depth);
  if (type === 12) return structAt(reader, depth);
  throw new Error(`its metadata has values of type ${type}`);
}

function listAt(reader: Reader, depth: number): readonly ThriftValue[] {
  if (depth > MAX_DEPTH) throw new Error('its metadata is nested too deep');
  const head = byteAt(reader);
  const size = head >> 4 === 15 ? varintAt(reader) : head >> 4;
  // Every element is a byte at least.
  if (size > reader.bytes.length - reader.at)
    throw new RangeError('its metadata has a list that is longer than itself');
  const type = head & 15;
  const values: ThriftValue[] = [];
  for (let i = 0; i < size; i += 1) {
    values.push(type === 1 || type === 2 ? byteAt(reader) === 1 : valueAt(reader, type, depth + 1));
  }
  return values;
}

function byteAt(reader: Reader): number {
  const byte = reader.bytes[reader.at];
  if (byte === undefined) throw new RangeError('its metadata ends too early');
  reader.at += 1;
  return byte;
}

function take(reader: Reader, length: number): Uint8Array {
  if (length > reader.bytes.length - reader.at) throw new RangeError('its metadata ends too early');
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function varintAt(reader: Reader): number {
  let value = 0;
  for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
    const byte = byteAt(reader);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new Error('its metadata has an integer that is too long');
}

function zigzagAt(reader: Reader): number {
  const value = varintAt(reader);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** A field that must be a struct; `null` where there is none. @throws Error where it is something else. */
export function structOf(struct: ThriftStruct, id: number): ThriftStruct | null {
  const value = struct.get(id);
  if (value === undefined) return null;
  if (value instanceof Map) return value;
  throw new Error('its metadata has another structure');
}

/** A field that must be a list of structs; empty where there is none. @throws Error where it is something else. */
export function structsOf(struct: ThriftStruct, id: number): readonly ThriftStruct[] {
  const value = struct.get(id) ?? [];
  if (Array.isArray(value) && value.every((one) => one instanceof Map)) return value;
  throw new Error('its metadata has another structure');
}

/**
 * A field that must be a whole number from 0 on: a place, a size, a count, a number of something.
 * @param missing - where there is none; without it there must be one.
 * @throws Error where it is something else.
 */
export function countOf(struct: ThriftStruct, id: number, missing?: number): number {
  const value = struct.get(id) ?? missing;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error('its metadata has a size, a place or a count that is none');
}

/** A field that must be text. @throws Error where it is something else. */
export function textOf(struct: ThriftStruct, id: number): string {
  const value = struct.get(id);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  throw new Error('its metadata has something else than a name');
}
