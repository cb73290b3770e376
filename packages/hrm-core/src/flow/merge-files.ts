/**
 * Many sorted files to one sorted stream, by rule 1: of each file only some row groups are held, however large it is.
 *
 * What is held of the files is merged up to the smallest of their last rows; of files that have more, the next row groups
 * are read, and so on. No more than some row groups' worth is merged in one step, and between steps others have their turn.
 */
import { MAX_MERGE_ROWS, ROW_GROUP_ROWS } from '../limits.js';
import { decodeGroups } from '../parquet/decode.js';
import { asDamage, type OpenedFile, openFile } from '../parquet/footer.js';
import type { Partition, StoredFile } from '../ports/storage.js';
import { compareRows, concatColumns, NO_READINGS, type ReadingColumns, sliceRows } from '../pure/columns.js';
import { mergeReadings } from '../pure/merge.js';
import { takeTurns } from './turns.js';

/** A file to merge. */
export interface MergeInput {
  readonly file: StoredFile;
  readonly partition: Partition;
}

/** What is gone through: a file, or rows that are in none. */
interface Cursor {
  /** Sorted rows not yet merged. */
  held: ReadingColumns;
  /** The file's, and which of its row groups is the next. */
  readonly source: (MergeInput & { readonly opened: OpenedFile; nextGroup: number }) | null;
}

/**
 * Merges files: yields tables that are sorted by user, device and timestampMs, each after the one before.
 * @param table - merged readings that are in no file, to go with them.
 * @param heldRows - of a file are held when its row groups are small, about, and half as many as are merged in one step.
 * @throws HrmError kind `data`, code `file_damaged`, for a file that is not sorted, too.
 */
export async function* mergeFiles(
  inputs: readonly MergeInput[],
  table: ReadingColumns = NO_READINGS,
  heldRows = ROW_GROUP_ROWS,
): AsyncGenerator<ReadingColumns, void, undefined> {
  const turns = takeTurns();
  const cursors: Cursor[] = [{ held: table, source: null }];
  for (const input of inputs) {
    const opened = await openFile(input.file, input.partition);
    cursors.push({ held: NO_READINGS, source: { ...input, opened, nextGroup: 0 } });
  }
  for (;;) {
    for (const cursor of cursors) {
      while (cursor.held.length === 0 && hasMore(cursor)) await readOn(cursor, heldRows);
      await turns.give();
    }
    const active = cursors.filter(({ held }) => held.length > 0);
    if (active.length === 0) return;
    const bound = smallest([...lastRows(active.filter(hasMore)), ...middleRow(active, 2 * heldRows)]);
    const tables = active.map((cursor) => {
      const { held } = cursor;
      const to = bound === null ? held.length : rowsUpTo(held, bound);
      cursor.held = sliceRows(held, to, held.length);
      return sliceRows(held, 0, to);
    });
    const merged = mergeReadings(tables);
    await turns.give();
    yield merged;
  }
}

function hasMore({ source }: Cursor): boolean {
  return source !== null && source.nextGroup < source.opened.footer.groups.length;
}

/** Reads row groups until they make up a large one: those of a shared part are small. Another writer's file is read at once. */
async function readOn(cursor: Cursor, heldRows: number): Promise<void> {
  if (cursor.source === null) return;
  const { file, partition, opened, nextGroup } = cursor.source;
  const { groups, seal, rows: fileRows } = opened.footer;
  const wantedRows = seal === 'foreign' && fileRows <= MAX_MERGE_ROWS ? fileRows : heldRows;
  // One at least, however few rows it has, so that each call comes nearer to the end.
  let toGroup = nextGroup + 1;
  for (let rows = groups[nextGroup]?.rows ?? 0; toGroup < groups.length && rows < wantedRows; toGroup += 1) {
    rows += groups[toGroup]?.rows ?? 0;
  }
  cursor.source.nextGroup = toGroup;
  const columns = concatColumns(await decodeGroups(file, partition, opened, groups.slice(nextGroup, toGroup)));
  if (isSorted(columns)) cursor.held = columns;
  // It may be unsorted, and is mended where it is held whole.
  else if (toGroup - nextGroup === groups.length) cursor.held = mergeReadings([columns]);
  else await asDamage(file, partition, () => Promise.reject(new Error('its rows are not sorted')));
}

/** By the dictionaries' indices, which are in the order of the ids. */
function isSorted({ length, user, device, timestampMs }: ReadingColumns): boolean {
  for (let row = 1; row < length; row += 1) {
    const order =
      (user[row] as number) - (user[row - 1] as number) ||
      (device[row] as number) - (device[row - 1] as number) ||
      (timestampMs[row] as number) - (timestampMs[row - 1] as number);
    if (order <= 0) return false;
  }
  return true;
}

/** A row of a table. */
interface Row {
  readonly columns: ReadingColumns;
  readonly row: number;
}

function lastRows(cursors: readonly Cursor[]): Row[] {
  return cursors.map(({ held }) => ({ columns: held, row: held.length - 1 }));
}

/** A row up to which about `maxRows` are held, if more are. */
function middleRow(cursors: readonly Cursor[], maxRows: number): Row[] {
  const total = cursors.reduce((sum, { held }) => sum + held.length, 0);
  if (total <= maxRows) return [];
  const largest = cursors.reduce((max, { held }) => (held.length > max.length ? held : max), NO_READINGS);
  return [{ columns: largest, row: Math.floor((largest.length * maxRows) / total) }];
}

function smallest(rows: readonly Row[]): Row | null {
  let first: Row | null = null;
  for (const one of rows) {
    if (first === null || compareRows(one.columns, one.row, first.columns, first.row) < 0) first = one;
  }
  return first;
}

/** How many rows of a table do not come after a row of another. */
function rowsUpTo(columns: ReadingColumns, bound: Row): number {
  let [from, to] = [0, columns.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compareRows(columns, middle, bound.columns, bound.row) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
