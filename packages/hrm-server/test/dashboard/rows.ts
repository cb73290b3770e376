import type { Rows } from '../../dashboard/rows.js';

/** Rows of single readings, or as told, one a list: beginning, mean, least, maximum, count. */
export function makeRows(table: readonly (readonly [number, number, number, number, number])[]): Rows {
  const column = (at: number) => table.map((row) => row[at] ?? 0);
  return {
    length: table.length,
    startMs: Float64Array.from(column(0)),
    mean: Float64Array.from(column(1)),
    min: Int16Array.from(column(2)),
    max: Int16Array.from(column(3)),
    count: Uint32Array.from(column(4)),
    deviceSet: new Uint32Array(table.length),
    deviceSets: [['watch']],
  };
}
