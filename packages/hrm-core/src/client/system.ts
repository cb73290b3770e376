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
  /** `null`: they could not be counted so far. */
  readonly deadLetters: number | null;
  /** Of the reading that waits longest; `null` where none does, or the queue cannot tell. */
  readonly oldestAgeMs: number | null;
  /** Readings beyond which the queue refuses more. */
  readonly highWater: number;
}

/** What was in the queue at a moment. */
export interface ServerQueueMoment extends Omit<ServerQueue, 'highWater'> {
  /** ISO 8601. */
  readonly at: string;
}

/** Why the oldest dead letters are dead. */
export interface ServerDeadLetters {
  /** Letters that were looked at. */
  readonly counted: number;
  /** The most frequent first. Times are ISO 8601. */
  readonly reasons: readonly {
    readonly code: string;
    readonly count: number;
    readonly oldestAt: string;
    readonly newestAt: string;
  }[];
  /** ISO 8601. */
  readonly countedAt: string;
}

/** A process that works on the store, or did so. */
export interface ServerPeer {
  /** Of `api`, `consumer`, `compacter` and `primary`, those that it runs. */
  readonly parts: readonly string[];
  readonly version: string;
  /** The machine, and the process's number there. */
  readonly host: string;
  readonly pid: number;
  /** `running`; `stopped`: it has ended as it should; `gone`: it has not been heard of for two minutes. */
  readonly state: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly lastSeenAt: string;
  /** Whether it is the one that answered. */
  readonly answers: boolean;
}

/** Who works on the store. */
export interface ServerPeers {
  /** Those that run first. */
  readonly processes: readonly ServerPeer[];
  /** How many are not told. */
  readonly leftOff: number;
  /** ISO 8601. */
  readonly lookedAt: string;
}

/** How many alerts there are. */
export interface ServerAlerts {
  /** That may be open. */
  readonly open: number;
  /** Messages that wait to be told. */
  readonly untold: number;
  /** Messages that could not be told within a day. */
  readonly failed: number;
  /** ISO 8601. */
  readonly countedAt: string;
}

/** What the last run of a compacter did, whichever process ran it. */
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
  /** Where it ran; `''`: an older server does not tell. */
  readonly host: string;
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
  /** Of the last two hours, oldest first; empty: an older server does not tell. */
  readonly queueHistory: readonly ServerQueueMoment[];
  /** `null`: there are none, or they were not counted yet. */
  readonly deadLetters: ServerDeadLetters | null;
  /** `null`: none is known of. */
  readonly compaction: ServerCompaction | null;
  /** `null`: not looked yet, or it cannot be; an older server does not tell. */
  readonly peers: ServerPeers | null;
  /** `null`: not counted yet, or an older server does not tell. */
  readonly alerts: ServerAlerts | null;
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
  const { health, queue, files, compaction, space, process, ...others } = toFields(body);
  return {
    health: toHealth(health),
    queue: orNull(queue, toQueue),
    queueHistory: toList(others.queue_history ?? [], toMoment),
    deadLetters: orNull(others.dead_letters, toDeadLetters),
    files: orNull(files, toFiles),
    compaction: orNull(compaction, toCompaction),
    peers: orNull(others.processes, toPeers),
    alerts: orNull(others.alerts, toAlerts),
    space: toList(space, toSpace),
    process: toProcess(toFields(process)),
  };
}

function orNull<T>(value: unknown, to: (fields: Fields) => T): T | null {
  return value === null || value === undefined ? null : to(toFields(value));
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : toNumber(value);
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : toText(value);
}

function toWaiting(queue: Fields): Omit<ServerQueue, 'highWater'> {
  return {
    readings: toNumber(queue.readings),
    claimedReadings: toNumber(queue.claimed_readings),
    deadLetters: numberOrNull(queue.dead_letters),
    oldestAgeMs: numberOrNull(queue.oldest_age_ms),
  };
}

function toQueue(queue: Fields): ServerQueue {
  return { ...toWaiting(queue), highWater: toNumber(queue.high_water) };
}

function toMoment(value: unknown): ServerQueueMoment {
  const moment = toFields(value);
  return { at: toText(moment.at), ...toWaiting(moment) };
}

function toDeadLetters({ counted, reasons, counted_at: countedAt }: Fields): ServerDeadLetters {
  function toReason(value: unknown): ServerDeadLetters['reasons'][number] {
    const { code, count, oldest_at: oldestAt, newest_at: newestAt } = toFields(value);
    return { code: toText(code), count: toNumber(count), oldestAt: toText(oldestAt), newestAt: toText(newestAt) };
  }
  return { counted: toNumber(counted), reasons: toList(reasons, toReason), countedAt: toText(countedAt) };
}

function toPeers({ processes, left_off: leftOff, looked_at: lookedAt }: Fields): ServerPeers {
  return { processes: toList(processes, toPeer), leftOff: toNumber(leftOff), lookedAt: toText(lookedAt) };
}

function toPeer(value: unknown): ServerPeer {
  const { parts, version, host, pid, state, answers, ...times } = toFields(value);
  return {
    parts: toList(parts, toText),
    version: toText(version),
    host: toText(host),
    pid: toNumber(pid),
    state: toText(state),
    startedAt: toText(times.started_at),
    lastSeenAt: toText(times.last_seen_at),
    answers: answers === true,
  };
}

function toAlerts({ open, untold, failed, counted_at: countedAt }: Fields): ServerAlerts {
  return { open: toNumber(open), untold: toNumber(untold), failed: toNumber(failed), countedAt: toText(countedAt) };
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
    host: toText(compaction.host ?? ''),
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
