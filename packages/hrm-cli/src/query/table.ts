import { gridOf, type RowTable, rowsOf } from 'hrm-core';
import { visibleId } from '../output/output.js';
import { createTable, figures } from '../output/table.js';
import type { Asked } from './ask.js';

/** An answer as a table for people: a heading, and a line a row, a day at a time. */
export async function* answerTable(
  tables: AsyncIterable<RowTable>,
  asked: Pick<Asked, 'interval' | 'timeZone'>,
): AsyncGenerator<string, void, undefined> {
  const heading = `timestamp (${asked.timeZone ?? 'UTC'})`;
  const lines = createTable([
    { heading, width: Math.max(heading.length, asked.timeZone === undefined ? 20 : 25) },
    figures('bpm', 6),
    figures('min', 3),
    figures('max', 3),
    figures('count', 6),
    { heading: 'devices' },
  ]);
  yield lines.head;
  const grid = gridOf(asked);
  for await (const table of tables) {
    yield rowsOf(table, grid)
      .map(({ timestamp, heartRate, min, max, count, deviceIds }) =>
        lines.line([timestamp, heartRate.toFixed(2), min, max, count, deviceIds.map(visibleId).join(', ')]),
      )
      .join('');
  }
}
