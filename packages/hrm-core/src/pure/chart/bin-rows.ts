import type { Grid } from '../answer/grid.js';
import { meanOf, type RowTable } from '../answer/row-table.js';

/** Rows sorted into slots of one width, as a chart shows them. Arrays of one length. */
export interface RowBins {
  readonly length: number;
  /** Sum of bpm, by `count` the mean. */
  readonly sum: Float64Array;
  /** Readings; 0 is a gap. */
  readonly count: Float64Array;
  /** bpm. */
  readonly min: Float64Array;
  /** bpm. */
  readonly max: Float64Array;
}

/** All rows together. */
export interface RowTotal {
  readonly rows: number;
  readonly readings: number;
  /** bpm, as a row's; not a number where there are no readings. */
  readonly mean: number;
  /** bpm; infinite where there are no readings. */
  readonly min: number;
  readonly max: number;
}

/** The range that the slots span, and the intervals of its rows. */
export interface BinnedRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly grid: Grid;
}

/**
 * Sorts rows into slots: one that is wider than a slot fills all that it covers, and of several in one slot their readings count
 * together. Holds the slots only, however long the range is.
 */
export async function binRows(
  tables: AsyncIterable<RowTable>,
  { fromMs, toMs, grid }: BinnedRange,
  length: number,
): Promise<{ readonly bins: RowBins; readonly total: RowTotal }> {
  const bins = {
    length,
    sum: new Float64Array(length),
    count: new Float64Array(length),
    min: new Float64Array(length).fill(Number.POSITIVE_INFINITY),
    max: new Float64Array(length).fill(Number.NEGATIVE_INFINITY),
  };
  const total = { rows: 0, readings: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  let sumOfAll = 0;
  const slotMs = (toMs - fromMs) / length;
  for await (const table of tables) {
    for (let i = 0; i < table.length; i += 1) {
      const startMs = Math.max(fromMs, table.startMs[i] as number);
      const endMs = Math.min(toMs, grid.endOf(table.startMs[i] as number));
      const row = [table.sum[i], table.count[i], table.min[i], table.max[i]] as [number, number, number, number];
      const [sum, count, min, max] = row;
      const first = Math.floor((startMs - fromMs) / slotMs);
      const last = Math.max(first, Math.ceil((endMs - fromMs) / slotMs) - 1);
      for (let slot = first; slot <= last && slot < length; slot += 1) {
        bins.sum[slot] = (bins.sum[slot] as number) + sum;
        bins.count[slot] = (bins.count[slot] as number) + count;
        bins.min[slot] = Math.min(bins.min[slot] as number, min);
        bins.max[slot] = Math.max(bins.max[slot] as number, max);
      }
      total.rows += 1;
      total.readings += count;
      sumOfAll += sum;
      total.min = Math.min(total.min, min);
      total.max = Math.max(total.max, max);
    }
  }
  return { bins, total: { ...total, mean: meanOf(sumOfAll, total.readings) } };
}
