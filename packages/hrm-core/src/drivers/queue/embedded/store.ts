/**
 * The queue's state machine on the embedded tables. Every function runs inside one transaction of its caller.
 *
 * Elements are numbered in order of arrival, inside the transaction that appends them, and claims take from the head: so a
 * claim is a range of numbers, "can be claimed" is everything from `headSeq` on, and claiming moves no bytes.
 * @module
 */
import { MAX_PEEK_BYTES } from '../../../limits.js';
import type {
  BatchThreshold,
  Claim,
  ClaimLimits,
  DeadLetterInput,
  QueueDepth,
  QueueElement,
} from '../../../ports/queue.js';
import { passOver } from './feed.js';
import type { Tables } from './open.js';
import {
  type ClaimRecord,
  type Counters,
  elementByteLength,
  elementReadings,
  elementStampMs,
  NEW_COUNTERS,
  packClaim,
  packCounters,
  packDeadLetter,
  unpackClaim,
  unpackCounters,
  unpackElement,
} from './records.js';

const COUNTERS_KEY = 'counters';

/** Beside the counters, and in no table of its own: an older version refuses a file with a table that it does not know. */
const STORE_KEY = 'store';

/** The counters, or those of a new queue. */
export function readCounters({ meta }: Tables): Counters {
  const record = meta.get(COUNTERS_KEY);
  return record === undefined ? NEW_COUNTERS : unpackCounters(record);
}

/** Must be in the same transaction as what it counts. */
export function writeCounters({ meta }: Tables, counters: Counters): void {
  meta.put(COUNTERS_KEY, packCounters(counters));
}

/** The identity of the store that this queue's readings go to, or `null`. */
export function readStore({ meta }: Tables): string | null {
  return meta.get(STORE_KEY)?.toString() ?? null;
}

/** Remembers the first, or in its place another. Returns which one is remembered now. */
export function rememberStore(tables: Tables, identity: string, replace: boolean): string {
  const known = replace ? null : readStore(tables);
  if (known === null) tables.meta.put(STORE_KEY, Buffer.from(identity));
  return known ?? identity;
}

/** Appends element records in order. Returns the number of the first. */
export function appendElements(tables: Tables, records: Iterable<Buffer>): number {
  const counters = readCounters(tables);
  let { tailSeq, readings } = counters;
  for (const record of records) {
    tables.elements.put(tailSeq, record);
    tailSeq += 1;
    readings += elementReadings(record);
  }
  writeCounters(tables, { ...counters, tailSeq, readings });
  return counters.tailSeq;
}

/** Appends records of elements that were in the queue before. */
export function returnElements(tables: Tables, records: readonly Buffer[]): void {
  const fromSeq = appendElements(tables, records);
  passOver(tables, fromSeq, fromSeq + records.length);
}

/** The oldest elements that can be claimed; of long ones fewer, but one. */
export function peekElements(tables: Tables, limit: number): QueueElement[] {
  const shown: QueueElement[] = [];
  let byteLength = 0;
  for (const { value } of tables.elements.getRange({ start: readCounters(tables).headSeq, limit })) {
    if (byteLength >= MAX_PEEK_BYTES) break;
    byteLength += elementByteLength(value);
    const { bytes } = unpackElement(value, 0);
    // lmdb may use its memory again.
    shown.push({ bytes: Buffer.from(bytes), readings: elementReadings(value) });
  }
  return shown;
}

/** The oldest ended claim, whole, or else the oldest elements; `null` when there is neither. */
export function takeClaim(tables: Tables, limits: ClaimLimits, token: string, nowMs: number): Claim | null {
  return takeOver(tables, limits.leaseMs, token, nowMs) ?? takeOldest(tables, limits, token, nowMs);
}

function takeOver(tables: Tables, leaseMs: number, token: string, nowMs: number): Claim | null {
  const ended = oldestEndedClaim(tables, nowMs);
  if (ended === undefined) return null;
  const claim = { ...ended.claim, leaseMs, renewedMs: nowMs, attempts: ended.claim.attempts + 1 };
  tables.claims.remove(ended.token);
  tables.claims.put(token, packClaim(claim));
  const elements = [];
  for (const { value } of tables.elements.getRange({ start: claim.fromSeq, end: claim.toSeq })) {
    elements.push(unpackElement(value, claim.attempts));
  }
  return { token, elements };
}

function takeOldest(tables: Tables, limits: ClaimLimits, token: string, nowMs: number): Claim | null {
  const counters = readCounters(tables);
  const elements = [];
  let readings = 0;
  let byteLength = 0;
  for (const { value } of tables.elements.getRange({
    start: counters.headSeq,
    limit: Math.max(1, limits.maxElements),
  })) {
    readings += elementReadings(value);
    byteLength += elementByteLength(value);
    const isOver = readings > limits.maxReadings || byteLength > limits.maxBytes;
    if (isOver && elements.length > 0) {
      readings -= elementReadings(value);
      break;
    }
    elements.push(unpackElement(value, 1));
  }
  if (elements.length === 0) return null;
  const fromSeq = counters.headSeq;
  const toSeq = fromSeq + elements.length;
  const claim = { fromSeq, toSeq, readings, leaseMs: limits.leaseMs, renewedMs: nowMs, attempts: 1 };
  tables.claims.put(token, packClaim(claim));
  writeCounters(tables, { ...counters, headSeq: toSeq, readings: counters.readings - readings });
  return { token, elements };
}

/** Starts the lease anew; `false` when the token has no claim. */
export function renewClaim(tables: Tables, token: string, leaseMs: number, nowMs: number): boolean {
  const claim = readClaim(tables, token);
  if (claim === undefined) return false;
  tables.claims.put(token, packClaim({ ...claim, leaseMs, renewedMs: nowMs }));
  return true;
}

/** Ends the lease; the claim waits for its take-over under `nobodysToken`. `false` when the token has no claim. */
export function releaseClaim(tables: Tables, token: string, nobodysToken: string): boolean {
  const claim = readClaim(tables, token);
  if (claim === undefined) return false;
  tables.claims.remove(token);
  tables.claims.put(nobodysToken, packClaim({ ...claim, leaseMs: 0 }));
  return true;
}

/** What an acknowledgement keeps: dead letters for the dead, and records of elements for the end of the queue. */
export interface KeptRecords {
  readonly deadLetters: readonly DeadLetterInput[];
  readonly elements: readonly Buffer[];
}

/** Forgets the claim's elements and keeps what is given; `false`, and neither, when the token has no claim. */
export function ackClaim(tables: Tables, token: string, kept: KeptRecords, deadMs: number): boolean {
  const claim = readClaim(tables, token);
  if (claim === undefined) return false;
  for (let seq = claim.fromSeq; seq < claim.toSeq; seq += 1) tables.elements.remove(seq);
  tables.claims.remove(token);
  if (kept.deadLetters.length > 0) appendDeadLetters(tables, kept.deadLetters, deadMs);
  if (kept.elements.length > 0) returnElements(tables, kept.elements);
  return true;
}

function appendDeadLetters(tables: Tables, inputs: readonly DeadLetterInput[], deadMs: number): void {
  const counters = readCounters(tables);
  let { deadLetterSeq } = counters;
  for (const input of inputs) {
    tables.deadLetters.put(deadLetterSeq, packDeadLetter({ ...input, deadMs }));
    deadLetterSeq += 1;
  }
  writeCounters(tables, { ...counters, deadLetterSeq, deadLetters: counters.deadLetters + inputs.length });
}

/** Exact: from the counters and the few claims. */
export function measureDepth(tables: Tables, nowMs: number): QueueDepth {
  const counters = readCounters(tables);
  let readings = counters.readings;
  let claimedReadings = 0;
  let endedClaims = 0;
  for (const { value } of tables.claims.getRange()) {
    const claim = unpackClaim(value);
    if (hasEnded(claim, nowMs)) {
      readings += claim.readings;
      endedClaims += 1;
    } else claimedReadings += claim.readings;
  }
  const oldestSeq = oldestEndedClaim(tables, nowMs)?.claim.fromSeq ?? counters.headSeq;
  const oldest = tables.elements.get(oldestSeq);
  const oldestMs = oldest === undefined ? null : elementStampMs(oldest);
  return { readings, claimedReadings, deadLetters: counters.deadLetters, endedClaims, oldestMs };
}

/** Whether a claim is worth taking now. */
export function isBatchDue(tables: Tables, threshold: BatchThreshold, nowMs: number): boolean {
  if (oldestEndedClaim(tables, nowMs) !== undefined) return true;
  const { headSeq, tailSeq, readings } = readCounters(tables);
  if (headSeq === tailSeq) return false;
  if (readings >= threshold.readings) return true;
  const oldest = tables.elements.get(headSeq);
  if (oldest === undefined) return false;
  const ageMs = nowMs - elementStampMs(oldest);
  // Far in the future: the clock was set back, and the batch must not wait until it catches up.
  return ageMs >= threshold.ageMs || ageMs < -threshold.ageMs;
}

function readClaim({ claims }: Tables, token: string): ClaimRecord | undefined {
  // lmdb refuses empty and very long keys; no token is either.
  const record = token.length === 0 || token.length > MAX_TOKEN_LENGTH ? undefined : claims.get(token);
  return record === undefined ? undefined : unpackClaim(record);
}

/** UTF-16 code units; tokens are UUIDs. */
const MAX_TOKEN_LENGTH = 36;

function oldestEndedClaim({ claims }: Tables, nowMs: number): { token: string; claim: ClaimRecord } | undefined {
  let oldest: { token: string; claim: ClaimRecord } | undefined;
  for (const { key, value } of claims.getRange()) {
    const claim = unpackClaim(value);
    if (!hasEnded(claim, nowMs)) continue;
    if (oldest === undefined || claim.fromSeq < oldest.claim.fromSeq) oldest = { token: key, claim };
  }
  return oldest;
}

/** A lease that began further in the future than it lasts was begun before the clock was set back: it ends too. */
function hasEnded(claim: ClaimRecord, nowMs: number): boolean {
  const heldMs = nowMs - claim.renewedMs;
  return heldMs >= claim.leaseMs || heldMs < -claim.leaseMs;
}
