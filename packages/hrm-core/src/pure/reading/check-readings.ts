/** What must hold of the rows of a stored file: they are readings, they belong where they are, and they are in order. */
import { MAX_HEART_RATE_BPM, MAX_RECEIVED_MS, MAX_TIMESTAMP_MS, MIN_HEART_RATE_BPM, MINUTE_MS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { Partition } from '../../ports/storage.js';
import { internStrings, type ReadingColumns, takeRows } from '../columns.js';
import { dateStartMs, partitionDate, userDirectory } from '../partition.js';
import { compareUtf8 } from '../utf8.js';
import { isId } from './reading.js';

/** Row indices by what they are. */
export interface JudgedRows {
  /** Readings of the partition. */
  readonly here: Uint32Array;
  /** Readings of another user's or another day's. */
  readonly elsewhere: Uint32Array;
  /** How many are no readings: ids, times or heart rates out of the contract's bounds. */
  readonly invalid: number;
}

/** Judges each row of a partition's file. Of a file system that does not tell case apart, a directory is several users'. */
export function judgeRows(columns: ReadingColumns, { date, directory }: Partition): JudgedRows {
  const dayMs = dateStartMs(date) ?? Number.NaN;
  const users = columns.users.map((user) => {
    if (!isId(user)) return 'invalid';
    const isHere = directory === SHARED_DIRECTORY || userDirectory(user).toLowerCase() === directory.toLowerCase();
    return isHere ? 'here' : 'elsewhere';
  });
  const isDevice = columns.devices.map(isId);
  const here: number[] = [];
  const elsewhere: number[] = [];
  let invalid = 0;
  for (let row = 0; row < columns.length; row += 1) {
    const user = users[columns.user[row] as number];
    if (user === 'invalid' || !isDevice[columns.device[row] as number] || !isInBounds(columns, row)) invalid += 1;
    else {
      const ms = (columns.timestampMs[row] as number) - dayMs;
      (user === 'here' && ms >= 0 && ms < DAY_LENGTH_MS ? here : elsewhere).push(row);
    }
  }
  return { here: Uint32Array.from(here), elsewhere: Uint32Array.from(elsewhere), invalid };
}

/** The rows that are readings, whosever and of whatever day, with no ids but theirs; the columns themselves where all are. */
export function readingsOf(columns: ReadingColumns): ReadingColumns {
  const isUser = columns.users.map(isId);
  const isDevice = columns.devices.map(isId);
  function isReading(row: number): boolean {
    const hasIds = isUser[columns.user[row] as number] && isDevice[columns.device[row] as number];
    return hasIds === true && isInBounds(columns, row);
  }
  let first = 0;
  while (first < columns.length && isReading(first)) first += 1;
  if (first === columns.length) return columns;
  const rows: number[] = [];
  for (let row = 0; row < columns.length; row += 1) if (row < first || isReading(row)) rows.push(row);
  const taken = takeRows(columns, Uint32Array.from(rows));
  const users = internStrings(rows.map((row) => columns.users[columns.user[row] as number] as string));
  const devices = internStrings(rows.map((row) => columns.devices[columns.device[row] as number] as string));
  return { ...taken, users: users.values, user: users.indices, devices: devices.values, device: devices.indices };
}

const DAY_LENGTH_MS = 1_440 * MINUTE_MS;
const MAX_RECEIVED_MINUTE = Math.floor(MAX_RECEIVED_MS / MINUTE_MS);

function isInBounds({ timestampMs, heartRate, receivedMinute }: ReadingColumns, row: number): boolean {
  const ms = timestampMs[row] as number;
  const bpm = heartRate[row] as number;
  const minute = receivedMinute[row] as number;
  const isTime = ms >= 0 && ms <= MAX_TIMESTAMP_MS && minute >= 0 && minute <= MAX_RECEIVED_MINUTE;
  return isTime && bpm >= MIN_HEART_RATE_BPM && bpm <= MAX_HEART_RATE_BPM;
}

/** What readings are told apart by. */
export interface ReadingKey {
  readonly user: string;
  readonly device: string;
  readonly timestampMs: number;
}

/**
 * Counts rows that do not come after the row before them, by user, device (UTF-8 byte order) and time.
 * @param last - the row before the first; `null` where there is none.
 */
export function countDisorder(columns: ReadingColumns, last: ReadingKey | null): number {
  let disorder = 0;
  for (let row = 1; row < columns.length; row += 1) {
    const step =
      (columns.user[row] as number) - (columns.user[row - 1] as number) ||
      (columns.device[row] as number) - (columns.device[row - 1] as number) ||
      (columns.timestampMs[row] as number) - (columns.timestampMs[row - 1] as number);
    if (!(step > 0)) disorder += 1;
  }
  if (last === null || columns.length === 0) return disorder;
  const first = keyAt(columns, 0);
  const step =
    compareUtf8(first.user, last.user) ||
    compareUtf8(first.device, last.device) ||
    first.timestampMs - last.timestampMs;
  return step > 0 ? disorder : disorder + 1;
}

/** The key of a row. */
export function keyAt({ users, devices, user, device, timestampMs }: ReadingColumns, row: number): ReadingKey {
  return {
    user: users[user[row] as number] as string,
    device: devices[device[row] as number] as string,
    timestampMs: timestampMs[row] as number,
  };
}

/** The partitions that rows belong to, each with its rows. @param rows - indices of readings. */
export function rowsByPartition(
  columns: ReadingColumns,
  rows: Uint32Array,
): readonly { readonly partition: Partition; readonly rows: Uint32Array }[] {
  const directories = new Map<number, string>();
  const found = new Map<string, { partition: Partition; rows: number[] }>();
  for (const row of rows) {
    const user = columns.user[row] as number;
    const directory = directories.get(user) ?? userDirectory(columns.users[user] as string);
    directories.set(user, directory);
    const partition = { date: partitionDate(columns.timestampMs[row] as number), directory };
    const key = `${partition.date}/${directory}`;
    const entry = found.get(key);
    if (entry === undefined) found.set(key, { partition, rows: [row] });
    else entry.rows.push(row);
  }
  return [...found.values()].map(({ partition, rows: of }) => ({ partition, rows: Uint32Array.from(of) }));
}
