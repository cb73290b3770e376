/**
 * One user's slice of a shared part, as a query knows it: found by the bounds of row groups, read once, and from then on known like
 * a small part of the user's own. And what can be read of the user's in a damaged file that had to stay where it is.
 */

import { MAX_MERGE_ROWS } from '../../limits.js';
import { decodeGroups, readGroup } from '../../parquet/decode.js';
import { type OpenedFile, openFile, type RowGroup } from '../../parquet/footer.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import { NO_READINGS, type ReadingColumns, takeRows } from '../../pure/columns.js';
import { type DevicePriority, mergeYielding } from '../../pure/merge.js';
import { dateStartMs } from '../../pure/partition.js';
import { readingsOf } from '../../pure/reading/check-readings.js';
import { rollUpSteps, spansOf } from '../../pure/rollup/rollup.js';
import { userIn } from '../../pure/user-filter.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { type FileCache, remember, versionKey } from './file-cache.js';
import { nullIfDamaged } from './file-damage.js';
import { bytesOf, type LoadedFile } from './load-file.js';
import { createYielder, type Yielder } from './yielder.js';

/** Bytes of a row group's bounds, checksum and place, as objects. */
const GROUP_BYTES = 4_000;

/** What is known of a shared part as a whole. */
export type LoadedShared = Pick<OpenedFile, 'footer'>;

/**
 * Reads the end of a shared part.
 * @param isKept - whether it is worth remembering; default: always.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function loadShared(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
  isKept: (footer: LoadedShared['footer']) => boolean = () => true,
): Promise<LoadedShared> {
  const key = versionKey(file, partition);
  const known = cache.get(key) as LoadedShared | undefined;
  if (known !== undefined) return known;
  const { footer } = await openFile(file, partition);
  if (isKept(footer)) remember(cache, { file, footer }, key, { footer }, GROUP_BYTES * (1 + footer.groups.length));
  return { footer };
}

/**
 * Reads the rows of the question's user.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function loadSlice(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
  { footer }: LoadedShared,
  { userId, priority }: Question,
): Promise<LoadedFile> {
  const key = sliceKey(versionKey(file, partition), userId);
  const known = cache.get(key) as LoadedFile | undefined;
  if (known !== undefined) return known;
  const groups = groupsOf(footer, userId);
  // Of another writer's file it is not known whose rows are where, and it may be large.
  const pieces = footer.checksumKind === 'foreign' ? groups.map((group) => [group]) : [groups];
  const tables: ReadingColumns[] = [];
  const yielder = createYielder();
  for (const piece of pieces) {
    const read = await decodeGroups(file, partition, { footer }, piece, yielder.yieldTurn);
    for (const table of read) tables.push(rowsOfUser(table, userId));
  }
  await yielder.yieldTurn();
  const columns = await mergeYielding(tables, yielder.yieldTurn);
  await yielder.yieldTurn();
  const slice = await sliceOf(partition, footer, columns, priority, yielder);
  remember(cache, { file, footer }, key, slice, bytesOf(slice));
  return slice;
}

/**
 * Reads the user's rows of a damaged file, of the row groups that can be read; it replaces nothing then. Not remembered: whoever asks
 * is told of the damage.
 * @returns `null` where nothing can be read, or where there is too much to be held.
 */
export async function rescueSlice(
  file: StoredFile,
  partition: Partition,
  { userId, priority }: Question,
): Promise<LoadedFile | null> {
  const opened = await openFile(file, partition).catch(nullIfDamaged);
  if (opened === null) return null;
  const yielder = createYielder();
  const tables: ReadingColumns[] = [];
  let rows = 0;
  for (const group of groupsOf(opened.footer, userId)) {
    const table = await readGroup(file, partition, opened, group, yielder.yieldTurn).catch(nullIfDamaged);
    if (table === null) continue;
    const own = rowsOfUser(readingsOf(table), userId);
    rows += own.length;
    if (rows > MAX_MERGE_ROWS) return null;
    tables.push(own);
  }
  const columns = await mergeYielding(tables, yielder.yieldTurn);
  return await sliceOf(partition, { ...opened.footer, replaces: [] }, columns, priority, yielder);
}

async function sliceOf(
  { date }: Partition,
  footer: LoadedShared['footer'],
  columns: ReadingColumns,
  priority: DevicePriority,
  { yieldTurn }: Yielder,
): Promise<LoadedFile> {
  const dayMs = dateStartMs(date) ?? 0;
  const rollup = await inTurns(rollUpSteps(columns, dayMs, priority), yieldTurn);
  return {
    footer: { ...footer, rows: columns.length, groups: columns.length === 0 ? [] : [groupOf(columns, footer.groups)] },
    rollup,
    columns,
    spans: rollup === null ? null : spansOf(columns, dayMs),
  };
}

/** The key of what is known of one user's slice. */
export function sliceKey(key: string, userId: string): string {
  return `${key}\n${userId}`;
}

/** Row groups of a shared part that may have rows of a user. */
export function groupsOf({ userFilter, groups }: LoadedShared['footer'], userId: string): readonly RowGroup[] {
  if (userFilter !== null && !userIn(userId)(userFilter)) return [];
  return groups.filter((group) => isWithinBounds(group, userId));
}

function isWithinBounds({ userBounds }: RowGroup, userId: string): boolean {
  if (userBounds === null) return true;
  const [first, last] = userBounds;
  return compareUtf8(first, userId) <= 0 && compareUtf8(userId, last) <= 0;
}

function rowsOfUser(columns: ReadingColumns, userId: string): ReadingColumns {
  const user = columns.users.indexOf(userId);
  if (user < 0) return NO_READINGS;
  const rows: number[] = [];
  for (let row = 0; row < columns.length; row += 1) if (columns.user[row] === user) rows.push(row);
  const taken = takeRows(columns, Uint32Array.from(rows));
  return { ...taken, users: [userId], user: new Uint32Array(rows.length) };
}

/** A row group that spans the share, for planning; it is not read from the file any more. */
function groupOf({ timestampMs }: ReadingColumns, [first]: readonly RowGroup[]): RowGroup {
  let [fromMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const ms of timestampMs) {
    fromMs = Math.min(fromMs, ms);
    lastMs = Math.max(lastMs, ms);
  }
  return { ...(first as RowGroup), rows: timestampMs.length, fromMs, lastMs, userId: null, deviceId: null };
}
