/**
 * How the whole system is, for the system page: what the health check saw, what is stored, and what the compacter of this
 * process did last.
 */
import {
  type CompacterEvent,
  type CompactSummary,
  type Health,
  measureStorage,
  type Storage,
  type StorageSize,
} from 'hrm-core';
import { MEASURE_PAUSE_SHARE, MIN_MEASURE_PAUSE_MS } from '../limits.js';
import { VERSION } from '../package.js';
import { type Handler, jsonResponse } from './handler.js';

/** Knows how the system is. */
export interface System {
  /** Answers with it. Takes no longer than a health check: what is stored is counted in the background. */
  readonly answer: Handler;
  /** Hears of what a compacter of this process does. */
  compacter(event: CompacterEvent): void;
}

/** What it goes by. */
export interface SystemComponents {
  readonly health: Pick<Health, 'look' | 'check'>;
  readonly storage: Storage;
  readonly parts: readonly string[];
  /** Ends the counting. */
  readonly signal: AbortSignal;
}

interface Known<T> {
  readonly value: T;
  readonly atMs: number;
}

/** Creates it; nothing is counted before somebody asks. */
export function createSystem({ health, storage, parts, signal }: SystemComponents): System {
  const startedMs = Date.now();
  let files: Known<StorageSize> | null = null;
  let compaction: Known<CompactSummary> | null = null;
  let nextMs = 0;
  let isCounting = false;

  /** Lists the directories, one count at a time, and the longer it takes the more seldom. */
  async function count(): Promise<void> {
    isCounting = true;
    const beganMs = Date.now();
    try {
      files = { value: await measureStorage({ storage }, { signal }), atMs: Date.now() };
    } catch {
      // The health check says what is wrong with the storage; what was counted before is still of its time.
    } finally {
      nextMs = Date.now() + Math.max(MIN_MEASURE_PAUSE_MS, MEASURE_PAUSE_SHARE * (Date.now() - beganMs));
      isCounting = false;
    }
  }

  return {
    async answer(call) {
      if (!isCounting && Date.now() >= nextMs && !signal.aborted) void count();
      const { queue, space } = await health.look();
      return jsonResponse(call, 200, {
        health: await health.check(),
        queue:
          queue === null
            ? null
            : {
                readings: queue.readings,
                claimed_readings: queue.claimedReadings,
                dead_letters: queue.deadLetters,
                oldest_age_ms: queue.oldestMs === null ? null : Math.max(0, queue.nowMs - queue.oldestMs),
                high_water: queue.highWater,
              },
        files: files === null ? null : filesToWire(files),
        compaction: compaction === null ? null : compactionToWire(compaction),
        space: space.map(({ place, freeBytes, totalBytes }) => {
          return { place, free_bytes: freeBytes, total_bytes: totalBytes };
        }),
        process: { version: VERSION, parts, started_at: new Date(startedMs).toISOString() },
      });
    },
    compacter(event) {
      if (event.type === 'compacted') compaction = { value: event.summary, atMs: Date.now() };
    },
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
