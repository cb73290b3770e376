/** Rows that go on from one day of UTC to the next, as those of a time zone's days, and of weeks and months. */
import { eachYielding, inTurns } from '../../steps.js';
import { sortUtf8Steps } from '../utf8.js';
import { type RowTable, sliceTable } from './row-table.js';

/** A row that the next table may go on with. */
interface OpenRow {
  readonly startMs: number;
  sum: number;
  count: number;
  min: number;
  max: number;
  /** In UTF-8 byte order, unless there are more. */
  readonly deviceIds: readonly string[];
  /** All of them, where tables have different ones. */
  all: Set<string> | null;
}

/**
 * Joins what is of one interval: the last row of a table, and the first of the next.
 * @param tables - ascending, each of a day of UTC or less, none of them empty.
 * @param yieldTurn - lets others work, where it is time to: a row may name very many devices.
 */
export async function* joinCutRows(
  tables: AsyncIterable<RowTable>,
  yieldTurn: () => Promise<void>,
): AsyncGenerator<RowTable, void, undefined> {
  let open: OpenRow | null = null;
  for await (const table of tables) {
    let from = 0;
    if (open !== null && open.startMs === table.startMs[0]) {
      await add(open, table, yieldTurn);
      from = 1;
    }
    if (from === table.length) continue;
    if (open !== null) yield await close(open, yieldTurn);
    const last = table.length - 1;
    if (from < last) yield sliceTable(table, from, last);
    open = begin(table, last);
  }
  if (open !== null) yield await close(open, yieldTurn);
}

function begin({ startMs, sum, count, min, max, deviceSet, deviceSets }: RowTable, row: number): OpenRow {
  return {
    startMs: startMs[row] as number,
    sum: sum[row] as number,
    count: count[row] as number,
    min: min[row] as number,
    max: max[row] as number,
    deviceIds: deviceSets[deviceSet[row] as number] ?? [],
    all: null,
  };
}

/** Adds the first row of a table. */
async function add(open: OpenRow, table: RowTable, yieldTurn: () => Promise<void>): Promise<void> {
  const { sum, count, min, max, deviceIds } = begin(table, 0);
  open.sum += sum;
  open.count += count;
  open.min = Math.min(open.min, min);
  open.max = Math.max(open.max, max);
  if (open.all === null && isSame(open.deviceIds, deviceIds)) return;
  const all = open.all ?? new Set<string>();
  const addId = (id: string) => void all.add(id);
  if (open.all === null) await eachYielding(open.deviceIds, addId, yieldTurn);
  await eachYielding(deviceIds, addId, yieldTurn);
  open.all = all;
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left === right || (left.length === right.length && left.every((id, i) => id === right[i]));
}

async function close(open: OpenRow, yieldTurn: () => Promise<void>): Promise<RowTable> {
  const { startMs, sum, count, min, max, deviceIds, all } = open;
  return {
    length: 1,
    startMs: Float64Array.of(startMs),
    sum: Float64Array.of(sum),
    count: Int32Array.of(count),
    min: Int32Array.of(min),
    max: Int32Array.of(max),
    deviceSet: Uint32Array.of(0),
    deviceSets: [all === null ? deviceIds : await inTurns(sortUtf8Steps([...all]), yieldTurn)],
  };
}
