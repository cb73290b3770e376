/**
 * What `hrm stats` tells, of what is here and of what a server tells.
 */
import { bytesText, dashedDate, plural, type StorageSize } from 'hrm-core';
import { summaryText } from '../output/output.js';

/** What is stored, in counts. */
export interface StoredCounts extends Omit<StorageSize, 'lastDays' | 'withoutRollup'> {
  /** Users' days that have no rollup; `null`: an older server does not tell. */
  readonly withoutRollup: number | null;
  /** When a server counted it, ISO 8601; it does so every 30 s at most. */
  readonly countedAt?: string | undefined;
}

/** What waits in the queue, in counts. */
export interface QueuedCounts {
  readonly readings: number;
  readonly claimedReadings: number;
  readonly deadLetters: number;
  /** `undefined`: not told by a server. */
  readonly endedClaims?: number | undefined;
  /** `null` where nothing waits. */
  readonly oldestAgeMs: number | null;
}

/** Counts; `null` where they cannot be asked. */
export interface Report {
  readonly storage: StoredCounts | null;
  readonly queue: QueuedCounts | null;
}

/** The report for programs. What is not known is left out. */
export function reportToWire({ storage, queue }: Report) {
  return {
    storage: storage === null ? null : storageToWire(storage),
    queue: queue === null ? null : queueToWire(queue),
  };
}

function storageToWire({ days, users, partitions, files, bytes, ...size }: StoredCounts) {
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
  };
}

function queueToWire({ readings, claimedReadings, deadLetters, endedClaims, oldestAgeMs }: QueuedCounts) {
  return {
    readings,
    claimed_readings: claimedReadings,
    dead_letters: deadLetters,
    ended_claims: endedClaims,
    oldest_age_ms: oldestAgeMs,
  };
}

/** The report for people. */
export function reportText({ storage, queue }: Report): string {
  return summaryText([...storageRows(storage), ...queueRows(queue)]);
}

type Rows = readonly (readonly [label: string, value: string | number])[];

function storageRows(size: StoredCounts | null): Rows {
  if (size === null) return [['storage', 'cannot be asked']];
  const { days, firstDate, lastDate, users, partitions, files, bytes, compactedFiles, sharedParts, mostFiles } = size;
  return [
    ['days', firstDate === null ? 0 : `${days}, ${dashedDate(firstDate)} to ${dashedDate(lastDate ?? firstDate)}`],
    ['users with files', users],
    ['partitions', partitions],
    ['files', `${files} (${compactedFiles} compacted, ${sharedParts} shared), at most ${mostFiles} in a partition`],
    ['bytes', bytesText(bytes)],
    ...withoutRollupRow(size),
    ...(size.countedAt === undefined ? [] : [['counted', size.countedAt] as const]),
  ];
}

/** Only where there are some: what it means is for few. */
function withoutRollupRow({ withoutRollup }: StoredCounts): Rows {
  if (withoutRollup === null || withoutRollup === 0) return [];
  const days = plural(withoutRollup, 'day of a user', 'days of users');
  return [['not rolled up', `${days}: of too many devices, so that every question reads all their readings`]];
}

function queueRows(queue: QueuedCounts | null): Rows {
  if (queue === null) return [['queue', 'cannot be asked']];
  const { oldestAgeMs } = queue;
  return [
    ['readings queued', queue.readings],
    ['readings claimed', queue.claimedReadings],
    ['oldest', oldestAgeMs === null ? 'none' : `${Math.round(oldestAgeMs / 1_000)} s ago`],
    ...(queue.endedClaims === undefined ? [] : [['claims that ended', queue.endedClaims] as const]),
    ['dead letters', queue.deadLetters],
  ];
}
