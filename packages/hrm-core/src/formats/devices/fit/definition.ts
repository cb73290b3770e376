/** How messages lie in their bytes: a definition says it, before the first message of its kind. */

/** One field of a message. */
interface FieldPlace {
  /** From the message's first byte on. */
  readonly at: number;
  /** Bytes; an array has several values. */
  readonly size: number;
}

/** What a definition message says. */
export interface Definition {
  /** The number of the message in the profile. */
  readonly message: number;
  readonly isLittleEndian: boolean;
  /** Bytes of a message, without its header. */
  readonly length: number;
  /** By their numbers in the profile; fields of developers only take room. */
  readonly fields: ReadonlyMap<number, FieldPlace>;
}

/** Bytes before the list of fields: reserved, byte order, message (2), count. */
const HEAD_BYTES = 5;
const FIELD_BYTES = 3;

/**
 * Reads a definition message.
 * @param at - behind its header.
 * @returns the definition and where it ends; `null` where more bytes have to come.
 */
export function readDefinition(
  bytes: Uint8Array,
  at: number,
  hasDeveloperFields: boolean,
): { readonly definition: Definition; readonly end: number } | null {
  if (bytes.length < at + HEAD_BYTES) return null;
  const isLittleEndian = bytes[at + 1] === 0;
  const message = readUint(bytes, at + 2, 2, isLittleEndian);
  const fieldsAt = at + HEAD_BYTES;
  let end = fieldsAt + FIELD_BYTES * (bytes[at + 4] as number);
  if (bytes.length < end) return null;
  const fields = new Map<number, FieldPlace>();
  let length = 0;
  for (let field = fieldsAt; field < end; field += FIELD_BYTES) {
    const size = bytes[field + 1] as number;
    fields.set(bytes[field] as number, { at: length, size });
    length += size;
  }
  if (hasDeveloperFields) {
    if (bytes.length < end + 1) return null;
    const developerAt = end + 1;
    end = developerAt + FIELD_BYTES * (bytes[end] as number);
    if (bytes.length < end) return null;
    for (let field = developerAt; field < end; field += FIELD_BYTES) length += bytes[field + 1] as number;
  }
  return { definition: { message, isLittleEndian, length, fields }, end };
}

/** An unsigned number of 1, 2 or 4 bytes. */
export function readUint(bytes: Uint8Array, at: number, size: number, isLittleEndian: boolean): number {
  let value = 0;
  for (let i = 0; i < size; i += 1)
    value = value * 256 + (bytes[isLittleEndian ? at + size - 1 - i : at + i] as number);
  return value;
}

/**
 * The number in a field, or the first of an array; `undefined` where the message has no such field, or it says that it has no value: all bits are set.
 * @param start - of the message.
 */
export function fieldValue(
  bytes: Uint8Array,
  start: number,
  definition: Definition,
  number: number,
  itemSize: 1 | 2 | 4,
): number | undefined {
  const place = definition.fields.get(number);
  if (place === undefined || place.size < itemSize) return undefined;
  const value = readUint(bytes, start + place.at, itemSize, definition.isLittleEndian);
  return value === 2 ** (8 * itemSize) - 1 ? undefined : value;
}
