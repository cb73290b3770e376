/** Readings of very many users, parted by user. */
import {
  concatSteps,
  NO_READINGS,
  narrowDictionaries,
  type ReadingColumns,
  sliceRows,
  userOf,
} from '../../pure/columns.js';
import { compareUtf8 } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { createYielder } from '../files/yielder.js';

/** Each user's rows, whole, of those after one. */
export async function* splitUsers(
  tables: AsyncIterable<ReadingColumns>,
  afterUser: string | null,
): AsyncGenerator<ReadingColumns, void, undefined> {
  const isAfter = (columns: ReadingColumns) => afterUser === null || compareUtf8(userOf(columns, 0), afterUser) > 0;
  const { yieldTurn } = createYielder();
  let held = NO_READINGS;
  for await (const table of tables) {
    const columns = held.length === 0 ? table : await inTurns(concatSteps([held, table]), yieldTurn);
    let from = 0;
    for (let row = 1; row < columns.length; row += 1) {
      if (columns.user[row] === columns.user[from]) continue;
      const rows = narrowDictionaries(sliceRows(columns, from, row));
      if (isAfter(rows)) yield rows;
      from = row;
    }
    held = narrowDictionaries(sliceRows(columns, from, columns.length));
  }
  if (held.length > 0 && isAfter(held)) yield held;
}

/** Users, one at first, then so many at once. */
export async function* groupsOfUsers(
  users: AsyncIterable<ReadingColumns>,
  atOnce: number,
): AsyncGenerator<readonly ReadingColumns[], void, undefined> {
  let together: ReadingColumns[] = [];
  let size = 1;
  for await (const columns of users) {
    together.push(columns);
    if (together.length < size) continue;
    yield together;
    together = [];
    size = atOnce;
  }
  if (together.length > 0) yield together;
}
