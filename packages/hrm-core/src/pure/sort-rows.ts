import { inOnePiece, type Steps } from '../steps.js';
import { compareRows, type ReadingColumns, ROWS_A_STEP } from './columns.js';

/**
 * Sorts row indices by a key column, ascending and stable, in place: a natural merge sort. Files and batches arrive as
 * a few ascending runs, which it merges pairwise in O(n log runs); one run costs one pass and no copy.
 * @param rows - indices into `key`.
 * @param scratch - at least as long as `rows`; its content is lost.
 */
export function sortRows(rows: Uint32Array, key: Float64Array, scratch: Uint32Array): void {
  inOnePiece(sortRowsSteps(rows, key, scratch));
}

/** As {@link sortRows}, in steps. */
export function* sortRowsSteps(rows: Uint32Array, key: Float64Array, scratch: Uint32Array): Steps<void> {
  let starts = findRuns(rows, key);
  let source = rows;
  let target = scratch.subarray(0, rows.length);
  while (starts.length > 2) {
    const merged: number[] = [];
    for (let r = 0, stepped = 0; r + 1 < starts.length; r += 2) {
      const from = starts[r] as number;
      const middle = starts[r + 1] as number;
      merged.push(from);
      mergeRuns(source, target, key, from, middle, starts[r + 2] ?? middle);
      if (middle - stepped < ROWS_A_STEP) continue;
      stepped = middle;
      yield;
    }
    merged.push(rows.length);
    starts = merged;
    [source, target] = [target, source];
  }
  if (source !== rows) rows.set(source);
}

/** Where the ascending runs start, and the end. */
function findRuns(rows: Uint32Array, key: Float64Array): number[] {
  const starts = [0];
  for (let i = 1; i < rows.length; i += 1) {
    if ((key[rows[i] as number] as number) < (key[rows[i - 1] as number] as number)) starts.push(i);
  }
  starts.push(rows.length);
  return starts;
}

function mergeRuns(
  source: Uint32Array,
  target: Uint32Array,
  key: Float64Array,
  from: number,
  middle: number,
  to: number,
): void {
  let left = from;
  let right = middle;
  for (let at = from; at < to; at += 1) {
    const takeLeft =
      right >= to ||
      (left < middle && (key[source[left] as number] as number) <= (key[source[right] as number] as number));
    target[at] = source[takeLeft ? left : right] as number;
    if (takeLeft) left += 1;
    else right += 1;
  }
}

/** A row of a table. */
export interface Row {
  readonly columns: ReadingColumns;
  readonly row: number;
}

/** Whether a table is sorted by user, device and time, without repeats: by the dictionaries' indices, which are in the order of the ids. */
export function isSorted({ length, user, device, timestampMs }: ReadingColumns): boolean {
  for (let row = 1; row < length; row += 1) {
    const order =
      (user[row] as number) - (user[row - 1] as number) ||
      (device[row] as number) - (device[row - 1] as number) ||
      (timestampMs[row] as number) - (timestampMs[row - 1] as number);
    if (order <= 0) return false;
  }
  return true;
}

/** How many rows of a sorted table do not come after a row of another. */
export function countUpTo(columns: ReadingColumns, bound: Row): number {
  let [from, to] = [0, columns.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compareRows(columns, middle, bound.columns, bound.row) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
