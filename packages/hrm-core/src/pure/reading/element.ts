/**
 * The queue's element format: JSON in UTF-8, one reading
 * `{"device_id","user_id","timestamp_ms","heart_rate","received_ms"}` or an array of up to 1,000 of them. Any program
 * that can append such JSON is a producer, so everything read back is untrusted.
 */
import { isUtf8 } from 'node:buffer';
import { MAX_CLAIM_LETTERS, MAX_ELEMENT_BYTES, MAX_ELEMENT_READINGS, MAX_ENQUEUE_READINGS } from '../../limits.js';
import type { ClaimedElement, DeadLetterInput, QueueElement } from '../../ports/queue.js';
import { inOnePiece, type Steps } from '../../steps.js';
import type { Reading } from '../columns.js';
import { parseQueuedReading, type QueuedLimits } from './reading.js';

/** Encodes readings as elements of at most {@link MAX_ELEMENT_READINGS}; a single reading as an object. */
export function encodeElements(readings: readonly Reading[]): QueueElement[] {
  const elements: QueueElement[] = [];
  for (let from = 0; from < readings.length; from += MAX_ELEMENT_READINGS) {
    const chunk = readings.slice(from, from + MAX_ELEMENT_READINGS);
    const json = encodeJson(chunk);
    elements.push({ bytes: Buffer.from(readings.length === 1 ? json : `[${json}]`, 'utf8'), readings: chunk.length });
  }
  return elements;
}

/** What claimed elements hold. */
export interface DecodedElements {
  readonly readings: readonly Reading[];
  /** The element that each of `readings` came in; of the same length. */
  readonly origins: readonly ClaimedElement[];
  /** What cannot be stored, with reasons; single readings out of an array. */
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
  const into: Decoded = { readings: [], origins: [], rejected: [] };
  let bytes = 0;
  for (const [i, element] of elements.entries()) {
    if (into.rejected.length >= MAX_CLAIM_LETTERS) return { ...into, deferred: elements.slice(i) };
    decodeElement(element, limits, into);
    bytes += element.bytes.byteLength;
    if (bytes < BYTES_A_PIECE) continue;
    bytes = 0;
    yield;
  }
  return { ...into, deferred: [] };
}

/** As {@link decodeSteps}, at once: of elements that are few. */
export function decodeElements(elements: readonly ClaimedElement[], limits: QueuedLimits): DecodedElements {
  return inOnePiece(decodeSteps(elements, limits));
}

/** Bytes of elements that are decoded before others have a turn: a thousand readings, a millisecond's work. */
const BYTES_A_PIECE = 128 * 1024;

interface Decoded {
  readonly readings: Reading[];
  readonly origins: ClaimedElement[];
  readonly rejected: DeadLetterInput[];
}

function decodeElement(element: ClaimedElement, limits: QueuedLimits, { readings, origins, rejected }: Decoded): void {
  const value = parseElement(element.bytes);
  if ('fault' in value) {
    rejected.push(reject(element, value.fault, element.bytes));
    return;
  }
  const { items, isArray } = value;
  let isKeptWhole = false;
  for (const item of items) {
    const result = parseQueuedReading(item, element.stampMs, limits);
    if (typeof result !== 'string') {
      readings.push(result);
      origins.push(element);
      continue;
    }
    const bytes = isArray ? itemBytes(item) : element.bytes;
    if (bytes === null && isKeptWhole) continue;
    isKeptWhole ||= bytes === null;
    rejected.push(reject(element, result, bytes ?? element.bytes));
  }
}

/**
 * The dead letter of a reading that no storage takes: its own JSON, `received_ms` included, so that redriving it delivers
 * the same reading.
 * @param origin - the element that it was delivered in.
 */
export function unstorableDeadLetter(reading: Reading, origin: ClaimedElement): DeadLetterInput {
  return reject(origin, UNSTORABLE_REASON, Buffer.from(encodeJson([reading]), 'utf8'));
}

const UNSTORABLE_REASON =
  'unstorable_reading: the storage refuses this reading for what it holds, also alone; redrive it once the storage takes it';

/**
 * Objects of the wire form, joined by commas. By hand, since neighbours mostly have the same ids, whose escaping is all
 * that JSON has to do here: a third of the cost of `JSON.stringify`.
 */
function encodeJson(readings: readonly Reading[]): string {
  let json = '';
  let last: Reading | undefined;
  let ids = '';
  for (const reading of readings) {
    if (last === undefined || reading.deviceId !== last.deviceId || reading.userId !== last.userId) {
      ids = `{"device_id":${JSON.stringify(reading.deviceId)},"user_id":${JSON.stringify(reading.userId)},"timestamp_ms":`;
    }
    if (last !== undefined) json += ',';
    json += `${ids}${reading.timestampMs},"heart_rate":${reading.heartRate},"received_ms":${reading.receivedMs}}`;
    last = reading;
  }
  return json;
}

/**
 * What an element holds, or why it is kept whole as one dead letter. A stranger's element of 12 MB, an array of six million
 * numbers, would end the process if each became a dead letter, and the next one's after it.
 */
function parseElement(
  bytes: Uint8Array,
): { readonly items: readonly unknown[]; readonly isArray: boolean } | { readonly fault: string } {
  if (bytes.byteLength > MAX_ELEMENT_BYTES) {
    return { fault: `too_large: the element has more than ${MAX_ELEMENT_BYTES} bytes: split it` };
  }
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

/** An item of an array as JSON; `null` where it is nested too deep to be written, though it could be read. */
function itemBytes(item: unknown): Uint8Array | null {
  try {
    return Buffer.from(JSON.stringify(item), 'utf8');
  } catch {
    return null;
  }
}

function reject(element: ClaimedElement, reason: string, bytes: Uint8Array): DeadLetterInput {
  return { reason, bytes, stampMs: element.stampMs, attempts: element.attempts };
}
