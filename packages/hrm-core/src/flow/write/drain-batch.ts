import { DEFAULTS } from '../../defaults.js';
import { faultError, isHrmError } from '../../errors.js';
import { MAX_CLAIM_BYTES, MAX_CLAIM_ELEMENTS } from '../../limits.js';
import type { BatchObserver } from '../../ports/batch-observer.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions, Queue } from '../../ports/queue.js';
import type { PartitionFailure, Storage } from '../../ports/storage.js';
import { eraseQueued } from '../../pure/erasure/erase-queued.js';
import {
  type DecodedElements,
  decodeSteps,
  encodeElements,
  guessReadings,
  unstorableDeadLetter,
} from '../../pure/reading/element.js';
import { readingAt, takeQueued } from '../../pure/reading/queued-readings.js';
import { inTurns } from '../../steps.js';
import { describeFailure } from '../files/partition-failures.js';
import type { WrittenPart } from '../files/store-parts.js';
import { createYielder } from '../files/yielder.js';
import { keptRows } from './leave-expired.js';
import { receivedNowMs } from './received-now.js';
import { rememberStore, requireSameStore } from './same-store.js';
import { type WrittenBatch, writeDelivered } from './write-delivered.js';

/** What `drainBatch` works on. */
export interface DrainComponents {
  readonly queue: Queue;
  readonly storage: Storage;
  /** Tells how long readings waited; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** Hears of each batch when it is stored. */
  readonly observer?: BatchObserver | undefined;
}

/** How much one step takes, and for how long it may hold it. */
export interface DrainSettings {
  /** Readings of one claim, >= 1; default 50,000. An element (of at most 1,000) is never split: one is always taken. */
  readonly batchMaxReadings?: number | undefined;
  /** How long the claim is ours without a sign of life, milliseconds; default 30,000. Renewed while the step works. */
  readonly leaseMs?: number | undefined;
  /** How far beyond its stamp a foreign producer's reading may lie, milliseconds; default 24 hours. */
  readonly maxFutureMs?: number | undefined;
  /** How far before its stamp a foreign producer's reading may lie, milliseconds; default: it may be of 1970. */
  readonly maxPastMs?: number | undefined;
  /** Parts of fewer than 1,000 readings that a batch may make in one UTC day, >= 0; where there would be more, they share one. Default 32. */
  readonly maxSmallParts?: number | undefined;
}

/** How a step is stopped and watched. */
export interface DrainOptions extends CallOptions {
  /** Hears of each part when its write has ended, well or not: a batch may have hundreds, on a disk that syncs few a second. */
  readonly onProgress?: (() => void) | undefined;
  /**
   * Hears when the first part is on its way, or there was nothing to claim: from now on this batch mostly waits, and another may be begun. Also
   * heard more than once, and not at all where nothing is to be written.
   */
  readonly onStoring?: (() => void) | undefined;
}

/** What one step did. */
export interface DrainSummary {
  /** Readings claimed, good and bad; 0 for an empty queue. */
  readonly claimed: number;
  /** Of them readings that were erased before they were stored. */
  readonly erased: number;
  /** Of them readings whose days were over before they were stored: they are kept no longer, and are dropped. */
  readonly expired: number;
  /** The parts that hold them; durable. */
  readonly parts: readonly WrittenPart[];
  /** Elements and readings that cannot be stored, kept as dead letters now; those that made a write fail among them. */
  readonly deadLettered: number;
  /** Readings put back to the end of the queue, since their partition cannot be written while others can. */
  readonly postponed: number;
  /**
   * Readings put back to the end of the queue since they, or others with them, make a write fail, and the step had spent
   * its {@link MAX_HALVING_WRITES} before it knew which. Every step gets further, so going on at once is right.
   */
  readonly undecided: number;
  /**
   * Readings put back to the end of the queue since they are of more users' days than one step writes: every user's first
   * day was written. Every step gets further.
   */
  readonly left: number;
  /** Why readings were postponed, by partition. */
  readonly failures: readonly PartitionFailure[];
  /** How long the oldest of them had waited when it was stored, milliseconds; 0 for an empty queue. */
  readonly lagMs: number;
  /**
   * `stale`: the lease had ended before the acknowledgement, so the batch is delivered again. Harmless: its parts are
   * there already. `empty`: there was nothing to claim.
   */
  readonly outcome: 'acked' | 'stale' | 'empty';
}

/**
 * One step of a consumer: claims a batch, writes it, acknowledges it. Only when every part is durable is the queue told,
 * so a process killed at any moment loses nothing; the batch is delivered again and finds its parts.
 *
 * What cannot be stored goes to the dead letters in the same atomic step as the acknowledgement. When writing fails, the
 * batch is given back whole and the error is thrown: a full disk never makes a dead letter. Where single partitions
 * fail and the storage is well otherwise, their readings go to the end of the queue and the rest is stored. Where readings
 * make a write fail for what they hold (`unstorable_readings`), halving finds them, and they alone become dead letters.
 *
 * The queue remembers the store of its first batch. Where the storage is another later, as the empty mount point of its disk is, nothing
 * is claimed (`storage_replaced`) until it is back or {@link adoptStore} was called.
 *
 * @throws HrmError kind `invalid` for settings that are none, kind `unavailable` when queue or storage cannot now, kind `closed` when aborted.
 * @example
 * const { claimed, parts } = await drainBatch({ queue, storage });
 */
export async function drainBatch(
  { queue, storage, clock = systemClock, observer }: DrainComponents,
  {
    batchMaxReadings = DEFAULTS.batchMaxReadings,
    leaseMs = DEFAULTS.leaseMs,
    maxFutureMs = DEFAULTS.maxFutureMs,
    maxPastMs = DEFAULTS.maxPastMs,
    maxSmallParts,
  }: DrainSettings = {},
  { signal, onProgress, onStoring }: DrainOptions = {},
): Promise<DrainSummary> {
  checkAtLeastOne({ batchMaxReadings, leaseMs });
  // What carries no time of receipt gets one by its claim: with a wrong one it would be a dead letter.
  receivedNowMs(clock);
  const limits = { maxReadings: batchMaxReadings, maxBytes: MAX_CLAIM_BYTES, maxElements: MAX_CLAIM_ELEMENTS, leaseMs };
  const isStoreKnown = await requireSameStore({ queue, storage });
  const claim = await queue.claim(limits, { signal });
  if (claim === null) {
    onStoring?.();
    return {
      claimed: 0,
      erased: 0,
      expired: 0,
      parts: [],
      deadLettered: 0,
      postponed: 0,
      undecided: 0,
      left: 0,
      failures: [],
      lagMs: 0,
      outcome: 'empty',
    };
  }
  const lease = keepLease(queue, claim.token, leaseMs, signal);
  try {
    const { yieldTurn } = createYielder();
    // A claim of the longest ids is a long piece already.
    await yieldTurn();
    const decoded = await inTurns(decodeSteps(claim.elements, { maxFutureMs, maxPastMs }), yieldTurn);
    const { rejected, deferred } = decoded;
    await yieldTurn();
    const left = await leaveErased(storage, decoded, yieldTurn);
    const { readings, originOf, erased, expired } = await leaveExpired({ storage, clock }, left, yieldTurn);
    const batch = await writeDelivered(storage, readings, { signal, maxSmallParts, onProgress, onStoring });
    if (observer !== undefined) await inTurns(observer.stored(readings), yieldTurn);
    if (!isStoreKnown && batch.written.length > 0) await rememberStore({ queue, storage });
    const stampMs = claim.elements[0]?.stampMs ?? clock.nowMs();
    const remainder = remainderOf(batch, { readings, originOf, rejected, deferred }, stampMs);
    await lease.end();
    const outcome = await queue.ack(claim.token, remainder);
    const isAcked = outcome === 'acked';
    return {
      claimed: readings.length + rejected.length + erased + expired,
      erased,
      expired,
      parts: batch.written,
      deadLettered: isAcked ? remainder.deadLetters.length : 0,
      postponed: isAcked ? count(batch.postponed.map(({ group }) => group)) : 0,
      undecided: isAcked ? count(batch.undecided) + deferred.length : 0,
      left: isAcked ? batch.left.length : 0,
      failures: batch.postponed.map(({ partition, error }) => describeFailure(partition, error)),
      lagMs: Math.max(0, clock.nowMs() - Math.min(stampMs, readings.receivedMs[0] || stampMs)),
      outcome,
    };
  } catch (error) {
    await lease.end();
    await giveBack(queue, claim.token);
    throw error;
  }
}

/** A batch without what is erased of it. */
interface LeftBatch extends Pick<DecodedElements, 'readings' | 'originOf'> {
  /** Readings that were left out. */
  readonly erased: number;
}

/**
 * Leaves out what was accepted before it was erased. The erasures are looked at after the claim: what was pushed when one had returned is
 * judged by it.
 */
async function leaveErased(
  storage: Storage,
  { readings, originOf }: DecodedElements,
  yieldTurn: () => Promise<void>,
): Promise<LeftBatch> {
  const register = await storage.erasures.current();
  const left = await inTurns(
    eraseQueued(readings, register, (row) => originOf(row).stampMs),
    yieldTurn,
  );
  if (left === null) return { readings, originOf, erased: 0 };
  const { rows, receivedMs } = left;
  return {
    readings: takeQueued({ ...readings, receivedMs }, rows),
    originOf: (row) => originOf(rows[row] as number),
    erased: readings.length - rows.length,
  };
}

/** Leaves out what is kept no longer. */
async function leaveExpired(
  components: Pick<DrainComponents, 'storage'> & { readonly clock: Clock },
  batch: LeftBatch,
  yieldTurn: () => Promise<void>,
): Promise<LeftBatch & { readonly expired: number }> {
  const { readings, originOf } = batch;
  const rows = await keptRows(components, readings, yieldTurn);
  if (rows === null) return { ...batch, expired: 0 };
  return {
    ...batch,
    readings: takeQueued(readings, rows),
    originOf: (row) => originOf(rows[row] as number),
    expired: readings.length - rows.length,
  };
}

/** What the acknowledgement leaves behind of a batch: the dead, and what goes to the end of the queue with its stamp kept. */
function remainderOf(
  batch: WrittenBatch,
  { readings, originOf, rejected, deferred }: DecodedElements,
  stampMs: number,
) {
  const groups = [...batch.postponed.map(({ group }) => group), ...batch.undecided, batch.left];
  const elements = groups.flatMap((group) => encodeElements(takeQueued(readings, group)));
  const unstorable = batch.unstorable.map((row) => unstorableDeadLetter(readingAt(readings, row), originOf(row)));
  return {
    deadLetters: [...rejected, ...unstorable],
    requeue: [
      ...elements.map((element) => ({ ...element, stampMs })),
      // Nobody has looked into these.
      ...deferred.map(({ bytes, stampMs: own }) => ({ bytes, readings: guessReadings(bytes), stampMs: own })),
    ],
  };
}

function count(groups: readonly { readonly length: number }[]): number {
  return groups.reduce((sum, group) => sum + group.length, 0);
}

function checkAtLeastOne(settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    const message = `${name} must be an integer from 1`;
    throw faultError('invalid_settings', message, `/${name}`);
  }
}

/** Renews a lease three times in its length until ended or aborted, so that a batch may take longer than its lease. */
function keepLease(queue: Queue, token: string, leaseMs: number, signal?: AbortSignal): { end(): Promise<void> } {
  let renewal: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // A call that hangs must not keep the batch for ever: once told to stop, the step has what is left of its lease.
    if (signal?.aborted) return;
    // A renewal that fails is not the batch's failure: the lease may still hold, and `ack` has the last word.
    renewal = queue.renew(token, leaseMs).catch(() => undefined);
  }, leaseMs / 3);
  return {
    async end() {
      clearInterval(timer);
      await renewal;
    },
  };
}

async function giveBack(queue: Queue, token: string): Promise<void> {
  try {
    await queue.release(token);
  } catch (error) {
    // The lease ends by itself. The error that made us give the batch back is the one to report.
    if (!isHrmError(error)) throw error;
  }
}
