/**
 * Elements in the Redis list. What a producer pushed is there as it is, JSON, so that anybody can push and look. An
 * element that came back (redriven, put back) keeps its stamp and its attempts in front: `#stampMs,attempts,readings#`,
 * which no JSON begins with. lua/shared.lua reads the same form.
 * @module
 */
import type { ClaimedElement, RequeuedElement } from '../../../ports/queue.js';

const HASH = 0x23;
const ENVELOPE = /^#(\d{1,15}),(\d{1,9}),\d{1,9}#/;
/** Bytes of the longest envelope. */
const LONGEST_ENVELOPE = 38;

/** The bytes to push; bytes that look like an envelope get one, so that they come out as they are. */
export function packPushed({ bytes, readings }: { bytes: Uint8Array; readings: number }, nowMs: number): Buffer {
  if (bytes[0] === HASH) return packReturned({ bytes, readings, stampMs: nowMs });
  // A copy, since the caller may change them after the call.
  return Buffer.from(bytes);
}

/** An element that goes back to the queue, as a new one with an old stamp. */
export function packReturned({ bytes, readings, stampMs }: RequeuedElement): Buffer {
  return Buffer.concat([Buffer.from(`#${stampMs},0,${readings}#`), bytes]);
}

/** An element as its claim delivers it. */
export function unpackElement(stored: Buffer, batchStampMs: number, batchAttempts: number): ClaimedElement {
  const envelope = stored[0] === HASH ? ENVELOPE.exec(stored.toString('latin1', 0, LONGEST_ENVELOPE)) : null;
  if (envelope === null) return { bytes: stored, stampMs: batchStampMs, attempts: batchAttempts };
  const [head, stampMs, attempts] = envelope;
  return {
    bytes: stored.subarray(head.length),
    // No later than the batch was claimed, whoever wrote it: a stamp decides which reading wins.
    stampMs: Math.min(Number(stampMs), batchStampMs),
    attempts: Number(attempts) + batchAttempts,
  };
}
