import { DAY_MS, MAX_QUERY_DAYS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { type Row, rowsOf } from '../../pure/answer/row-table.js';
import type { DevicePriority } from '../../pure/merge.js';
import { dashedDate } from '../../pure/partition.js';
import { measureStorage, type StorageSize, type StoredDay } from './measure-storage.js';
import { queryTables } from './query.js';

/** What `userDays` works on. */
export interface UserDaysComponents {
  readonly storage: Storage;
}

/** Whose days, and which device counts at equal milliseconds. */
export interface UserDaysInput {
  readonly userId: string;
  readonly priority?: DevicePriority | undefined;
}

/** A UTC day of a user: what is stored, and what of it counts. */
export interface UserDay {
  /** `2024-01-15`. */
  readonly date: string;
  /** The user's own; 0 where all is in shared parts. */
  readonly files: number;
  readonly bytes: number;
  /** `false` where the day has too many devices for a rollup: each question reads all its readings. */
  readonly isRolledUp: boolean;
  /** What counts of the day; `null` where nothing does. */
  readonly row: Row | null;
}

/**
 * Lists the days of one user, ascending. Other users' days are not looked at, but for shared parts, which may hold readings of this one.
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is no user_id; as a query otherwise.
 * @example
 * const days = await userDays({ storage }, { userId: 'ana' });
 */
export async function userDays(
  { storage }: UserDaysComponents,
  { userId, priority }: UserDaysInput,
  { signal }: CallOptions = {},
): Promise<readonly UserDay[]> {
  const own = await measureStorage({ storage }, { userId, signal });
  const dates = await datesToAsk(storage, own, signal);
  const rows: Row[] = [];
  for (const { start, end } of spansOf(dates)) {
    const question = { userId, start, end, interval: '1d', priority } as const;
    for await (const table of queryTables({ storage }, question, { signal })) {
      for (const row of rowsOf(table)) rows.push(row);
    }
  }
  return joinDays(own.lastDays, rows);
}

/** The days for programs, in the names of the wire. */
export function userDaysToWire(userId: string, days: readonly UserDay[]) {
  return { user_id: userId, days: days.map(dayToWire), count: days.length };
}

function dayToWire({ date, files, bytes, isRolledUp, row }: UserDay) {
  const { count = 0, min = null, max = null, deviceIds = [] } = row ?? {};
  return { date, readings: count, min, max, files, bytes, without_rollup: !isRolledUp, device_ids: deviceIds };
}

/** Where the user has files, and where there are shared parts. */
async function datesToAsk(
  storage: Storage,
  own: StorageSize,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const dates = [own.firstDate, own.lastDate].filter((date) => date !== null);
  for await (const { date } of storage.partitions({ directories: [SHARED_DIRECTORY] }, { signal })) dates.push(date);
  return dates.sort();
}

/** From the first of some dates to the last, as long as one question may be. There is one in any case: it judges the user_id. */
function* spansOf(dates: readonly string[]): Generator<{ readonly start: number; readonly end: number }> {
  const [firstMs, lastMs] = [dates[0], dates.at(-1)].map((date) => Date.parse(dashedDate(date ?? '19700101')));
  const endMs = dates.length === 0 ? 0 : Number(lastMs) + DAY_MS;
  let start = Number(firstMs);
  do {
    const end = Math.min(endMs, start + MAX_QUERY_DAYS * DAY_MS);
    yield { start, end };
    start = end;
  } while (start < endMs);
}

function joinDays(own: readonly StoredDay[], rows: readonly Row[]): readonly UserDay[] {
  const files = new Map(own.map((day) => [dashedDate(day.date), day]));
  const counted = new Map(rows.map((row) => [row.timestamp.slice(0, 10), row]));
  return [...new Set([...files.keys(), ...counted.keys()])].sort().map((date) => {
    const { files: count = 0, bytes = 0, withoutRollup = 0 } = files.get(date) ?? {};
    return { date, files: count, bytes, isRolledUp: withoutRollup === 0, row: counted.get(date) ?? null };
  });
}
