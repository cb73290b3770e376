/** How a server is: its health, and what it knows of the system. */
import { badAnswerError, type Fields, toFields, toList, toNumber, toText } from './wire.js';

/** What the server says of itself. */
export interface ServerHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** Each `healthy` or the reason. */
  readonly checks: Readonly<Record<string, string>>;
}

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
  /** Of the reading that waits longest; `null` where none does, or the queue cannot tell. */
  readonly oldestAgeMs: number | null;
  /** Readings beyond which the queue refuses more. */
  readonly highWater: number;
}

/** What the last run of a server's own compacter did. */
export interface ServerCompaction {
  /** Users' days, and days of shared parts, that it looked at. */
  readonly partitions: number;
  /** Those that it left for the next run. */
  readonly left: number;
  /** Those that it brought to one file. */
  readonly compacted: number;
  /** Files merged. */
  readonly merged: number;
  /** Readings rewritten. */
  readonly readings: number;
  /** Superseded files deleted. */
  readonly swept: number;
  /** Partitions that it failed at. */
  readonly failures: number;
  /** ISO 8601. */
  readonly endedAt: string;
}

/** The room under the queue or the storage, bytes; `null` where the system does not tell. */
export interface ServerSpace {
  readonly place: string;
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
}

/** The process that answered. */
export interface ServerProcess {
  readonly version: string;
  /** Of `api`, `consumer` and `compacter`, those that it runs. */
  readonly parts: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
}

/** How the whole system is: what `GET /system` tells. */
export interface ServerSystem {
  readonly health: ServerHealth;
  /** `null`: it cannot be asked. */
  readonly queue: ServerQueue | null;
  /** `null`: not counted yet. The first who asks begins that. */
  readonly files: ServerFiles | null;
  /** `null`: the process has no compacter, or that has not run yet. */
  readonly compaction: ServerCompaction | null;
  readonly space: readonly ServerSpace[];
  readonly process: ServerProcess;
}

/** Reads the body of `GET /health`. @throws HrmError kind `unavailable`, code `bad_answer`, for any other, as all here. */
export function toHealth(body: unknown): ServerHealth {
  const { status, checks } = toFields(body);
  if (status !== 'healthy' && status !== 'degraded' && status !== 'unhealthy') throw badAnswerError();
  const listed = Object.entries(toFields(checks)).map(([name, check]) => [name, toText(check)]);
  return { status, checks: Object.fromEntries(listed) };
}

/** Reads the body of `GET /system`. */
export function toSystem(body: unknown): ServerSystem {
  const { health, queue, files, compaction, space, process } = toFields(body);
  return {
    health: toHealth(health),
    queue: orNull(queue, toQueue),
    files: orNull(files, toFiles),
    compaction: orNull(compaction, toCompaction),
    space: toList(space, toSpace),
    process: toProcess(toFields(process)),
  };
}

function orNull<T>(value: unknown, to: (fields: Fields) => T): T | null {
  return value === null ? null : to(toFields(value));
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : toNumber(value);
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : toText(value);
}

function toQueue(queue: Fields): ServerQueue {
  return {
    readings: toNumber(queue.readings),
    claimedReadings: toNumber(queue.claimed_readings),
    deadLetters: toNumber(queue.dead_letters),
    oldestAgeMs: numberOrNull(queue.oldest_age_ms),
    highWater: toNumber(queue.high_water),
  };
}

function toCompaction(compaction: Fields): ServerCompaction {
  return {
    partitions: toNumber(compaction.partitions),
    left: toNumber(compaction.left),
    compacted: toNumber(compaction.compacted),
    merged: toNumber(compaction.merged),
    readings: toNumber(compaction.readings),
    swept: toNumber(compaction.swept),
    failures: toNumber(compaction.failures),
    endedAt: toText(compaction.ended_at),
  };
}

function toSpace(value: unknown): ServerSpace {
  const { place, free_bytes: freeBytes, total_bytes: totalBytes } = toFields(value);
  return { place: toText(place), freeBytes: numberOrNull(freeBytes), totalBytes: numberOrNull(totalBytes) };
}

function toProcess({ version, parts, started_at: startedAt }: Fields): ServerProcess {
  return { version: toText(version), parts: toList(parts, toText), startedAt: toText(startedAt) };
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
    firstDate: textOrNull(files.first_date),
    lastDate: textOrNull(files.last_date),
    countedAt: toText(files.counted_at),
  };
}
