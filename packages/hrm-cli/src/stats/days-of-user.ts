/**
 * One user's days: what is stored of each, and how much of it counts.
 */
import {
  measureStorage,
  queryTables,
  type Row,
  rowsOf,
  type Storage,
  type StorageSize,
  type StoredDay,
} from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import type { Invocation } from '../command.js';
import { bytesText, plural, visibleId } from '../output.js';
import { inFlagNames } from '../query/flag-names.js';
import { dashed } from './report.js';

const DAY_MS = 86_400_000;

/** Days of one question: see the contract. */
const MAX_QUESTION_DAYS = 3_660;

/** Before the names of devices, which are too many. */
const NOT_ROLLED_UP = '(not rolled up)';

/** A day of a user: what is stored, and what of it counts. */
interface UserDay {
  readonly date: string;
  /** The user's own; 0 where all is in shared parts. */
  readonly files: number;
  readonly bytes: number;
  /** `false` where the day has too many devices for a rollup. */
  readonly isRolledUp: boolean;
  readonly row: Row | null;
}

/** Prints them. @throws HrmError kind `invalid` for what is no user_id. */
export async function daysOfUser(userId: string, { settings, json, output, signal }: Invocation): Promise<'done'> {
  const storage = await openStorage(settings, { readOnly: true, create: false });
  try {
    const own = await measureStorage({ storage }, { userId, signal });
    const dates = await datesToAsk(storage, own, signal);
    const days = joinDays(own.lastDays, await countReadings(storage, { userId, dates }, settings, signal));
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

/** Where the user has files, and where there are shared parts, which may hold some of the user's: other users' days are not looked at. */
async function datesToAsk(storage: Storage, own: StorageSize, signal: AbortSignal): Promise<readonly string[]> {
  const dates = [own.firstDate, own.lastDate].filter((date) => date !== null);
  for await (const { date } of storage.partitions({ directories: ['_shared'] }, { signal })) dates.push(date);
  return dates.sort();
}

/** A row a day, from the first of some dates to the last. @param dates - ascending. */
async function countReadings(
  storage: Storage,
  { userId, dates }: { readonly userId: string; readonly dates: readonly string[] },
  settings: Invocation['settings'],
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const [fromMs, toMs] = [dates[0], dates.at(-1)].map((date) => Date.parse(dashed(date ?? '19700101')));
  const rows: Row[] = [];
  const endMs = toMs === undefined ? 0 : toMs + DAY_MS;
  let startMs = fromMs ?? 0;
  // Once in any case: what is no user_id is refused, also where nothing is stored.
  do {
    const end = Math.min(endMs, startMs + MAX_QUESTION_DAYS * DAY_MS);
    const question = { userId, start: startMs, end, interval: '1d', priority: settings.devicePriority } as const;
    for await (const table of queryTables({ storage }, question, { signal })) {
      for (const row of rowsOf(table)) rows.push(row);
    }
    startMs += MAX_QUESTION_DAYS * DAY_MS;
  } while (startMs < endMs);
  return rows;
}

function joinDays(own: readonly StoredDay[], rows: readonly Row[]): readonly UserDay[] {
  const files = new Map(own.map((day) => [dashed(day.date), day]));
  const counted = new Map(rows.map((row) => [row.timestamp.slice(0, 10), row]));
  return [...new Set([...files.keys(), ...counted.keys()])].sort().map((date) => {
    const { files: count = 0, bytes = 0, withoutRollup = 0 } = files.get(date) ?? {};
    return { date, files: count, bytes, isRolledUp: withoutRollup === 0, row: counted.get(date) ?? null };
  });
}

function dayToWire({ date, files, bytes, isRolledUp, row }: UserDay) {
  const { count = 0, min = null, max = null, deviceIds = [] } = row ?? {};
  return { date, readings: count, min, max, files, bytes, without_rollup: !isRolledUp, device_ids: deviceIds };
}

function lineOfDay({ date, files, bytes, isRolledUp, row }: UserDay): string {
  const cells = [date, row?.count ?? 0, row?.min ?? '', row?.max ?? '', files, bytesText(bytes)].map(String);
  const devices = (row?.deviceIds ?? []).map(visibleId).join(', ');
  return dayLine([...cells, isRolledUp ? devices : `${NOT_ROLLED_UP} ${devices}`]);
}

const WIDTHS = [10, 9, 3, 3, 5, 9] as const;

function dayLine(cells: readonly string[]): string {
  return `${cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0))).join('  ')}\n`;
}
