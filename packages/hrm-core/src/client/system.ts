import { HrmError } from '../errors.js';

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
  const { queue, files } = fieldsOf(body);
  return {
    queue: queue === null ? null : toQueue(fieldsOf(queue)),
    files: files === null ? null : toFiles(fieldsOf(files)),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function toQueue(queue: Fields): ServerQueue {
  return {
    readings: numberOf(queue.readings),
    claimedReadings: numberOf(queue.claimed_readings),
    deadLetters: numberOf(queue.dead_letters),
    oldestAgeMs: queue.oldest_age_ms === null ? null : numberOf(queue.oldest_age_ms),
  };
}

function toFiles(files: Fields): ServerFiles {
  return {
    files: numberOf(files.files),
    bytes: numberOf(files.bytes),
    partitions: numberOf(files.partitions),
    compactedFiles: numberOf(files.compacted_files),
    sharedParts: numberOf(files.shared_parts),
    mostFiles: numberOf(files.most_files_of_a_day),
    users: numberOf(files.users),
    days: numberOf(files.days),
    firstDate: files.first_date === null ? null : textOf(files.first_date),
    lastDate: files.last_date === null ? null : textOf(files.last_date),
    countedAt: textOf(files.counted_at),
  };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw badAnswerError();
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw badAnswerError();
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw badAnswerError();
}

function badAnswerError(): HrmError {
  const message = 'what came is not an answer of this system: is the url that of its server?';
  return new HrmError(message, { kind: 'unavailable', code: 'bad_answer' });
}
