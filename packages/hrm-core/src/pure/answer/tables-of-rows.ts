import type { Row, RowTable } from './row-table.js';

/** Rows of a table: a day of minutes. */
const TABLE_ROWS = 1_440;

/** Rows as a server sends them, in tables as the files here give them. */
export async function* tablesOfRows(rows: AsyncIterable<Row>): AsyncGenerator<RowTable, void, undefined> {
  let held: Row[] = [];
  for await (const row of rows) {
    held.push(row);
    if (held.length < TABLE_ROWS) continue;
    yield tableOf(held);
    held = [];
  }
  if (held.length > 0) yield tableOf(held);
}

function tableOf(rows: readonly Row[]): RowTable {
  return {
    length: rows.length,
    startMs: Float64Array.from(rows, ({ timestamp }) => Date.parse(timestamp)),
    // Not the true sum, which the mean's two decimals do not tell, but one that has this mean.
    sum: Float64Array.from(rows, ({ heartRate, count }) => heartRate * count),
    count: Int32Array.from(rows, ({ count }) => count),
    min: Int32Array.from(rows, ({ min }) => min),
    max: Int32Array.from(rows, ({ max }) => max),
    deviceSet: Uint32Array.from(rows, (_, i) => i),
    deviceSets: rows.map(({ deviceIds }) => deviceIds),
  };
}
