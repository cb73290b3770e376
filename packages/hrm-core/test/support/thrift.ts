/**
 * Thrift's compact protocol, both ways and without knowing what is read, so that a test can change any field of a Parquet file.
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */

/** What a value is, as the protocol numbers it. */
export const TYPE = {
  true: 1,
  false: 2,
  i8: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  struct: 12,
} as const;

/** A value with its type. */
export interface ThriftValue {
  type: number;
  value: bigint | Buffer | ThriftList | ThriftStruct;
}

export interface ThriftList {
  elementType: number;
  items: ThriftValue[];
}

/** By the fields' numbers, in their order. */
export type ThriftStruct = Map<number, ThriftValue>;

/** Reads a struct. @returns it, and the place behind it. */
export function readThrift(bytes: Buffer, from = 0): { struct: ThriftStruct; to: number } {
  let at = from;
  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  function zigzag(): bigint {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  }
  function take(length: number): Buffer {
    at += length;
    return Buffer.from(bytes.subarray(at - length, at));
  }
  function element(type: number): ThriftValue {
    if (type === TYPE.true || type === TYPE.false) return { type, value: 0n };
    if (type === TYPE.i8) return { type, value: BigInt(take(1).readInt8()) };
    if (type === TYPE.double) return { type, value: take(8) };
    if (type === TYPE.binary) return { type, value: take(Number(varint())) };
    if (type === TYPE.struct) return { type, value: struct() };
    if (type !== TYPE.list) return { type, value: zigzag() };
    const head = take(1).readUInt8();
    const size = head >> 4 === 15 ? Number(varint()) : head >> 4;
    const elementType = head & 15;
    const isBoolean = elementType === TYPE.true || elementType === TYPE.false;
    const items = Array.from({ length: size }, () => (isBoolean ? element(TYPE.i8) : element(elementType)));
    return { type, value: { elementType, items } };
  }
  function struct(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    let id = 0;
    for (;;) {
      const head = take(1).readUInt8();
      if ((head & 15) === 0) return fields;
      id = head >> 4 === 0 ? Number(zigzag()) : id + (head >> 4);
      fields.set(id, element(head & 15));
    }
  }
  const read = struct();
  return { struct: read, to: at };
}

/** Writes a struct. */
export function writeThrift(struct: ThriftStruct): Buffer {
  const pieces: Buffer[] = [];
  let last = 0;
  for (const [id, value] of struct) {
    const step = id - last;
    if (step > 0 && step < 16) pieces.push(Buffer.of((step << 4) | value.type));
    else pieces.push(Buffer.of(value.type), varint(zigzag(BigInt(id))));
    last = id;
    pieces.push(element(value));
  }
  return Buffer.concat([...pieces, Buffer.of(0)]);
}

function element({ type, value }: ThriftValue): Buffer {
  if (value instanceof Map) return writeThrift(value);
  if (Buffer.isBuffer(value))
    return type === TYPE.binary ? Buffer.concat([varint(BigInt(value.length)), value]) : value;
  if (typeof value === 'bigint') {
    if (type === TYPE.true || type === TYPE.false) return Buffer.alloc(0);
    return type === TYPE.i8 ? Buffer.of(Number(value & 255n)) : varint(zigzag(value));
  }
  const { elementType, items } = value;
  const head = items.length < 15 ? [(items.length << 4) | elementType] : [0xf0 | elementType];
  const size = items.length < 15 ? Buffer.alloc(0) : varint(BigInt(items.length));
  return Buffer.concat([Buffer.from(head), size, ...items.map(element)]);
}

function zigzag(value: bigint): bigint {
  return value < 0n ? -value * 2n - 1n : value * 2n;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A 32-bit integer. */
export function i32(value: number): ThriftValue {
  return { type: TYPE.i32, value: BigInt(value) };
}

/** A 64-bit integer. */
export function i64(value: number | bigint): ThriftValue {
  return { type: TYPE.i64, value: BigInt(value) };
}

/** A string. */
export function text(value: string): ThriftValue {
  return { type: TYPE.binary, value: Buffer.from(value) };
}

/** A list of values of one type. */
export function list(elementType: number, items: ThriftValue[]): ThriftValue {
  return { type: TYPE.list, value: { elementType, items } };
}

/** A struct by its fields; those of no value are left out. */
export function struct(fields: Readonly<Record<number, ThriftValue | undefined>>): ThriftValue {
  const known = Object.entries(fields).flatMap(([id, value]) =>
    value === undefined ? [] : [[Number(id), value] as const],
  );
  return { type: TYPE.struct, value: new Map(known) };
}
