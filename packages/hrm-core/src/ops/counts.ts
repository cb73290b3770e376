/**
 * What is stored and what waits, in counts: as a server tells them, or as they are counted here.
 * @module
 */
import { abortedError, type HrmError, isHrmError } from '../errors.js';
import type { ExpiredSize } from '../flow/read/measure-expired.js';
import type { StorageSize } from '../flow/read/measure-storage.js';
import type { QueueDepth } from '../ports/queue.js';

/** What is stored, in counts. */
export interface StoredCounts extends Omit<StorageSize, 'lastDays' | 'withoutRollup'> {
  /** Users' days that have no rollup; `null`: an older server does not tell. */
  readonly withoutRollup: number | null;
  /** When a server counted it, ISO 8601; it does so every 30 s at most. */
  readonly countedAt?: string | undefined;
  /** What is kept no longer, and would go; `undefined`: not told by a server. */
  readonly expired?: ExpiredSize | null | undefined;
}

/** What waits in the queue, in counts. */
export interface QueuedCounts extends Omit<QueueDepth, 'oldestMs' | 'endedClaims'> {
  /** `undefined`: not told by a server. */
  readonly endedClaims?: number | undefined;
  /** `null` where nothing waits, `undefined` where the queue cannot tell. */
  readonly oldestAgeMs: number | null | undefined;
}

/** Counts; `null` where they cannot be asked. */
export interface SystemCounts {
  readonly storage: StoredCounts | null;
  readonly queue: QueuedCounts | null;
}

/** What counts; each opens what it asks. */
export interface CountComponents {
  readonly measure: () => Promise<StoredCounts>;
  readonly depth: () => Promise<QueueDepth>;
}

/**
 * Counts both at once. What is unavailable is no error: the other is told all the same.
 * @returns the counts, and why some are `null`.
 * @throws HrmError kind `closed` when `signal` fires; else what is no failure of kind `unavailable`.
 */
export async function countSystem(
  { measure, depth }: CountComponents,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<SystemCounts & { readonly failures: readonly HrmError[] }> {
  const [stored, waiting] = await Promise.allSettled([measure(), depth()]);
  if (signal?.aborted === true) throw abortedError('counting', signal.reason);
  const failures = [stored, waiting].flatMap((result) => (result.status === 'fulfilled' ? [] : unavailable(result)));
  return {
    storage: stored.status === 'fulfilled' ? stored.value : null,
    queue: waiting.status === 'fulfilled' ? queuedCounts(waiting.value, Date.now()) : null,
    failures,
  };
}

function unavailable({ reason }: PromiseRejectedResult): HrmError {
  if (isHrmError(reason) && reason.kind === 'unavailable') return reason;
  throw reason;
}

/** The depth of a queue, with the age of what waits longest: 0 where a clock is behind. */
export function queuedCounts({ oldestMs, ...counts }: QueueDepth, nowMs: number) {
  return { ...counts, oldestAgeMs: oldestMs == null ? oldestMs : Math.max(0, nowMs - oldestMs) };
}

/** The counts for programs, in the names of the wire. What is not known is left out. */
export function countsToWire({ storage, queue }: SystemCounts) {
  return {
    storage: storage === null ? null : storedToWire(storage),
    queue: queue === null ? null : queuedToWire(queue),
  };
}

function storedToWire({ days, users, partitions, files, bytes, ...size }: StoredCounts) {
  return {
    days,
    users,
    partitions,
    files,
    bytes,
    compacted_files: size.compactedFiles,
    shared_parts: size.sharedParts,
    most_files: size.mostFiles,
    without_rollup: size.withoutRollup,
    first_date: size.firstDate,
    last_date: size.lastDate,
    counted_at: size.countedAt,
    expired: size.expired ?? undefined,
  };
}

function queuedToWire({ readings, claimedReadings, deadLetters, endedClaims, oldestAgeMs }: QueuedCounts) {
  return {
    readings,
    claimed_readings: claimedReadings,
    dead_letters: deadLetters,
    ended_claims: endedClaims,
    oldest_age_ms: oldestAgeMs ?? null,
  };
}
