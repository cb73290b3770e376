/**
 * The queue's elements. A reading is JSON in UTF-8, `{"device_id","user_id","timestamp_ms","heart_rate","received_ms"}`; several are columns,
 * see columnar.ts. Any program that can append such a reading, or a JSON array of up to 1,000, is a producer too, so everything read
 * back is untrusted.
 */
import { isUtf8 } from 'node:buffer';
import {
  MAX_CLAIM_LETTERS,
  MAX_ELEMENT_BYTES,
  MAX_ELEMENT_READINGS,
  MAX_ENQUEUE_READINGS,
  MAX_HEART_RATE_BPM,
  MAX_RECEIVED_MS,
  MAX_TIMESTAMP_MS,
  MIN_HEART_RATE_BPM,
} from '../../limits.js';
import type { ClaimedElement, DeadLetterInput, QueueElement } from '../../ports/queue.js';
import { inOnePiece, type Steps } from '../../steps.js';
import type { Reading } from '../columns.js';
import { columnarReadings, decodeColumnar, encodeColumnar, isColumnar } from './columnar.js';
import {
  addReading,
  type Gathering,
  gather,
  gathered,
  indexOfId,
  makeRoom,
  type QueuedReadings,
  readingAt,
} from './queued-readings.js';
import { isId, parseQueuedReading, type QueuedLimits } from './reading.js';

/** Encodes readings as elements of at most {@link MAX_ELEMENT_READINGS}. @param queuedMs - as {@link encodeElement} has it. */
export function encodeElements(readings: QueuedReadings, queuedMs?: number): QueueElement[] {
  const elements: QueueElement[] = [];
  for (let from = 0; from < readings.length; from += MAX_ELEMENT_READINGS) {
    elements.push(encodeElement(readings, from, Math.min(readings.length, from + MAX_ELEMENT_READINGS), queuedMs));
  }
  return elements;
}

/**
 * Encodes readings `fromRow <= row < toRow`, 1 to {@link MAX_ELEMENT_READINGS}: columns, or JSON of a single reading.
 * @param queuedMs - when they enter the queue, where they count as received at another time: only columns can say both.
 */
export function encodeElement(
  readings: QueuedReadings,
  fromRow: number,
  toRow: number,
  queuedMs?: number,
): QueueElement {
  const isJson = toRow - fromRow === 1 && queuedMs === undefined;
  const bytes = isJson
    ? readingBytes(readingAt(readings, fromRow))
    : encodeColumnar(readings, fromRow, toRow, queuedMs);
  return { bytes, readings: toRow - fromRow };
}

/**
 * An element as text, whatever form it has: columns as the JSON array that they stand for, everything else as it is.
 * @returns `null` where it is neither UTF-8 nor columns that are whole.
 */
export function elementText(bytes: Uint8Array): string | null {
  if (!isColumnar(bytes)) return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : null;
  const columns = decodeColumnar(bytes);
  if ('fault' in columns) return null;
  const texts = Array.from({ length: columns.length }, (_, row) => readingJson(readingAt(columns, row)));
  return `[${texts.join(',')}]`;
}

/** About how many readings are in an element that nobody has decoded, 1 to {@link MAX_ELEMENT_READINGS}. */
export function guessReadings(bytes: Uint8Array): number {
  const guess = isColumnar(bytes) ? columnarReadings(bytes) : Math.round(bytes.byteLength / TYPICAL_READING_BYTES);
  return Math.min(MAX_ELEMENT_READINGS, Math.max(1, guess));
}

/** A reading as JSON. */
const TYPICAL_READING_BYTES = 110;

/** What claimed elements hold. */
export interface DecodedElements {
  readonly readings: QueuedReadings;
  /** The element that a reading came in. @param row - its index in `readings`. */
  readonly originOf: (row: number) => ClaimedElement;
  /** What cannot be stored, with reasons; single readings out of an array or of columns. */
  readonly rejected: readonly DeadLetterInput[];
  /** Elements not looked at, since there were {@link MAX_CLAIM_LETTERS} rejected before them. */
  readonly deferred: readonly ClaimedElement[];
}

/**
 * Decodes claimed elements, in steps: a claim takes some tens of milliseconds. A reading without `received_ms` gets the element's stamp.
 * @param limits - of readings of foreign producers. Those with `received_ms` passed `enqueue` under the rules of that moment, and are
 *   not judged twice.
 */
export function* decodeSteps(elements: readonly ClaimedElement[], limits: QueuedLimits): Steps<DecodedElements> {
  const into: Decoded = { readings: gather(), rejected: [] };
  // Of each element the row after its last.
  const ends: number[] = [];
  let bytes = 0;
  for (const element of elements) {
    if (into.rejected.length >= MAX_CLAIM_LETTERS) break;
    decodeElement(element, limits, into);
    ends.push(into.readings.length);
    bytes += costOf(element);
    if (bytes < BYTES_A_PIECE) continue;
    bytes = 0;
    yield;
  }
  return {
    readings: gathered(into.readings),
    originOf: (row) => elements[firstAfter(ends, row)] as ClaimedElement,
    rejected: into.rejected,
    deferred: elements.slice(ends.length),
  };
}

/** As {@link decodeSteps}, at once: of elements that are few. */
export function decodeElements(elements: readonly ClaimedElement[], limits: QueuedLimits): DecodedElements {
  return inOnePiece(decodeSteps(elements, limits));
}

/** Bytes of JSON elements that are decoded before others have a turn: a thousand readings, a millisecond's work. */
const BYTES_A_PIECE = 128 * 1024;

/** Bytes of columns take so many times as long as those of JSON. */
const COLUMNAR_COST = 4;

function costOf({ bytes }: ClaimedElement): number {
  return isColumnar(bytes) ? COLUMNAR_COST * bytes.byteLength : bytes.byteLength;
}

/** The index of the first number that is greater than another; they ascend, and there is one. */
function firstAfter(numbers: readonly number[], than: number): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) > than) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface Decoded {
  readonly readings: Gathering;
  readonly rejected: DeadLetterInput[];
}

function decodeElement(element: ClaimedElement, limits: QueuedLimits, into: Decoded): void {
  const { bytes } = element;
  if (bytes.byteLength > MAX_ELEMENT_BYTES) {
    into.rejected.push(reject(element, TOO_LARGE, bytes));
    return;
  }
  const value = isColumnar(bytes) ? decodeColumnar(bytes) : parseElement(bytes);
  if ('fault' in value) into.rejected.push(reject(element, value.fault, bytes));
  else if ('items' in value) addItems(element, value, limits, into);
  else addColumns(element, value, limits, into);
}

const TOO_LARGE = `too_large: the element has more than ${MAX_ELEMENT_BYTES} bytes: split it`;

function addItems(
  element: ClaimedElement,
  { items, isArray }: ParsedItems,
  limits: QueuedLimits,
  { readings, rejected }: Decoded,
): void {
  let isKeptWhole = false;
  for (const item of items) {
    const result = parseQueuedReading(item, element.stampMs, limits);
    if (typeof result !== 'string') {
      addReading(readings, result);
      continue;
    }
    const bytes = isArray ? itemBytes(item) : element.bytes;
    if (bytes === null && isKeptWhole) continue;
    isKeptWhole ||= bytes === null;
    rejected.push(reject(element, result, bytes ?? element.bytes));
  }
}

/** As with JSON, what is plainly valid is taken, and everything else is the schema's to judge. */
function addColumns(
  element: ClaimedElement,
  columns: QueuedReadings,
  limits: QueuedLimits,
  { readings, rejected }: Decoded,
): void {
  const users = columns.users.map((id) => (isId(id) ? indexOfId(readings.users, id) : -1));
  const devices = columns.devices.map((id) => (isId(id) ? indexOfId(readings.devices, id) : -1));
  makeRoom(readings, columns.length);
  for (let row = 0; row < columns.length; row += 1) {
    const user = users[columns.user[row] as number] as number;
    const device = devices[columns.device[row] as number] as number;
    if (user < 0 || device < 0 || !isInBounds(columns, row)) {
      const json = readingJson(readingAt(columns, row));
      const result = parseQueuedReading(JSON.parse(json), element.stampMs, limits);
      if (typeof result === 'string') rejected.push(reject(element, result, Buffer.from(json, 'utf8')));
      else addReading(readings, result);
      continue;
    }
    const to = readings.length;
    readings.user[to] = user;
    readings.device[to] = device;
    readings.timestampMs[to] = columns.timestampMs[row] as number;
    readings.heartRate[to] = columns.heartRate[row] as number;
    readings.receivedMs[to] = columns.receivedMs[row] as number;
    readings.length += 1;
  }
}

function isInBounds({ timestampMs, heartRate, receivedMs }: QueuedReadings, row: number): boolean {
  const [ms, bpm, received] = [timestampMs[row] as number, heartRate[row] as number, receivedMs[row] as number];
  const isTime = ms >= 0 && ms <= MAX_TIMESTAMP_MS && received >= 0 && received <= MAX_RECEIVED_MS;
  return isTime && bpm >= MIN_HEART_RATE_BPM && bpm <= MAX_HEART_RATE_BPM;
}

/**
 * The dead letter of a reading that no storage takes: its own JSON, `received_ms` included, so that redriving it delivers
 * the same reading.
 * @param origin - the element that it was delivered in.
 */
export function unstorableDeadLetter(reading: Reading, origin: ClaimedElement): DeadLetterInput {
  return reject(origin, UNSTORABLE_REASON, readingBytes(reading));
}

const UNSTORABLE_REASON =
  'unstorable_reading: the storage refuses this reading for what it holds, also alone; redrive it once the storage takes it';

function readingBytes(reading: Reading): Uint8Array {
  return Buffer.from(readingJson(reading), 'utf8');
}

function readingJson({ userId, deviceId, timestampMs, heartRate, receivedMs }: Reading): string {
  const wire = { device_id: deviceId, user_id: userId, timestamp_ms: timestampMs, heart_rate: heartRate };
  return JSON.stringify({ ...wire, received_ms: receivedMs });
}

/** What JSON holds: items of an array, or what is none as the only one. */
interface ParsedItems {
  readonly items: readonly unknown[];
  readonly isArray: boolean;
}

/**
 * What JSON holds, or why it is kept whole as one dead letter. A stranger's element of 12 MB, an array of six million
 * numbers, would end the process if each became a dead letter, and the next one's after it.
 */
function parseElement(bytes: Uint8Array): ParsedItems | { readonly fault: string } {
  if (!isUtf8(bytes)) return { fault: NOT_JSON };
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    if (!Array.isArray(value)) return { items: [value], isArray: false };
    if (value.length <= MAX_ENQUEUE_READINGS) return { items: value, isArray: true };
    return { fault: `too_many_readings: the array has more than ${MAX_ENQUEUE_READINGS} items: split it` };
  } catch {
    return { fault: NOT_JSON };
  }
}

const NOT_JSON = 'not_json: the element is not JSON in UTF-8';

/**
 * An item of an array as JSON; `null` where it is nested too deep to be written, though it could be read. An array stays in one: alone it
 * would be an element of readings, and redriving it would store what was refused.
 */
function itemBytes(item: unknown): Uint8Array | null {
  try {
    return Buffer.from(JSON.stringify(Array.isArray(item) ? [item] : item), 'utf8');
  } catch {
    return null;
  }
}

function reject(element: ClaimedElement, reason: string, bytes: Uint8Array): DeadLetterInput {
  const { stampMs, attempts, elementId } = element;
  return elementId === undefined
    ? { reason, bytes, stampMs, attempts }
    : { reason, bytes, stampMs, attempts, elementId };
}
