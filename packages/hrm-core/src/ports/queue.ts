/**
 * The queue port: at least once, oldest first.
 *
 * ```
 *            push                 claim                    ack
 *  (caller) ------> queued -----------------> claimed ------------> gone, and what was bad in it: dead
 *                                  ^             |                          |
 *                                  |   release,  |                          | redrive
 *                                  +-- or the ---+                          v
 *                                   lease ended                           queued
 * ```
 * An acknowledgement may also put a part of the batch back to the end of the queue, as new elements.
 *
 * Not every service can promise all of this. What one may lack is marked with its name in `QueuePromises` (contract/queue-support.ts):
 * `order`, `wholeRedelivery`, `exactDepth`, `sharedWaits`, `feed`. No answer depends on any of them (rule 1).
 *
 * - `push` resolves only when every element is as durable as the queue is configured to be; all or none of them are.
 * - A claim belongs to its token until its lease ends. After that, and after `release`, the same elements go to the next
 *   `claim` as one batch under a new token, before anything newer: a redelivered batch is the same batch, so that the
 *   parts written from it already have their names. Without `wholeRedelivery` they come again in other batches, and are stored twice
 *   until a compaction.
 * - A token that lost its claim is answered `'stale'`, a value, and changes nothing.
 * - The queue never judges an element. One whose producers are strangers may look how many readings are in it.
 */

import type { CallOptions } from './call-options.js';
import type { Feed } from './feed.js';
import type { Space } from './space.js';

export type { CallOptions };

/** An element to push: bytes that the queue keeps as they are. */
export interface QueueElement {
  readonly bytes: Uint8Array;
  /** How many readings are in it, >= 1: what depth and claims are counted in. */
  readonly readings: number;
}

/** An element as a claim delivers it. */
export interface ClaimedElement {
  /** The same in every delivery of it; only of a driver that needs it back, in {@link DeadLetterInput.elementId}. */
  readonly elementId?: string | undefined;
  readonly bytes: Uint8Array;
  /**
   * When the queue first saw it (a driver whose producers are strangers: when it was first claimed), epoch ms. It is
   * the `received_ms` of readings that carry none, and never changes through take-over, release or redrive.
   */
  readonly stampMs: number;
  /** Deliveries so far, this one included: 1 on the first. */
  readonly attempts: number;
}

/**
 * Upper bounds of one claim, all inclusive; the oldest element is delivered even if it alone exceeds them. Without `order` it is what was
 * pushed together that is never split.
 */
export interface ClaimLimits {
  readonly maxReadings: number;
  readonly maxBytes: number;
  readonly maxElements: number;
  /** How long the claim holds without a `renew`. */
  readonly leaseMs: number;
}

/** A batch in the hands of one consumer. */
export interface Claim {
  /** Proof of ownership for `renew`, `ack` and `release`. */
  readonly token: string;
  /** Oldest first; never empty. */
  readonly elements: readonly ClaimedElement[];
}

/** Bytes that cannot be stored, on their way to the dead-letter queue. */
export interface DeadLetterInput {
  /** Stable code and words for people, without the value of a reading. */
  readonly reason: string;
  /** As it was delivered with; by it a driver tells a letter that it has already from another. */
  readonly elementId?: string | undefined;
  /** The raw bytes as they were delivered; of one bad reading in an array, that reading's JSON. */
  readonly bytes: Uint8Array;
  readonly stampMs: number;
  readonly attempts: number;
}

/** An element that goes back to the end of the queue. */
export interface RequeuedElement extends QueueElement {
  /** Kept from the delivery that it comes from. */
  readonly stampMs: number;
}

/**
 * What an acknowledgement leaves behind: in the same atomic step, or kept before the claim is forgotten. So it may be kept twice, and is
 * never lost.
 */
export interface Remainder {
  /** What cannot be stored. */
  readonly deadLetters?: readonly DeadLetterInput[] | undefined;
  /** What cannot be stored now, though everything else can: it must not hold up the others. */
  readonly requeue?: readonly RequeuedElement[] | undefined;
}

/** A dead letter as it is kept. */
export interface DeadLetter extends DeadLetterInput {
  /** Unique in this queue; ascending ids are in order of arrival: here, or without `order` in the queue. */
  readonly id: string;
  /** When it was set aside, epoch ms. */
  readonly deadMs: number;
}

/** What is in the queue. */
export interface QueueDepth {
  /** Readings that no living claim holds; those of a claim whose lease ended count here. */
  readonly readings: number;
  /** Readings in claims whose lease has not ended. */
  readonly claimedReadings: number;
  /** Dead letters kept; `null` where they are kept elsewhere, and could not be counted so far. */
  readonly deadLetters: number | null;
  /** Claims that ended, by their lease or by `release`, and that nobody has taken over yet. */
  readonly endedClaims: number;
  /** `stampMs` of the oldest element that can be claimed; `null` when there is none, `undefined` where the queue cannot tell. */
  readonly oldestMs: number | null | undefined;
  /** Whether the figures are estimates, some seconds old; default false. */
  readonly isEstimate?: boolean | undefined;
}

/** When a batch is worth claiming. */
export interface BatchThreshold {
  /** At least so many readings can be claimed. */
  readonly readings: number;
  /** Or the oldest was stamped so long ago. An ended lease and a released claim are always due. */
  readonly ageMs: number;
}

/** What a queue's server is set to that may lose accepted readings one day, though it works now. */
export interface QueueWarning {
  /** Stable, snake_case: `redis_fsync`. */
  readonly code: string;
  /** What may be lost, in plain words; no secret, no address, no reading. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** What a check found. */
export interface QueueCheck extends Space {
  /** Those that hold now. */
  readonly warnings: readonly QueueWarning[];
}

/** The dead letters of one queue. Listing pages by id, ascending. */
export interface DeadLetters {
  /** At most `limit` dead letters with an id after `afterId` (exclusive; from the first if absent); fewer, but one, if they are long. */
  list(page: { readonly afterId?: string | undefined; readonly limit: number }): Promise<readonly DeadLetter[]>;
  /** One dead letter, or `null`. */
  get(id: string): Promise<DeadLetter | null>;
  /** Puts dead letters back into the queue, stamp kept, each atomically; unknown ids are skipped. Returns how many. */
  redrive(ids: readonly string[]): Promise<number>;
  /** Deletes dead letters for good; unknown ids are skipped. Returns how many. */
  purge(ids: readonly string[]): Promise<number>;
}

/**
 * Which store a queue's readings go to. By it a consumer tells that store from the empty mount point of its disk, and from another
 * store, also when it was started after the disk had gone.
 */
export interface StoreMemory {
  /**
   * The identity of the store that readings of this queue were first written to; `null` while there is none.
   * @param options.maxAgeMs - how old the answer may be, milliseconds: a driver whose queue is elsewhere need not ask again until then,
   *   or until it has lost the connection. Default 0: it is asked now.
   */
  get(options?: { readonly maxAgeMs?: number | undefined }): Promise<string | null>;
  /**
   * Remembers a store as durably as a push: the first one stays, also where two come at once.
   * @param options.replace - whether this one takes the place of the first; default false.
   * @returns the identity that is remembered now.
   */
  remember(identity: string, options?: { readonly replace?: boolean | undefined }): Promise<string>;
}

/**
 * The queue, as the flow needs it.
 *
 * Every method throws HrmError kind `unavailable` (code `queue_unavailable`, with the cause) when the queue cannot do it
 * now, kind `closed` after `close` or when its signal fires, and then has done nothing, or (`push` only, when the
 * outcome cannot be known) at most all of it.
 */
export interface Queue {
  /** Appends all elements or none, in order. Concurrent calls share one commit. */
  push(elements: readonly QueueElement[], options?: CallOptions): Promise<void>;
  /**
   * Of a queue with a bound: tells whether it would take something now, before somebody makes the effort.
   * @throws HrmError kind `unavailable`, code `queue_full`, as far as is known without asking.
   */
  requireRoom?(options?: CallOptions): void;
  /**
   * Resolves `true` as soon as a batch that is due can be claimed, `false` after `timeoutMs`. Claims nothing. Without `sharedWaits` it takes
   * elements into the hands of this handle, whose next `claim` gets them; where none comes they go back after a while.
   */
  wait(threshold: BatchThreshold, options: CallOptions & { readonly timeoutMs: number }): Promise<boolean>;
  /** Takes the oldest elements; `null` when there are none. An ended or released claim comes whole, whatever the limits. */
  claim(limits: ClaimLimits, options?: CallOptions): Promise<Claim | null>;
  /**
   * Shows the oldest elements that no claim holds, and changes nothing: at most `limit`, >= 1; fewer, but one, if they are long.
   * How many readings are in one is as claims count them. Without `order` it shows some elements, and counts as one of their deliveries.
   */
  peek(page: { readonly limit: number }): Promise<readonly QueueElement[]>;
  /** Lets the lease start anew, now. */
  renew(token: string, leaseMs: number): Promise<'renewed' | 'stale'>;
  /** Keeps the remainder and forgets the claim's elements: in one atomic step, or in this order. */
  ack(token: string, remainder?: Remainder): Promise<'acked' | 'stale'>;
  /** Ends the lease now: the next claim gets this batch. */
  release(token: string): Promise<'released' | 'stale'>;
  depth(): Promise<QueueDepth>;
  /**
   * Proves that a push would be accepted now, a backlog over its bound apart, and tells the room left, and what could
   * lose accepted readings.
   * @throws HrmError kind `unavailable` with the reason.
   */
  check(): Promise<QueueCheck>;
  readonly deadLetters: DeadLetters;
  readonly store: StoreMemory;
  /** What was pushed a moment ago, for those who watch; `null` where the queue has none. */
  readonly feed: Feed | null;
  /** Ends waiting calls with kind `closed` and frees what the driver holds. Claims stay until their leases end. */
  close(): Promise<void>;
}

/** A queue that tells those who watch what was pushed. */
export interface FedQueue extends Queue {
  readonly feed: Feed;
}
