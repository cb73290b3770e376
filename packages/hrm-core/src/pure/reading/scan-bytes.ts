/** What reading a batch straight from its bytes is made of: blanks, ids, instants, heart rates. Nothing here judges what is not plain. */
import { MAX_HEART_RATE_BPM, MAX_ID_LENGTH, MAX_TIMESTAMP_LENGTH, MIN_HEART_RATE_BPM } from '../../limits.js';
import type { Gathering } from './queued-readings.js';
import { isId, type ReadingRules } from './reading.js';
import { parseTimestamp, plainInstant } from './timestamp.js';

/** How the readings of a batch follow each other: as items of a JSON array, or as lines, each JSON. */
export type BatchForm = 'array' | 'lines';

/** What decides whether what is read is valid. */
export type ScanRules = Omit<ReadingRules, 'wireOnly'>;

/** Bytes that are read before others have a turn: less than a millisecond's work. */
export const PIECE_BYTES = 128 * 1024;

/** Blanks in a row that are still plain: an indented file has fewer. */
const MAX_BLANKS = 64;

/**
 * Ids that are compared with one before it is plain no more: two or three as a rule. A batch may be made so that all its ids have one
 * hash.
 */
const MAX_PROBES = 128;

const [BLANK, BACKSLASH] = [0x20, 0x5c];
export const [LINE_END, QUOTE, COMMA, ZERO] = [0x0a, 0x22, 0x2c, 0x30];
export const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where the bytes of an id stand, and a table that finds it by them. */
export interface IdTable {
  readonly ids: string[];
  readonly starts: number[];
  readonly lengths: number[];
  /** By hash: an index among the ids and one, or 0; a power of two long, and twice as long as there are ids. */
  readonly slots: Int32Array;
  /** The index of the id before. */
  last: number;
}

/** A place in bytes that are read, and where what they say goes. */
export interface ByteScan {
  readonly bytes: Buffer;
  readonly rules: ScanRules;
  readonly into: Gathering;
  at: number;
}

/** @param capacity - ids that it has room for. */
export function createIdTable(capacity: number): IdTable {
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
  return { ids: [], starts: [], lengths: [], slots, last: -1 };
}

/** The first place from one on that is no blank; of very many blanks one of them, where something else is expected. */
export function afterBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at]) && at - from <= MAX_BLANKS) at += 1;
  return at;
}

/** The same within a line. */
export function afterSpaces(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] !== LINE_END && isBlank(bytes[at]) && at - from <= MAX_BLANKS) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === LINE_END || byte === 0x0d || byte === 0x09;
}

/** Reads a heart rate into a row, and stands behind it. */
export function scanHeartRate(scan: ByteScan, row: number): boolean {
  const { bytes, into } = scan;
  const from = scan.at;
  let bpm = 0;
  while (scan.at < from + 3) {
    const digit = (bytes[scan.at] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    bpm = bpm * 10 + digit;
    scan.at += 1;
  }
  into.heartRate[row] = bpm;
  return bytes[from] !== ZERO && bpm >= MIN_HEART_RATE_BPM && bpm <= MAX_HEART_RATE_BPM;
}

/** Reads the rest of a string that is an instant into a row, and stands behind it. */
export function scanTimestamp(scan: ByteScan, row: number): boolean {
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
  into.timestampMs[row] = timestampMs;
  return timestampMs <= rules.latestMs && timestampMs >= (rules.earliestMs ?? 0);
}

/** Reads the rest of a string that is an id, and stands behind it. @returns its index; -1 where it is none, or not plain. */
export function scanId(scan: ByteScan, table: IdTable): number {
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
