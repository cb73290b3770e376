/**
 * How the whole system is: what the health check saw, what is stored, and what the compacter of this process did last. The client reads it as
 * `ServerSystem`.
 * @module
 */
import type { CompactSummary } from '../flow/compact/compact-summary.js';
import type { StorageSize } from '../flow/read/measure-storage.js';
import { MEASURE_PAUSE_SHARE, MIN_MEASURE_PAUSE_MS } from '../limits.js';
import type { CompacterEvent } from '../loops.js';
import { queuedCounts } from './counts.js';
import type { Health, HealthView } from './health.js';

/** Knows how the system is. */
export interface SystemView {
  /** As `GET /system` tells it. Takes no longer than a health check: what is stored is counted in the background. */
  look(): Promise<Readonly<Record<string, unknown>>>;
  /** Hears of what a compacter of this process does. */
  compacter(event: CompacterEvent): void;
}

/** What it goes by. */
export interface SystemComponents {
  readonly health: Pick<Health, 'look' | 'check'>;
  /** Counts what is stored, which lists every directory. */
  readonly measure: () => Promise<StorageSize>;
  /** The process, as it is told. */
  readonly process: { readonly version: string; readonly parts: readonly string[] };
  /** Ends the counting. */
  readonly signal: AbortSignal;
}

interface Known<T> {
  readonly value: T;
  readonly atMs: number;
}

/** Creates it; nothing is counted before somebody asks. */
export function createSystemView({ health, measure, process, signal }: SystemComponents): SystemView {
  const startedAt = new Date().toISOString();
  const files = countNowAndThen(measure, signal);
  let compaction: Known<CompactSummary> | null = null;
  return {
    async look() {
      const counted = files();
      const { queue, space } = await health.look();
      return {
        health: await health.check(),
        queue: queue === null ? null : queueToWire(queue),
        files: counted === null ? null : filesToWire(counted),
        compaction: compaction === null ? null : compactionToWire(compaction),
        space: space.map(({ place, freeBytes, totalBytes }) => {
          return { place, free_bytes: freeBytes, total_bytes: totalBytes };
        }),
        process: { ...process, started_at: startedAt },
      };
    },
    compacter(event) {
      if (event.type === 'compacted') compaction = { value: event.summary, atMs: Date.now() };
    },
  };
}

/**
 * Counts in the background, one count at a time, and the longer it takes the more seldom.
 * @returns what begins a count where one is due, and gives what the last one found.
 */
function countNowAndThen(measure: () => Promise<StorageSize>, signal: AbortSignal): () => Known<StorageSize> | null {
  let known: Known<StorageSize> | null = null;
  let nextMs = 0;
  let isCounting = false;
  async function count(): Promise<void> {
    isCounting = true;
    const beganMs = Date.now();
    try {
      known = { value: await measure(), atMs: Date.now() };
    } catch {
      // The health check says what is wrong with the storage; what was counted before is still of its time.
    } finally {
      nextMs = Date.now() + Math.max(MIN_MEASURE_PAUSE_MS, MEASURE_PAUSE_SHARE * (Date.now() - beganMs));
      isCounting = false;
    }
  }
  return () => {
    if (!isCounting && Date.now() >= nextMs && !signal.aborted) void count();
    return known;
  };
}

function queueToWire(queue: NonNullable<HealthView['queue']>) {
  const { readings, claimedReadings, deadLetters, oldestAgeMs } = queuedCounts(queue, queue.nowMs);
  return {
    readings,
    claimed_readings: claimedReadings,
    dead_letters: deadLetters,
    oldest_age_ms: oldestAgeMs ?? null,
    high_water: queue.highWater,
  };
}

function filesToWire({ value, atMs }: Known<StorageSize>) {
  const { files, bytes, partitions, compactedFiles, sharedParts, mostFiles, withoutRollup } = value;
  const { users, days, firstDate, lastDate } = value;
  return {
    files,
    bytes,
    partitions,
    compacted_files: compactedFiles,
    shared_parts: sharedParts,
    most_files_of_a_day: mostFiles,
    without_rollup: withoutRollup,
    users,
    days,
    first_date: firstDate,
    last_date: lastDate,
    counted_at: new Date(atMs).toISOString(),
  };
}

function compactionToWire({ value, atMs }: Known<CompactSummary>) {
  const { partitions, left, compacted, merged, readings, swept, failures } = value;
  const at = new Date(atMs).toISOString();
  return { partitions, left, compacted, merged, readings, swept, failures: failures.length, ended_at: at };
}
