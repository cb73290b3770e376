/**
 * Many sorted files to one sorted stream, by rule 1: of each file only some row groups are held, however large it is.
 *
 * What is held of the files is merged up to the smallest of their last rows; of files that have more, the next row groups
 * are read, and so on. No more than some row groups' worth is merged in one step, and between steps others have their turn.
 */
import { ROW_GROUP_ROWS } from '../../limits.js';
import { decodeGroups } from '../../parquet/decode.js';
import { asDamage, openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/call-options.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import { compareRows, concatSteps, NO_READINGS, type ReadingColumns, sliceRows } from '../../pure/columns.js';
import { mergeYielding } from '../../pure/merge.js';
import { countUpTo, isSorted, type Row } from '../../pure/sort-rows.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { isFileSorted, type OpenedInput, sortFile } from './sort-file.js';
import { createYielder, type Yielder } from './yielder.js';

/** A file to merge. */
export interface MergeInput {
  readonly file: StoredFile;
  readonly partition: Partition;
}

/** What to merge besides, and how. */
export interface MergeOptions extends Pick<CallOptions, 'signal'> {
  /** Merged readings that are in no file, to go with them. */
  readonly table?: ReadingColumns | undefined;
  /** Rows of a file that are held when its row groups are small, about; half as many are merged in one step. */
  readonly heldRows?: number | undefined;
  /** Row groups of this system's files that have only rows of users up to this one are not read; of others in the files rows may come. */
  readonly afterUser?: string | null | undefined;
}

/** What is gone through: a file, or rows that are in none. */
interface Cursor {
  /** Sorted rows not yet merged. */
  held: ReadingColumns;
  /** Reads the next rows; `null`: there are none. */
  readonly source: Source | null;
}

interface Source {
  hasMore(): boolean;
  /** Some sorted rows after those before; perhaps none, though there are more. */
  read(): Promise<ReadingColumns>;
}

/**
 * Merges files: yields tables that are sorted by user, device and timestampMs, each after the one before.
 * @throws HrmError kind `data`, code `file_damaged`, for a file that is not sorted, too; kind `closed` when aborted.
 */
export async function* mergeFiles(
  inputs: readonly MergeInput[],
  { table = NO_READINGS, heldRows = ROW_GROUP_ROWS, afterUser = null, signal }: MergeOptions = {},
): AsyncGenerator<ReadingColumns, void, undefined> {
  const yielder = createYielder({ stopSignal: signal });
  const cursors: Cursor[] = [{ held: table, source: null }];
  for (const input of inputs) {
    const opened = { ...input, opened: await openFile(input.file, input.partition) };
    const isUnsorted = opened.opened.footer.checksumKind === 'foreign' && !(await isFileSorted(opened, yielder));
    const source = isUnsorted ? sortedSource(opened, yielder) : groupSource(opened, { heldRows, afterUser }, yielder);
    cursors.push({ held: NO_READINGS, source });
    await yielder.yieldTurn();
  }
  for (;;) {
    for (const cursor of cursors) {
      while (cursor.held.length === 0 && hasMore(cursor)) cursor.held = (await cursor.source?.read()) ?? NO_READINGS;
      await yielder.yieldTurn();
    }
    const active = cursors.filter(({ held }) => held.length > 0);
    if (active.length === 0) return;
    const bound = smallest([...lastRows(active.filter(hasMore)), ...middleRow(active, 2 * heldRows)]);
    const tables = active.map((cursor) => {
      const { held } = cursor;
      const to = bound === null ? held.length : countUpTo(held, bound);
      cursor.held = sliceRows(held, to, held.length);
      return sliceRows(held, 0, to);
    });
    const merged = await mergeYielding(tables, yielder.yieldTurn);
    await yielder.yieldTurn();
    yield merged;
  }
}

function hasMore({ source }: Cursor): boolean {
  return source?.hasMore() ?? false;
}

/** Row groups, so many that they make up a large one: those of a shared part are small. */
function groupSource(
  { file, partition, opened }: OpenedInput,
  { heldRows, afterUser }: { readonly heldRows: number; readonly afterUser: string | null },
  { yieldTurn }: Yielder,
): Source {
  const groups = opened.footer.groups.filter(({ userBounds }) => {
    return afterUser === null || userBounds === null || compareUtf8(userBounds[1], afterUser) > 0;
  });
  let nextGroup = 0;
  return {
    hasMore: () => nextGroup < groups.length,
    async read() {
      const from = nextGroup;
      // One at least, however few rows it has, so that each call comes nearer to the end.
      let to = from + 1;
      for (let rows = groups[from]?.rows ?? 0; to < groups.length && rows < heldRows; to += 1) {
        rows += groups[to]?.rows ?? 0;
      }
      nextGroup = to;
      const tables = await decodeGroups(file, partition, opened, groups.slice(from, to), yieldTurn);
      const columns = await inTurns(concatSteps(tables), yieldTurn);
      await yieldTurn();
      if (isSorted(columns)) return columns;
      // It may be unsorted, and is mended where it is held whole.
      if (to - from === opened.footer.groups.length) return await mergeYielding([columns], yieldTurn);
      return asDamage(file, partition, () => Promise.reject(new Error('its rows are not sorted')));
    },
  };
}

/** The rows of an unsorted file, sorted. */
function sortedSource(input: OpenedInput, yielder: Yielder): Source {
  const tables = sortFile(input, yielder);
  let isDone = false;
  return {
    hasMore: () => !isDone,
    async read() {
      const { done, value } = await tables.next();
      isDone = done === true;
      return value ?? NO_READINGS;
    },
  };
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
