import { type Row, type RowTable, rowsOf } from 'hrm-core';
import { visibleId } from '../output/output.js';

/** An answer as a table for people: a heading, and a line a row, a day at a time. */
export async function* answerTable(tables: AsyncIterable<RowTable>): AsyncGenerator<string, void, undefined> {
  yield tableLine(['timestamp', 'bpm', 'min', 'max', 'count', 'devices']);
  for await (const table of tables) {
    yield rowsOf(table)
      .map((row) => tableLine(cells(row)))
      .join('');
  }
}

function cells({ timestamp, heartRate, min, max, count, deviceIds }: Row): readonly string[] {
  return [
    timestamp,
    heartRate.toFixed(2),
    String(min),
    String(max),
    String(count),
    deviceIds.map(visibleId).join(', '),
  ];
}

/** Widths of all columns but the last: rows are printed as they come, so no width can follow from the rows. */
const WIDTHS = [20, 6, 3, 3, 6] as const;

function tableLine(cells: readonly string[]): string {
  const aligned = cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0)));
  return `${aligned.join('  ')}\n`;
}
