import { HrmError, isHrmError, isTotal } from '../errors.js';
import { DAY_MS, MAX_CLAIM_BYTES, MAX_CLAIM_ELEMENTS } from '../limits.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { CallOptions, Queue } from '../ports/queue.js';
import type { PartitionFailure, Storage } from '../ports/storage.js';
import { columnsFromReadings, readingsFromColumns } from '../pure/columns.js';
import { decodeElements, encodeElements } from '../pure/element.js';
import { type WrittenPart, writePartitions } from './write-part.js';

/** What `drainBatch` works on. */
export interface DrainComponents {
  readonly queue: Queue;
  readonly storage: Storage;
  /** Tells how long readings waited; the machine's by default. */
  readonly clock?: Clock | undefined;
}

/** How much one step takes, and for how long it may hold it. */
export interface DrainSettings {
  /** Readings of one claim, >= 1; default 50,000. An element (of at most 1,000) is never split: one is always taken. */
  readonly batchMaxReadings?: number | undefined;
  /** How long the claim is ours without a sign of life, milliseconds; default 30,000. Renewed while the step works. */
  readonly leaseMs?: number | undefined;
  /** How far beyond its stamp a foreign producer's reading may lie, milliseconds; default 24 hours. */
  readonly maxFutureMs?: number | undefined;
}

/** What one step did. */
export interface DrainSummary {
  /** Readings claimed, good and bad; 0 for an empty queue. */
  readonly claimed: number;
  /** The parts that hold them; durable. */
  readonly parts: readonly WrittenPart[];
  /** Elements and readings that cannot be stored, kept as dead letters now. */
  readonly deadLettered: number;
  /** Readings put back to the end of the queue, since their partition cannot be written while others can. */
  readonly postponed: number;
  /** Why, by partition. */
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
 * batch is given back whole and the error is thrown: a full disk never makes a dead letter. Only where single partitions
 * fail and the storage is well otherwise, their readings go to the end of the queue and the rest is stored.
 *
 * @throws HrmError kind `invalid` for settings that are none, kind `unavailable` when queue or storage cannot now, kind `closed` when aborted.
 * @example
 * const { claimed, parts } = await drainBatch({ queue, storage });
 */
export async function drainBatch(
  { queue, storage, clock = systemClock }: DrainComponents,
  { batchMaxReadings = 50_000, leaseMs = 30_000, maxFutureMs = DAY_MS }: DrainSettings = {},
  { signal }: CallOptions = {},
): Promise<DrainSummary> {
  checkAtLeastOne({ batchMaxReadings, leaseMs });
  const limits = { maxReadings: batchMaxReadings, maxBytes: MAX_CLAIM_BYTES, maxElements: MAX_CLAIM_ELEMENTS, leaseMs };
  const claim = await queue.claim(limits, { signal });
  if (claim === null)
    return { claimed: 0, parts: [], deadLettered: 0, postponed: 0, failures: [], lagMs: 0, outcome: 'empty' };
  const lease = keepLease(queue, claim.token, leaseMs, signal);
  try {
    const { readings, rejected } = decodeElements(claim.elements, maxFutureMs);
    const { written, failed } = await writePartitions(storage, columnsFromReadings(readings), { signal });
    if (failed.length > 0) await requirePassing(storage, failed);
    const stampMs = claim.elements[0]?.stampMs ?? clock.nowMs();
    const requeue = failed.flatMap(({ columns }) => encodeElements(readingsFromColumns(columns)));
    await lease.end();
    const outcome = await queue.ack(claim.token, {
      deadLetters: rejected,
      requeue: requeue.map((element) => ({ ...element, stampMs })),
    });
    const isAcked = outcome === 'acked';
    return {
      claimed: readings.length + rejected.length,
      parts: written,
      deadLettered: isAcked ? rejected.length : 0,
      postponed: isAcked ? failed.reduce((sum, { columns }) => sum + columns.length, 0) : 0,
      failures: failed.map(describeFailure),
      lagMs: Math.max(0, clock.nowMs() - stampMs),
      outcome,
    };
  } catch (error) {
    await lease.end();
    await giveBack(queue, claim.token);
    throw error;
  }
}

type Failed = Awaited<ReturnType<typeof writePartitions>>['failed'];

/**
 * Tells partitions that cannot be written (somebody else's directory, a file in the way) from a storage that cannot: only
 * of the former may readings go to the end of the queue, so that they do not hold up everybody else's.
 * @throws the first failure, or why nothing can be written.
 */
async function requirePassing(storage: Storage, failed: Failed): Promise<void> {
  for (const { error } of failed) if (isTotal(error)) throw error;
  await storage.check();
}

function describeFailure({ partition, error }: Failed[number]): PartitionFailure {
  const message = error instanceof Error ? error.message : String(error);
  return { partition, code: isHrmError(error) ? error.code : 'internal', message };
}

function checkAtLeastOne(settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    const message = `${name} must be an integer from 1`;
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', faults: [{ path: `/${name}`, message }] });
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
