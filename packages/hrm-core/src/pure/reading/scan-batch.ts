/**
 * Reads a batch straight from its bytes into columns: no text, no object a reading. It takes what is plainly valid, and leaves everything
 * else, as a whole, to JSON.parse and the schema, which alone say what is wrong. A property test holds the two together.
 *
 * Plain is: an array, or a line each, of objects with the four fields in any order and no others; strings without escapes; an instant as
 * `parseTimestamp` takes it; a heart rate of digits alone. A POST of 5,000 readings of 100 users took 8.9 ms of CPU time without it, and takes
 * 4.8.
 */
import { isUtf8 } from 'node:buffer';
import {
  MAX_ENQUEUE_READINGS,
  MAX_HEART_RATE_BPM,
  MAX_ID_LENGTH,
  MAX_TIMESTAMP_LENGTH,
  MIN_HEART_RATE_BPM,
} from '../../limits.js';
import type { Steps } from '../../steps.js';
import { type Gathering, gather, gathered, type QueuedReadings } from './queued-readings.js';
import { isId, type ReadingRules } from './reading.js';
import { parseTimestamp, plainInstant } from './timestamp.js';

/** How the readings of a batch follow each other: as items of a JSON array, or as lines, each JSON. */
export type BatchForm = 'array' | 'lines';

/** Bytes that are read before others have a turn: less than a millisecond's work. */
const PIECE_BYTES = 128 * 1024;

/** Blanks in a row that are still plain: an indented file has fewer. */
const MAX_BLANKS = 64;

/** Bytes of the shortest reading, at least. */
const MIN_READING_BYTES = 80;

/**
 * Ids that are compared with one before it is plain no more: two or three as a rule. A batch may be made so that all its ids have one
 * hash.
 */
const MAX_PROBES = 128;

const [LINE_END, BLANK, QUOTE, COMMA, ZERO] = [0x0a, 0x20, 0x22, 0x2c, 0x30];
const [OPEN_BRACKET, BACKSLASH, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d];

const [USER_ID, DEVICE_ID, TIMESTAMP, HEART_RATE] = ['user_id":', 'device_id":', 'timestamp":', 'heart_rate":'].map(
  (text) => Buffer.from(text),
) as [Buffer, Buffer, Buffer, Buffer];

/** Bits of the fields that a reading has. */
const [HAS_USER, HAS_DEVICE, HAS_TIMESTAMP, HAS_HEART_RATE, HAS_ALL] = [1, 2, 4, 8, 15];

/** Where the bytes of an id stand, and a table that finds it by them. */
interface IdTable {
  readonly ids: string[];
  readonly starts: number[];
  readonly lengths: number[];
  /** By hash: an index among the ids and one, or 0; a power of two long, and twice as long as there are ids. */
  readonly slots: Int32Array;
  /** The index of the id before. */
  last: number;
}

interface Scan {
  readonly bytes: Buffer;
  readonly rules: Omit<ReadingRules, 'wireOnly'>;
  readonly form: BatchForm;
  readonly users: IdTable;
  readonly devices: IdTable;
  readonly into: Gathering;
  at: number;
}

/**
 * Reads a batch.
 * @param bytes - a body, which nobody has looked at.
 * @param receivedMs - the stamp that its readings get.
 * @returns `null` where it is not plain; what it is then, the schema says.
 */
export function* scanSteps(
  bytes: Uint8Array,
  form: BatchForm,
  rules: Omit<ReadingRules, 'wireOnly'>,
  receivedMs: number,
): Steps<QueuedReadings | null> {
  if (!isUtf8(bytes)) return null;
  const capacity = Math.min(MAX_ENQUEUE_READINGS, Math.ceil(bytes.length / MIN_READING_BYTES) + 1);
  const scan: Scan = {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    rules,
    form,
    users: createIdTable(capacity),
    devices: createIdTable(capacity),
    into: gather(capacity),
    at: 0,
  };
  for (let state = begin(scan); state !== 'end'; state = scanPiece(scan, scan.at + PIECE_BYTES)) {
    if (state === 'other') return null;
    yield;
  }
  scan.into.receivedMs.fill(receivedMs, 0, scan.into.length);
  return { ...gathered(scan.into), users: scan.users.ids, devices: scan.devices.ids };
}

type State = 'more' | 'end' | 'other';

function createIdTable(capacity: number): IdTable {
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
  return { ids: [], starts: [], lengths: [], slots, last: -1 };
}

function begin(scan: Scan): State {
  if (scan.form === 'lines') return 'more';
  scan.at = afterBlanks(scan.bytes, 0);
  if (scan.bytes[scan.at] !== OPEN_BRACKET) return 'other';
  scan.at += 1;
  return 'more';
}

/** Reads readings until one ends beyond a place. */
function scanPiece(scan: Scan, to: number): State {
  const { bytes, form, into } = scan;
  const [separator, end] = form === 'array' ? [COMMA, CLOSE_BRACKET] : [LINE_END, undefined];
  while (scan.at < to) {
    scan.at = afterBlanks(bytes, scan.at);
    // The last line may end with its end.
    if (form === 'lines' && scan.at === bytes.length && into.length > 0) return 'end';
    if (into.length === into.user.length || !scanReading(scan)) return 'other';
    into.length += 1;
    scan.at = form === 'array' ? afterBlanks(bytes, scan.at) : afterSpaces(bytes, scan.at);
    const byte = bytes[scan.at];
    scan.at += 1;
    if (byte === separator) continue;
    if (byte !== end) return 'other';
    return afterBlanks(bytes, scan.at) >= bytes.length ? 'end' : 'other';
  }
  return 'more';
}

/** The first place from one on that is no blank; of very many blanks one of them, where something else is expected. */
function afterBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at]) && at - from <= MAX_BLANKS) at += 1;
  return at;
}

/** The same within a line. */
function afterSpaces(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] !== LINE_END && isBlank(bytes[at]) && at - from <= MAX_BLANKS) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === LINE_END || byte === 0x0d || byte === 0x09;
}

/** Reads an object that is a reading, and stands behind it. */
function scanReading(scan: Scan): boolean {
  const { bytes, form } = scan;
  const skip = form === 'array' ? afterBlanks : afterSpaces;
  let found = 0;
  if (bytes[scan.at] !== OPEN_BRACE) return false;
  for (;;) {
    scan.at = skip(bytes, scan.at + 1);
    if (bytes[scan.at] !== QUOTE) return false;
    scan.at += 1;
    const field = fieldAt(bytes, scan.at);
    if (field === 0 || (found & field) !== 0) return false;
    found |= field;
    scan.at = skip(bytes, scan.at + keyOf(field).length);
    if (!scanValue(scan, field)) return false;
    scan.at = skip(bytes, scan.at);
    const byte = bytes[scan.at];
    if (byte === COMMA) continue;
    scan.at += 1;
    return byte === CLOSE_BRACE && found === HAS_ALL;
  }
}

/** Which field has its name and a colon here; 0: none. */
function fieldAt(bytes: Buffer, at: number): number {
  const field = FIELDS[bytes[at] as number] ?? 0;
  if (field === 0) return 0;
  const key = keyOf(field);
  for (let i = 1; i < key.length; i += 1) if (bytes[at + i] !== key[i]) return 0;
  return field;
}

/** By the first byte of the name. */
const FIELDS = new Uint8Array(256);
FIELDS[USER_ID[0] as number] = HAS_USER;
FIELDS[DEVICE_ID[0] as number] = HAS_DEVICE;
FIELDS[TIMESTAMP[0] as number] = HAS_TIMESTAMP;
FIELDS[HEART_RATE[0] as number] = HAS_HEART_RATE;

function keyOf(field: number): Buffer {
  if (field === HAS_USER) return USER_ID;
  if (field === HAS_DEVICE) return DEVICE_ID;
  return field === HAS_TIMESTAMP ? TIMESTAMP : HEART_RATE;
}

/** Reads the value of a field, and stands behind it. */
function scanValue(scan: Scan, field: number): boolean {
  const { into } = scan;
  if (field === HAS_HEART_RATE) return scanHeartRate(scan);
  if (scan.bytes[scan.at] !== QUOTE) return false;
  scan.at += 1;
  if (field === HAS_TIMESTAMP) return scanTimestamp(scan);
  const index = scanId(scan, field === HAS_USER ? scan.users : scan.devices);
  (field === HAS_USER ? into.user : into.device)[into.length] = index;
  return index >= 0;
}

function scanHeartRate(scan: Scan): boolean {
  const { bytes, into } = scan;
  const from = scan.at;
  let bpm = 0;
  while (scan.at < from + 3) {
    const digit = (bytes[scan.at] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    bpm = bpm * 10 + digit;
    scan.at += 1;
  }
  into.heartRate[into.length] = bpm;
  return bytes[from] !== ZERO && bpm >= MIN_HEART_RATE_BPM && bpm <= MAX_HEART_RATE_BPM;
}

function scanTimestamp(scan: Scan): boolean {
  const { bytes, rules, into } = scan;
  const from = scan.at;
  const length = bytes[from + 20] === QUOTE ? 20 : 24;
  let timestampMs = bytes[from + length] === QUOTE ? plainInstant(bytes, from, length) : null;
  scan.at = from + length;
  if (timestampMs === null) {
    scan.at = bytes.indexOf(QUOTE, from);
    if (scan.at < 0 || scan.at - from > MAX_TIMESTAMP_LENGTH) return false;
    // An escape, or what is not ASCII, is no instant either.
    const parsed = parseTimestamp(bytes.toString('latin1', from, scan.at), rules.naiveTimestamps);
    if ('fault' in parsed) return false;
    timestampMs = parsed.timestampMs;
  }
  scan.at += 1;
  into.timestampMs[into.length] = timestampMs;
  return timestampMs <= rules.latestMs && timestampMs >= (rules.earliestMs ?? 0);
}

/** Reads an id. @returns its index; -1 where it is none, or not plain. */
function scanId(scan: Scan, table: IdTable): number {
  const { bytes } = scan;
  const from = scan.at;
  if (isSame(bytes, from, table, table.last)) {
    scan.at += (table.lengths[table.last] as number) + 1;
    return table.last;
  }
  const to = from + 3 * MAX_ID_LENGTH;
  let [at, hash, all] = [from, 0, 0];
  for (let byte = bytes[at] as number; byte !== QUOTE; byte = bytes[at] as number) {
    if (byte === BACKSLASH || !(byte >= BLANK) || at === to) return -1;
    hash = Math.imul(hash ^ byte, 0x01000193);
    all |= byte;
    at += 1;
  }
  scan.at = at + 1;
  const { slots } = table;
  const first = hash ^ (hash >>> 15);
  for (let probe = 0; probe < MAX_PROBES; probe += 1) {
    const slot = (first + probe) & (slots.length - 1);
    const index = (slots[slot] as number) - 1;
    if (index >= 0 && !isSame(bytes, from, table, index)) continue;
    if (index < 0) slots[slot] = addId(table, bytes.toString(all < 0x80 ? 'latin1' : 'utf8', from, at), from, at);
    table.last = (slots[slot] as number) - 1;
    return table.last;
  }
  return -1;
}

/** @returns one more than its index; 0 where it is no id. */
function addId({ ids, starts, lengths }: IdTable, id: string, from: number, to: number): number {
  if (!isId(id)) return 0;
  starts.push(from);
  lengths.push(to - from);
  return ids.push(id);
}

/** Whether a string that begins at a place is an id of the table, to its quote. */
function isSame(bytes: Buffer, from: number, { starts, lengths }: IdTable, index: number): boolean {
  if (index < 0) return false;
  const [start, length] = [starts[index] as number, lengths[index] as number];
  if (bytes[from + length] !== QUOTE) return false;
  let i = 0;
  while (i < length && bytes[from + i] === bytes[start + i]) i += 1;
  return i === length;
}
