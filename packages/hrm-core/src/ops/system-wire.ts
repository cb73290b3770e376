/** How the whole system is, in the names of the wire. */
import type { StorageSize } from '../flow/read/measure-storage.js';
import { MAX_TOLD_PROCESSES } from '../limits.js';
import { queuedCounts } from './counts.js';
import type { HealthView } from './health.js';
import type { Known } from './in-background.js';
import type { LetterReasons } from './letter-reasons.js';
import type { EndedCompaction, SeenProcesses } from './presence.js';
import type { QueueMoment } from './queue-history.js';

/** How many alerts there are. */
export interface AlertCounts {
  /** That may be open. */
  readonly open: number;
  /** Messages that wait to be told. */
  readonly untold: number;
  /** Messages that could not be told within a day. */
  readonly failed: number;
}

/** Of a queue, what waits and how much may. */
export function queueToWire(queue: NonNullable<HealthView['queue']>) {
  return { ...momentToWire(queue), high_water: queue.highWater };
}

function momentToWire(moment: QueueMoment) {
  const { readings, claimedReadings, deadLetters, oldestAgeMs } = queuedCounts(moment, moment.nowMs);
  return {
    readings,
    claimed_readings: claimedReadings,
    dead_letters: deadLetters,
    oldest_age_ms: oldestAgeMs ?? null,
  };
}

/** What was in the queue, oldest first. */
export function historyToWire(points: readonly QueueMoment[]) {
  return points.map((moment) => ({ at: instant(moment.nowMs), ...momentToWire(moment) }));
}

/** What is stored. */
export function filesToWire({ value, atMs }: Known<StorageSize>) {
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
    counted_at: instant(atMs),
  };
}

/** The last run of any compacter, and who ran it. */
export function compactionToWire({ record, endedMs }: EndedCompaction) {
  const { partitions, left, compacted, merged, readings, swept, failures, host, pid } = record;
  const at = instant(endedMs);
  return { partitions, left, compacted, merged, readings, swept, failures, host, pid, ended_at: at };
}

/** Who works on the store. */
export function processesToWire({ value, atMs }: Known<SeenProcesses>) {
  const told = value.processes.slice(0, MAX_TOLD_PROCESSES);
  return {
    processes: told.map(({ parts, version, host, pid, state, ageMs, up_ms: upMs, isSelf }) => ({
      ...{ parts, version, host, pid, state },
      started_at: instant(atMs - ageMs - upMs),
      last_seen_at: instant(atMs - ageMs),
      answers: isSelf,
    })),
    left_off: value.processes.length - told.length,
    looked_at: instant(atMs),
  };
}

/** Why dead letters are dead. */
export function lettersToWire({ value: { looked, reasons }, atMs }: Known<LetterReasons>) {
  return {
    counted: looked,
    reasons: reasons.map(({ code, count, oldestMs, newestMs }) => {
      return { code, count, oldest_at: instant(oldestMs), newest_at: instant(newestMs) };
    }),
    counted_at: instant(atMs),
  };
}

/** How many alerts there are. */
export function alertsToWire({ value: { open, untold, failed }, atMs }: Known<AlertCounts>) {
  return { open, untold, failed, counted_at: instant(atMs) };
}

/** As ISO 8601; what is no time of `Date` as 1970. */
function instant(ms: number): string {
  const date = new Date(ms);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString();
}
