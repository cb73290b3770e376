/**
 * What the tests of the queue contract share.
 * @module
 */
import assert from 'node:assert/strict';
import { isHrmError } from '../errors.js';
import type { Claim, Queue, QueueElement } from '../ports/queue.js';

/** One place for a queue, empty at first. */
export interface QueueFixture {
  /** Opens this queue once more, as another consumer would; each call a new handle. */
  open(): Promise<Queue>;
  /** Moves the clock that leases and ages are measured by, of all handles. */
  advance(ms: number): Promise<void> | void;
  /** Called last, with handles still open or not: closes and deletes everything. */
  dispose(): Promise<void>;
}

/** What a service may be unable to promise: each is true of a driver unless it says otherwise. */
export interface QueuePromises {
  /** Elements and dead letters come oldest first, and those of one push may be claimed apart. Otherwise a push is claimed whole. */
  readonly order: boolean;
  /** What one claim held comes back as one claim. Otherwise each push of it comes back by itself. */
  readonly wholeRedelivery: boolean;
  /** Depth tells what is there now. Otherwise it is an estimate, and claims that ended are not counted. */
  readonly exactDepth: boolean;
  /** All who wait hear of what can be claimed. Otherwise it is in the hands of one of them. */
  readonly sharedWaits: boolean;
  /** There is a feed of what was pushed. */
  readonly feed: boolean;
}

/** What the suite needs of its caller. */
export interface QueueContract {
  /** The runner's function that declares a test: vitest's `test`, node:test's `test`. */
  readonly test: (name: string, body: () => Promise<void>) => unknown;
  /** Makes an empty place, once a test. */
  readonly fixture: () => Promise<QueueFixture>;
  /** What the driver does not promise. */
  readonly promises?: Partial<QueuePromises> | undefined;
  /** Random histories to run against the model, each a test with its seed in the name; default 20. */
  readonly histories?: number | undefined;
}

/** Limits that nothing here reaches, and a lease of a second. */
export const LIMITS = { maxReadings: 1_000_000, maxBytes: 1_000_000_000, maxElements: 1_000_000, leaseMs: 1_000 };

/** The body of one test. */
export type Test = (queue: Queue, fixture: QueueFixture, promises: QueuePromises) => Promise<void>;

/** Registers one test on a fresh queue. */
export type Register = (name: string, body: Test) => unknown;

/**
 * An element that carries a text: JSON of so many equal objects, as real ones are, since a driver whose producers are
 * strangers can count readings only by looking.
 */
export function element(text: string, readings = 1): QueueElement {
  const object = JSON.stringify({ text });
  const json = readings === 1 ? object : `[${Array(readings).fill(object).join()}]`;
  return { bytes: Buffer.from(json), readings };
}

/** The texts of a claim's elements. */
export function texts(claim: Claim | null): string[] {
  return (claim?.elements ?? []).map(({ bytes }) => {
    const value = JSON.parse(Buffer.from(bytes).toString());
    return [value].flat()[0].text;
  });
}

/** Claims with {@link LIMITS}, or tighter ones; there must be something. */
export async function claimed(queue: Queue, limits: Partial<typeof LIMITS> = {}): Promise<Claim> {
  const claim = await queue.claim({ ...LIMITS, ...limits });
  assert.ok(claim !== null, 'there was nothing to claim');
  return claim;
}

/** Asserts that a call rejects with an HrmError of a kind. */
export async function rejectsWith(kind: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => isHrmError(error) && error.kind === kind);
}

/** Numbers 0 <= n < 1 that follow from the seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
