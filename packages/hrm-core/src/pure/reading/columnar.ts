/**
 * Many readings as bytes, column by column: what a queue holds of a batch. 1,000 readings of a user take some 3 kB, of 100 users some 6,
 * where JSON takes 120. docs/reference/queue-format.md describes the bytes for programs of others.
 *
 * ```
 * 89 48 52 4D   magic: no UTF-8 begins so, and so no JSON
 * version       1 byte
 * readings      2 bytes, 1 to 10,000
 * queued_ms     6 bytes, when the element entered the queue: mostly when the first reading was received
 * users, then devices: how many (varint), then of each its length in bytes (2 bytes) and its UTF-8
 * runs          of readings that follow each other of one user and device: how many, user, device (varints)
 * timestamps    differences to the reading before, the first to 0 (signed varints)
 * heart rates   1 byte each
 * receipts      runs of readings received at once: how many, difference to the run before, the first to queued_ms (varint, signed varint)
 * CRC-32        4 bytes, of all bytes before it
 * ```
 * Numbers are little-endian. A varint has seven bits a byte, the least first, and the eighth where more follow. Of a signed one the
 * lowest bit is the sign: 0, -1, 1, -2 are 0, 1, 2, 3. Whoever counts or dates elements needs the head alone.
 */
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { MAX_ENQUEUE_READINGS } from '../../limits.js';
import type { QueuedReadings } from './queued-readings.js';

/** What every such element begins with. */
const MAGIC = Buffer.from([0x89, 0x48, 0x52, 0x4d]);
const VERSION = 1;
const VERSION_AT = MAGIC.length;
const COUNT_AT = VERSION_AT + 1;
const QUEUED_AT = COUNT_AT + 2;
const QUEUED_BYTES = 6;
const HEAD_BYTES = QUEUED_AT + QUEUED_BYTES;
const CHECKSUM_BYTES = 4;

/** Bytes of a varint, at most: numbers are below 2^53. */
const MAX_VARINT_BYTES = 8;

/** Bytes that a reading takes, at most: a run of its own, a timestamp, a heart rate, a receipt of its own. */
const MAX_READING_BYTES = 3 * 5 + MAX_VARINT_BYTES + 1 + 3 + MAX_VARINT_BYTES;

/** Whether bytes say that they are columns, of whatever version. */
export function isColumnar(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** How many readings columns say they are: the head is the same in every version. @param bytes - {@link isColumnar}. */
export function columnarReadings(bytes: Uint8Array): number {
  return (bytes[COUNT_AT] ?? 0) + 256 * (bytes[COUNT_AT + 1] ?? 0);
}

/**
 * Encodes readings `fromRow <= row < toRow`; the same ones give the same bytes.
 * @param readings - valid, and 1 to {@link MAX_ENQUEUE_READINGS} of them between the bounds.
 */
export function encodeColumnar(
  readings: QueuedReadings,
  fromRow: number,
  toRow: number,
  queuedMs = readings.receivedMs[fromRow] as number,
): Uint8Array {
  const users = renumber(readings.users, readings.user, fromRow, toRow);
  const devices = renumber(readings.devices, readings.device, fromRow, toRow);
  const longest = HEAD_BYTES + users.maxBytes + devices.maxBytes + (toRow - fromRow) * MAX_READING_BYTES;
  const bytes = Buffer.allocUnsafe(longest + CHECKSUM_BYTES);
  bytes.set(MAGIC);
  bytes[VERSION_AT] = VERSION;
  bytes.writeUInt16LE(toRow - fromRow, COUNT_AT);
  bytes.writeUIntLE(queuedMs, QUEUED_AT, QUEUED_BYTES);
  let at = putIds(bytes, HEAD_BYTES, users.ids);
  at = putIds(bytes, at, devices.ids);
  for (let row = fromRow; row < toRow; ) {
    const first = row;
    const [user, device] = [readings.user[row] as number, readings.device[row] as number];
    while (row < toRow && readings.user[row] === user && readings.device[row] === device) row += 1;
    at = putVarint(bytes, at, row - first);
    at = putVarint(bytes, at, users.places[user] as number);
    at = putVarint(bytes, at, devices.places[device] as number);
  }
  let beforeMs = 0;
  for (let row = fromRow; row < toRow; row += 1) {
    const timestampMs = readings.timestampMs[row] as number;
    at = putVarint(bytes, at, signed(timestampMs - beforeMs));
    beforeMs = timestampMs;
  }
  for (let row = fromRow; row < toRow; row += 1) {
    bytes[at] = readings.heartRate[row] as number;
    at += 1;
  }
  beforeMs = queuedMs;
  for (let row = fromRow; row < toRow; ) {
    const first = row;
    const receivedMs = readings.receivedMs[row] as number;
    while (row < toRow && readings.receivedMs[row] === receivedMs) row += 1;
    at = putVarint(bytes, at, row - first);
    at = putVarint(bytes, at, signed(receivedMs - beforeMs));
    beforeMs = receivedMs;
  }
  at = bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at);
  return bytes.subarray(0, at);
}

/** Ids of some rows, in the order in which they are met. */
interface Renumbered {
  readonly ids: readonly string[];
  /** Of an index in the whole dictionary that in `ids`. */
  readonly places: Uint32Array;
  /** That they take, at most. */
  readonly maxBytes: number;
}

function renumber(dictionary: readonly string[], indices: Uint32Array, fromRow: number, toRow: number): Renumbered {
  const ids: string[] = [];
  const places = new Uint32Array(dictionary.length);
  const isMet = new Uint8Array(dictionary.length);
  let maxBytes = MAX_VARINT_BYTES;
  for (let row = fromRow; row < toRow; row += 1) {
    const index = indices[row] as number;
    if (isMet[index] === 1) continue;
    isMet[index] = 1;
    const id = dictionary[index] as string;
    places[index] = ids.push(id) - 1;
    maxBytes += 2 + 3 * id.length;
  }
  return { ids, places, maxBytes };
}

function putIds(bytes: Buffer, from: number, ids: readonly string[]): number {
  let at = putVarint(bytes, from, ids.length);
  for (const id of ids) {
    const length = bytes.write(id, at + 2, 'utf8');
    bytes.writeUInt16LE(length, at);
    at += 2 + length;
  }
  return at;
}

function putVarint(bytes: Buffer, from: number, value: number): number {
  let [at, rest] = [from, value];
  for (; rest >= 0x80; at += 1) {
    bytes[at] = 0x80 | (rest % 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes[at] = rest;
  return at + 1;
}

function signed(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/**
 * Decodes what {@link encodeColumnar} made. Ids, times and heart rates may be of any value: whoever made the bytes may be a stranger.
 * @returns the readings, at least one; or what is wrong with the bytes.
 */
export function decodeColumnar(bytes: Uint8Array): QueuedReadings | { readonly fault: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.length - CHECKSUM_BYTES;
  if (end < HEAD_BYTES || !isColumnar(buffer)) return { fault: DAMAGED };
  const version = buffer[VERSION_AT];
  if (version !== VERSION) {
    return { fault: `unknown_version: the element has version ${version} of the columnar form: upgrade the consumers` };
  }
  if (crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end)) return { fault: DAMAGED };
  const length = buffer.readUInt16LE(COUNT_AT);
  if (length > MAX_ENQUEUE_READINGS) {
    return { fault: `too_many_readings: the element has more than ${MAX_ENQUEUE_READINGS} readings: split it` };
  }
  const from = { buffer, at: HEAD_BYTES, end };
  const users = takeIds(from, length);
  const devices = users && takeIds(from, length);
  const readings = devices && takeColumns(from, { length, users, devices });
  return readings === null || from.at !== end || length === 0 ? { fault: DAMAGED } : readings;
}

const DAMAGED = 'damaged: the columnar element is cut, or its bytes do not match its checksum';

/** Bytes being read; beyond `end` they are as good as zero, so that where the reading ended tells whether they were all there. */
interface Source {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;
}

/** @returns `null` where they are none: too many, too long, no UTF-8. */
function takeIds(from: Source, maxCount: number): string[] | null {
  const count = takeVarint(from);
  if (count > maxCount) return null;
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) {
    if (from.at + 2 > from.end) return null;
    const idAt = from.at + 2;
    const idEnd = idAt + from.buffer.readUInt16LE(from.at);
    if (idEnd > from.end) return null;
    const id = from.buffer.toString('utf8', idAt, idEnd);
    // What is no UTF-8 comes out with U+FFFD in its place.
    if (id.includes('\ufffd') && !isUtf8(from.buffer.subarray(idAt, idEnd))) return null;
    ids.push(id);
    from.at = idEnd;
  }
  return ids;
}

function takeColumns(
  from: Source,
  { length, users, devices }: Pick<QueuedReadings, 'length' | 'users' | 'devices'>,
): QueuedReadings | null {
  const user = new Uint32Array(length);
  const device = new Uint32Array(length);
  for (let row = 0; row < length; ) {
    const endRow = row + takeVarint(from);
    const [userIndex, deviceIndex] = [takeVarint(from), takeVarint(from)];
    if (endRow <= row || endRow > length || userIndex >= users.length || deviceIndex >= devices.length) return null;
    user.fill(userIndex, row, endRow);
    device.fill(deviceIndex, row, endRow);
    row = endRow;
  }
  const timestampMs = new Float64Array(length);
  let ms = 0;
  for (let row = 0; row < length; row += 1) {
    ms += takeSigned(from);
    timestampMs[row] = ms;
  }
  const heartRate = new Int32Array(length);
  for (let row = 0; row < length; row += 1) heartRate[row] = from.buffer[from.at + row] as number;
  from.at += length;
  const receivedMs = new Float64Array(length);
  ms = from.buffer.readUIntLE(QUEUED_AT, QUEUED_BYTES);
  for (let row = 0; row < length; ) {
    const endRow = row + takeVarint(from);
    ms += takeSigned(from);
    if (endRow <= row || endRow > length) return null;
    receivedMs.fill(ms, row, endRow);
    row = endRow;
  }
  return { length, users, devices, user, device, timestampMs, heartRate, receivedMs };
}

function takeVarint(from: Source): number {
  const { buffer } = from;
  let byte = buffer[from.at] as number;
  from.at += 1;
  // Most are of one byte.
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  let place = 0x80;
  for (let read = 1; byte >= 0x80 && read < MAX_VARINT_BYTES; read += 1) {
    byte = buffer[from.at] as number;
    from.at += 1;
    value += (byte & 0x7f) * place;
    place *= 0x80;
  }
  return value;
}

function takeSigned(from: Source): number {
  const value = takeVarint(from);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
