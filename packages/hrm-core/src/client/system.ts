import { type Fields, toFields, toNumber, toText } from './wire.js';

/** What is stored, as a server counted it a moment ago. */
export interface ServerFiles {
  readonly files: number;
  readonly bytes: number;
  /** Users' days, and days of shared parts. */
  readonly partitions: number;
  readonly compactedFiles: number;
  readonly sharedParts: number;
  /** Files of the partition that has the most. */
  readonly mostFiles: number;
  /** Users' days of too many devices for a rollup; `null`: an older server does not tell. */
  readonly withoutRollup: number | null;
  /** Users with files of their own. */
  readonly users: number;
  readonly days: number;
  /** `YYYYMMDD`; `null` where nothing is stored. */
  readonly firstDate: string | null;
  readonly lastDate: string | null;
  /** ISO 8601. */
  readonly countedAt: string;
}

/** What waits to be stored. */
export interface ServerQueue {
  readonly readings: number;
  readonly claimedReadings: number;
  readonly deadLetters: number;
  /** Of the reading that waits longest; `null` where none does. */
  readonly oldestAgeMs: number | null;
}

/** How the whole system is, of what `GET /system` tells. */
export interface ServerSystem {
  /** `null`: it cannot be asked. */
  readonly queue: ServerQueue | null;
  /** `null`: not counted yet. The first who asks begins that. */
  readonly files: ServerFiles | null;
}

/** Reads the body of `GET /system`. @throws HrmError kind `unavailable`, code `bad_answer`, for any other. */
export function toSystem(body: unknown): ServerSystem {
  const { queue, files } = toFields(body);
  return {
    queue: queue === null ? null : toQueue(toFields(queue)),
    files: files === null ? null : toFiles(toFields(files)),
  };
}

function toQueue(queue: Fields): ServerQueue {
  return {
    readings: toNumber(queue.readings),
    claimedReadings: toNumber(queue.claimed_readings),
    deadLetters: toNumber(queue.dead_letters),
    oldestAgeMs: queue.oldest_age_ms === null ? null : toNumber(queue.oldest_age_ms),
  };
}

function toFiles(files: Fields): ServerFiles {
  return {
    files: toNumber(files.files),
    bytes: toNumber(files.bytes),
    partitions: toNumber(files.partitions),
    compactedFiles: toNumber(files.compacted_files),
    sharedParts: toNumber(files.shared_parts),
    mostFiles: toNumber(files.most_files_of_a_day),
    withoutRollup: files.without_rollup === undefined ? null : toNumber(files.without_rollup),
    users: toNumber(files.users),
    days: toNumber(files.days),
    firstDate: files.first_date === null ? null : toText(files.first_date),
    lastDate: files.last_date === null ? null : toText(files.last_date),
    countedAt: toText(files.counted_at),
  };
}
