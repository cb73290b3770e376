import {
  HrmError,
  isHrmError,
  measureStorage,
  type QueueDepth,
  queryTables,
  type Row,
  rowsOf,
  type Storage,
  type StorageSize,
  type StoredDay,
} from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { bytesText, plural, summaryText, visibleId, visibleText } from '../output.js';
import { startProgress } from '../progress.js';
import { inFlagNames } from '../query/flag-names.js';

const DAY_MS = 86_400_000;

/** Days of one question: see the contract. */
const MAX_QUESTION_DAYS = 3_660;

/** `hrm stats` */
export const statsCommand: Command = {
  name: 'stats',
  about:
    'Counts what is stored (days, users, files, bytes) and what is queued. It looks at names and sizes of files and reads none; ' +
    "users are only counted. With --user it lists one user's days instead, and how many readings count in each. " +
    'What cannot be asked is left out and said, and the call ends with 3.',
  options: [{ name: 'user', value: 'U', about: 'List the days of this user_id.' }],
  settings: ['dataDir', ...QUEUE_SETTINGS, 'devicePriority'],
  examples: ['hrm stats', 'hrm stats --json', 'hrm stats --user ana'],
  async run(invocation) {
    const userId = invocation.args.value('user');
    return userId === undefined ? await everything(invocation) : await daysOfUser(userId, invocation);
  },
};

async function everything(invocation: Invocation): Promise<'done' | 'unavailable'> {
  const { settings, json, output, signal } = invocation;
  const [stored, queued] = await Promise.allSettled([measure(invocation), depth(settings)]);
  if (signal.aborted) throw new HrmError('interrupted', { kind: 'closed', code: 'aborted' });
  for (const result of [stored, queued]) {
    if (result.status === 'fulfilled') continue;
    if (!isHrmError(result.reason) || result.reason.kind !== 'unavailable') throw result.reason;
    process.stderr.write(`hrm stats: ${visibleText(result.reason.message)}\n`);
  }
  const size = stored.status === 'fulfilled' ? stored.value : null;
  const queue = queued.status === 'fulfilled' ? queued.value : null;
  const wire = { storage: size && storageToWire(size), queue: queue && queueToWire(queue) };
  await output.write(json ? `${JSON.stringify(wire)}\n` : summaryText([...storageRows(size), ...queueRows(queue)]));
  return size === null || queue === null ? 'unavailable' : 'done';
}

async function measure({ settings, json, signal }: Invocation): Promise<StorageSize> {
  const storage = await openStorage(settings, { readOnly: true, create: false });
  const progress = startProgress({ label: 'stats', total: undefined, stream: process.stderr, enabled: !json });
  try {
    return await measureStorage(
      { storage },
      { signal, onProgress: ({ partitions, date }) => progress.update(partitions, `partitions, at ${date}`) },
    );
  } finally {
    progress.end();
    await storage.close();
  }
}

async function depth(settings: Invocation['settings']): Promise<QueueDepth> {
  const queue = await openQueue(settings, { create: false });
  try {
    return await queue.depth();
  } finally {
    await queue.close();
  }
}

function storageToWire({ lastDays: _, ...size }: StorageSize) {
  const { compactedFiles, sharedParts, mostFiles, firstDate, lastDate, ...counts } = size;
  return {
    ...counts,
    compacted_files: compactedFiles,
    shared_parts: sharedParts,
    most_files: mostFiles,
    first_date: firstDate,
    last_date: lastDate,
  };
}

function queueToWire({ readings, claimedReadings, deadLetters, endedClaims, oldestMs }: QueueDepth) {
  return {
    readings,
    claimed_readings: claimedReadings,
    dead_letters: deadLetters,
    ended_claims: endedClaims,
    oldest_age_ms: oldestMs === null ? null : Math.max(0, Date.now() - oldestMs),
  };
}

type Rows = readonly (readonly [label: string, value: string | number])[];

function storageRows(size: StorageSize | null): Rows {
  if (size === null) return [['storage', 'cannot be asked']];
  const { days, firstDate, lastDate, users, partitions, files, bytes, compactedFiles, sharedParts, mostFiles } = size;
  return [
    ['days', firstDate === null ? 0 : `${days}, ${dashed(firstDate)} to ${dashed(lastDate ?? firstDate)}`],
    ['users with files', users],
    ['partitions', partitions],
    ['files', `${files} (${compactedFiles} compacted, ${sharedParts} shared), at most ${mostFiles} in a partition`],
    ['bytes', bytesText(bytes)],
  ];
}

function queueRows(queue: QueueDepth | null): Rows {
  if (queue === null) return [['queue', 'cannot be asked']];
  const ageMs = queue.oldestMs === null ? null : Math.max(0, Date.now() - queue.oldestMs);
  return [
    ['readings queued', queue.readings],
    ['readings claimed', queue.claimedReadings],
    ['oldest', ageMs === null ? 'none' : `${Math.round(ageMs / 1_000)} s ago`],
    ['claims that ended', queue.endedClaims],
    ['dead letters', queue.deadLetters],
  ];
}

function dashed(date: string): string {
  return `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
}

/** A day of a user: what is stored, and what of it counts. */
interface UserDay {
  readonly date: string;
  /** The user's own; 0 where all is in shared parts. */
  readonly files: number;
  readonly bytes: number;
  readonly row: Row | null;
}

async function daysOfUser(userId: string, { settings, json, output, signal }: Invocation): Promise<'done'> {
  const storage = await openStorage(settings, { readOnly: true, create: false });
  try {
    const own = await measureStorage({ storage }, { userId, signal });
    const days = joinDays(own.lastDays, await countReadings(storage, userId, settings, signal));
    const text = [dayLine(['date', 'readings', 'min', 'max', 'files', 'bytes', 'devices']), ...days.map(lineOfDay)];
    const wire = { user_id: userId, days: days.map(dayToWire), count: days.length };
    if (json) await output.write(`${JSON.stringify(wire)}\n`);
    else await output.write(`${text.join('')}${plural(days.length, 'day')}\n`);
  } catch (error) {
    throw inFlagNames(error);
  } finally {
    await storage.close();
  }
  return 'done';
}

/** A row a day, of all days that anybody has: what is in shared parts is in no directory of the user's. */
async function countReadings(
  storage: Storage,
  userId: string,
  settings: Invocation['settings'],
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const dates: string[] = [];
  for await (const { date } of storage.partitions({}, { signal })) if (dates.at(-1) !== date) dates.push(date);
  for await (const { date } of storage.partitions({ directories: ['_shared'] }, { signal })) dates.push(date);
  dates.sort();
  const [fromMs, toMs] = [dates[0], dates.at(-1)].map((date) => Date.parse(dashed(date ?? '19700101')));
  const rows: Row[] = [];
  const endMs = (toMs ?? 0) + DAY_MS;
  for (let startMs = fromMs ?? 0; dates.length > 0 && startMs < endMs; startMs += MAX_QUESTION_DAYS * DAY_MS) {
    const end = Math.min(endMs, startMs + MAX_QUESTION_DAYS * DAY_MS);
    const question = { userId, start: startMs, end, interval: '1d', priority: settings.devicePriority } as const;
    for await (const table of queryTables({ storage }, question, { signal })) rows.push(...rowsOf(table));
  }
  return rows;
}

function joinDays(own: readonly StoredDay[], rows: readonly Row[]): readonly UserDay[] {
  const files = new Map(own.map((day) => [dashed(day.date), day]));
  const counted = new Map(rows.map((row) => [row.timestamp.slice(0, 10), row]));
  return [...new Set([...files.keys(), ...counted.keys()])].sort().map((date) => {
    const { files: count = 0, bytes = 0 } = files.get(date) ?? {};
    return { date, files: count, bytes, row: counted.get(date) ?? null };
  });
}

function dayToWire({ date, files, bytes, row }: UserDay) {
  const { count = 0, min = null, max = null, deviceIds = [] } = row ?? {};
  return { date, readings: count, min, max, files, bytes, device_ids: deviceIds };
}

function lineOfDay({ date, files, bytes, row }: UserDay): string {
  const cells = [date, row?.count ?? 0, row?.min ?? '', row?.max ?? '', files, bytesText(bytes)].map(String);
  return dayLine([...cells, (row?.deviceIds ?? []).map(visibleId).join(', ')]);
}

const WIDTHS = [10, 9, 3, 3, 5, 9] as const;

function dayLine(cells: readonly string[]): string {
  return `${cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0))).join('  ')}\n`;
}
