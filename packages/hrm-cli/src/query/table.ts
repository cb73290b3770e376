import { type RowTable, rowsOf } from 'hrm-core';
import { visibleId } from '../output/output.js';
import { createTable, figures } from '../output/table.js';

const TABLE = createTable([
  { heading: 'timestamp', width: 20 },
  figures('bpm', 6),
  figures('min', 3),
  figures('max', 3),
  figures('count', 6),
  { heading: 'devices' },
]);

/** An answer as a table for people: a heading, and a line a row, a day at a time. */
export async function* answerTable(tables: AsyncIterable<RowTable>): AsyncGenerator<string, void, undefined> {
  yield TABLE.head;
  for await (const table of tables) {
    yield rowsOf(table)
      .map(({ timestamp, heartRate, min, max, count, deviceIds }) =>
        TABLE.line([timestamp, heartRate.toFixed(2), min, max, count, deviceIds.map(visibleId).join(', ')]),
      )
      .join('');
  }
}
