/**
 * The rows of a file that is not sorted, in order, some hundred thousand at a time: another writer's file may be in order of time,
 * or in none, and may have more rows than can be held.
 *
 * Nothing is written in between. The file is gone through once for each such piece, and of it the smallest rows are kept that come
 * after those of the pieces before. A file that fits into one piece is gone through once.
 */
import { SORTED_ROWS } from '../../limits.js';
import { decodeGroups } from '../../parquet/decode.js';
import type { OpenedFile } from '../../parquet/footer.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import { compareRows, NO_READINGS, type ReadingColumns, sliceRows } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { countUpTo, isSorted, type Row } from '../../pure/sort-rows.js';
import type { Yielder } from './yielder.js';

/** A file, opened. */
export interface OpenedInput {
  readonly file: StoredFile;
  readonly partition: Partition;
  readonly opened: OpenedFile;
}

/** Whether a file's rows are sorted by user, device and time, without repeats. @throws HrmError code `file_damaged`. */
export async function isFileSorted(input: OpenedInput, yielder: Yielder): Promise<boolean> {
  let last: Row | null = null;
  for await (const columns of slicesOf(input, yielder)) {
    if (!isSorted(columns)) return false;
    if (last !== null && compareRows(last.columns, last.row, columns, 0) >= 0) return false;
    last = { columns: sliceRows(columns, columns.length - 1, columns.length), row: 0 };
  }
  return true;
}

/**
 * Yields a file's rows, merged: sorted tables, each after the one before.
 * @param pieceRows - of a piece, at least; as many again, and a slice, are held beside it.
 */
export async function* sortFile(
  input: OpenedInput,
  yielder: Yielder,
  pieceRows = SORTED_ROWS,
): AsyncGenerator<ReadingColumns, void, undefined> {
  let after: Row | null = null;
  for (let isAll = false; !isAll; ) {
    const piece = await smallestAfter(input, yielder, after, pieceRows);
    isAll = piece.isAll;
    if (piece.columns.length === 0) return;
    yield piece.columns;
    after = { columns: piece.columns, row: piece.columns.length - 1 };
  }
}

/** The smallest rows after a row; `isAll`: there are no others. */
async function smallestAfter(
  input: OpenedInput,
  yielder: Yielder,
  after: Row | null,
  pieceRows: number,
): Promise<{ readonly columns: ReadingColumns; readonly isAll: boolean }> {
  let held = NO_READINGS;
  let waiting: ReadingColumns[] = [];
  let waitingRows = 0;
  let isAll = true;
  function keepSmallest(): void {
    held = mergeReadings([held, ...waiting]);
    [waiting, waitingRows] = [[], 0];
    if (held.length <= pieceRows) return;
    held = sliceRows(held, 0, pieceRows);
    isAll = false;
  }
  for await (const columns of slicesOf(input, yielder)) {
    const sorted = mergeReadings([columns]);
    await yielder.yieldTurn();
    const from = after === null ? 0 : countUpTo(sorted, after);
    // Once rows had to be dropped, only those before the last that is kept can be among the smallest.
    const to = isAll ? sorted.length : countUpTo(sorted, { columns: held, row: held.length - 1 });
    if (to <= from) continue;
    waiting.push(sliceRows(sorted, from, to));
    waitingRows += to - from;
    if (waitingRows >= pieceRows) keepSmallest();
    await yielder.yieldTurn();
  }
  keepSmallest();
  return { columns: held, isAll };
}

async function* slicesOf({ file, partition, opened }: OpenedInput, yielder: Yielder) {
  for (const group of opened.footer.groups) {
    const [columns = NO_READINGS] = await decodeGroups(file, partition, opened, [group], yielder.yieldTurn);
    await yielder.yieldTurn();
    if (columns.length > 0) yield columns;
  }
}
