/**
 * The bytes of every record in the embedded queue: little-endian, fixed headers, the caller's bytes last and as they are.
 * A change here is a new {@link LAYOUT_VERSION}.
 * @module
 */
import type { ClaimedElement, DeadLetter } from '../../../ports/queue.js';

/** Written into a new queue file; a file with another one is refused. */
export const LAYOUT_VERSION = 1;

/** Where the queue stands. Elements `headSeq <= seq < tailSeq` can be claimed; older ones are in claims, or gone. */
export interface Counters {
  readonly headSeq: number;
  readonly tailSeq: number;
  /** Sum over the elements that can be claimed; those of ended claims are not in it. */
  readonly readings: number;
  /** Dead letters kept. */
  readonly deadLetters: number;
  /** Number of the next dead letter. */
  readonly deadLetterSeq: number;
}

/** The counters of a queue nobody has pushed to. Numbers start at 1, so that 0 never names anything. */
export const NEW_COUNTERS: Counters = { headSeq: 1, tailSeq: 1, readings: 0, deadLetters: 0, deadLetterSeq: 1 };

/** A claim: always a whole range of elements `fromSeq <= seq < toSeq`, since claims take from the head only. */
export interface ClaimRecord {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly readings: number;
  /** 0 after a release. */
  readonly leaseMs: number;
  /** When the lease started, epoch ms. */
  readonly renewedMs: number;
  /** Deliveries of this batch, the one in hand included. */
  readonly attempts: number;
}

const DOUBLE_BYTES = 8;
const ELEMENT_HEADER_BYTES = 16;
const LETTER_HEADER_BYTES = 24;

/** Numbers, one behind the other. */
export function packDoubles(numbers: readonly number[]): Buffer {
  const record = Buffer.alloc(numbers.length * DOUBLE_BYTES);
  for (const [index, number] of numbers.entries()) record.writeDoubleLE(number, index * DOUBLE_BYTES);
  return record;
}

/** @see unpackCounters */
export function packCounters(counters: Counters): Buffer {
  const { headSeq, tailSeq, readings, deadLetters, deadLetterSeq } = counters;
  return packDoubles([headSeq, tailSeq, readings, deadLetters, deadLetterSeq]);
}

/** The inverse of {@link packCounters}. */
export function unpackCounters(record: Buffer): Counters {
  const at = (index: number) => record.readDoubleLE(index * DOUBLE_BYTES);
  return { headSeq: at(0), tailSeq: at(1), readings: at(2), deadLetters: at(3), deadLetterSeq: at(4) };
}

/** @see unpackClaim */
export function packClaim(claim: ClaimRecord): Buffer {
  return packDoubles([claim.fromSeq, claim.toSeq, claim.readings, claim.leaseMs, claim.renewedMs, claim.attempts]);
}

/** The inverse of {@link packClaim}. */
export function unpackClaim(record: Buffer): ClaimRecord {
  const at = (index: number) => record.readDoubleLE(index * DOUBLE_BYTES);
  return { fromSeq: at(0), toSeq: at(1), readings: at(2), leaseMs: at(3), renewedMs: at(4), attempts: at(5) };
}

/**
 * An element as it is kept; copies the bytes, so that the caller may reuse its buffer.
 * @param attempts - deliveries before this element was put (back) into the queue.
 */
export function packElement(bytes: Uint8Array, readings: number, stampMs: number, attempts: number): Buffer {
  const record = Buffer.allocUnsafe(ELEMENT_HEADER_BYTES + bytes.byteLength);
  record.writeUInt32LE(readings, 0);
  record.writeUInt32LE(attempts, 4);
  record.writeDoubleLE(stampMs, 8);
  record.set(bytes, ELEMENT_HEADER_BYTES);
  return record;
}

/** Readings in an element record. */
export function elementReadings(record: Buffer): number {
  return record.readUInt32LE(0);
}

/** Epoch ms at which the element was first pushed. */
export function elementStampMs(record: Buffer): number {
  return record.readDoubleLE(8);
}

/** Bytes of the element itself, without its header: what a claim's `maxBytes` counts. */
export function elementByteLength(record: Buffer): number {
  return record.byteLength - ELEMENT_HEADER_BYTES;
}

/** The element as the consumer gets it; its bytes are a view of the record. */
export function unpackElement(record: Buffer, claimAttempts: number): ClaimedElement {
  return {
    bytes: record.subarray(ELEMENT_HEADER_BYTES),
    stampMs: elementStampMs(record),
    attempts: record.readUInt32LE(4) + claimAttempts,
  };
}

/** @see unpackDeadLetter */
export function packDeadLetter(deadLetter: Omit<DeadLetter, 'id'>): Buffer {
  const reason = Buffer.from(deadLetter.reason, 'utf8');
  const header = Buffer.alloc(LETTER_HEADER_BYTES);
  header.writeDoubleLE(deadLetter.stampMs, 0);
  header.writeDoubleLE(deadLetter.deadMs, 8);
  header.writeUInt32LE(deadLetter.attempts, 16);
  header.writeUInt32LE(reason.byteLength, 20);
  return Buffer.concat([header, reason, deadLetter.bytes]);
}

/** The inverse of {@link packDeadLetter}. */
export function unpackDeadLetter(seq: number, record: Buffer): DeadLetter {
  const bytesFrom = LETTER_HEADER_BYTES + record.readUInt32LE(20);
  return {
    id: deadLetterId(seq),
    reason: record.toString('utf8', LETTER_HEADER_BYTES, bytesFrom),
    bytes: record.subarray(bytesFrom),
    stampMs: record.readDoubleLE(0),
    attempts: record.readUInt32LE(16),
    deadMs: record.readDoubleLE(8),
  };
}

const LETTER_ID_DIGITS = 16;

/** A dead letter's id: 16 digits, so that ids sort as text the way they sort as numbers. */
function deadLetterId(seq: number): string {
  return String(seq).padStart(LETTER_ID_DIGITS, '0');
}

/** The inverse of {@link deadLetterId}; `undefined` for what is no id of this queue. */
export function deadLetterSeq(id: string): number | undefined {
  return /^\d{16}$/.test(id) ? Number(id) : undefined;
}
