/**
 * Rules 1 and 2 of the contract.
 *
 * Rule 1 is a maximum over (received minute, heart rate), so it is associative, commutative and idempotent: whatever
 * the order of arrival, redelivery, batching and compaction, the same readings survive. Rule 2 is applied only when
 * answering, so that a changed priority changes the answer about old data too.
 */
import { inOnePiece, inTurns, type Steps } from '../steps.js';
import { concatSteps, type ReadingColumns, ROWS_A_STEP, takeRows } from './columns.js';
import { sortRows, sortRowsSteps } from './sort-rows.js';

/**
 * Merges tables into one: sorted by user, device (UTF-8 byte order) and timestampMs, one reading a key by rule 1.
 * Tables that are sorted already merge in time linear in rows times log(tables).
 */
export function mergeReadings(tables: readonly ReadingColumns[]): ReadingColumns {
  return inOnePiece(mergeSteps(tables));
}

function* mergeSteps(tables: readonly ReadingColumns[]): Steps<ReadingColumns> {
  const all = yield* concatSteps(tables);
  yield;
  const order = yield* groupSeries(all);
  yield;
  const kept = new Uint32Array(order.rows.length);
  const scratch = new Uint32Array(order.rows.length);
  let count = 0;
  for (let s = 0; s + 1 < order.starts.length; s += 1) {
    if (s % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    const rows = order.rows.subarray(order.starts[s], order.starts[s + 1]);
    yield* sortRowsSteps(rows, all.timestampMs, scratch);
    count = keepLatest(all, rows, kept, count);
  }
  yield;
  return takeRows(all, kept.subarray(0, count));
}

/** Tables that are merged in one piece: of small ones a millisecond's work or two. */
const TABLES_A_PIECE = 1_024;

/**
 * Merges any number of tables as {@link mergeReadings} does: by the hundreds first, with turns for others. Rule 1 is
 * associative, so the answer is the same.
 * @param give - lets others work, where it is time to.
 */
export async function mergeYielding(
  tables: readonly ReadingColumns[],
  yieldTurn: () => Promise<void>,
): Promise<ReadingColumns> {
  let waiting = tables;
  while (waiting.length > TABLES_A_PIECE) {
    const merged: ReadingColumns[] = [];
    for (let from = 0; from < waiting.length; from += TABLES_A_PIECE) {
      merged.push(await inTurns(mergeSteps(waiting.slice(from, from + TABLES_A_PIECE)), yieldTurn));
      await yieldTurn();
    }
    waiting = merged;
  }
  return await inTurns(mergeSteps(waiting), yieldTurn);
}

/**
 * Row indices grouped by (user, device), groups ascending, rows of a group in the order of the table.
 * `starts` has one entry a group and the end.
 */
function* groupSeries(columns: ReadingColumns): Steps<{ rows: Uint32Array; starts: Uint32Array }> {
  const runs = yield* findRuns(columns);
  const sorted = Float64Array.from(runs.keys()).sort();
  const rows = new Uint32Array(columns.length);
  const starts = new Uint32Array(sorted.length + 1);
  let at = 0;
  for (const [s, series] of sorted.entries()) {
    if (s % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    const edges = runs.get(series) ?? [];
    for (let e = 0; e < edges.length; e += 2) {
      const toRow = edges[e + 1] as number;
      for (let row = edges[e] as number; row < toRow; row += 1) {
        rows[at] = row;
        at += 1;
      }
    }
    starts[s + 1] = at;
  }
  return { rows, starts };
}

/**
 * Runs of rows of the same (user, device): series -> from, to, from, to, … (half-open). Tables that come from sorted files have
 * a few runs however many rows.
 */
function* findRuns({ user, device, length, devices }: ReadingColumns): Steps<Map<number, number[]>> {
  const runs = new Map<number, number[]>();
  for (let fromRow = 0, found = 1; fromRow < length; found += 1) {
    if (found % ROWS_A_STEP === 0) yield;
    let toRow = fromRow + 1;
    while (toRow < length && user[toRow] === user[fromRow] && device[toRow] === device[fromRow]) toRow += 1;
    const series = (user[fromRow] as number) * devices.length + (device[fromRow] as number);
    const edges = runs.get(series);
    if (edges === undefined) runs.set(series, [fromRow, toRow]);
    else edges.push(fromRow, toRow);
    fromRow = toRow;
  }
  return runs;
}

/** Rule 1 over one sorted series; appends the surviving rows to `kept` and returns its new count. */
function keepLatest(columns: ReadingColumns, rows: Uint32Array, kept: Uint32Array, count: number): number {
  const first = count;
  for (const row of rows) {
    const last = kept[count - 1] as number;
    if (count > first && columns.timestampMs[last] === columns.timestampMs[row]) {
      if (supersedes(columns, row, last)) kept[count - 1] = row;
    } else {
      kept[count] = row;
      count += 1;
    }
  }
  return count;
}

function supersedes(columns: ReadingColumns, row: number, other: number): boolean {
  const minutes = (columns.receivedMinute[row] as number) - (columns.receivedMinute[other] as number);
  return minutes > 0 || (minutes === 0 && (columns.heartRate[row] as number) > (columns.heartRate[other] as number));
}

/** Which device wins at equal timestamps: device_id -> rank, 1 best; equal and missing ranks by UTF-8 byte order. */
export type DevicePriority = Readonly<Record<string, number>>;

/**
 * Rule 2 over one user's merged readings: row indices by timestampMs ascending, of equal timestamps only the best
 * device's.
 * @param columns - one user's, as {@link mergeReadings} returns them.
 */
export function resolveDevices(columns: ReadingColumns, priority: DevicePriority): Uint32Array {
  const rows = new Uint32Array(columns.length);
  let at = 0;
  for (const [fromRow, toRow] of seriesByRank(columns, priority)) {
    for (let row = fromRow; row < toRow; row += 1) {
      rows[at] = row;
      at += 1;
    }
  }
  // Stable, so of equal timestamps the row of the best rank stays first.
  sortRows(rows, columns.timestampMs, new Uint32Array(rows.length));
  let count = 0;
  for (const row of rows) {
    if (count > 0 && columns.timestampMs[rows[count - 1] as number] === columns.timestampMs[row]) continue;
    rows[count] = row;
    count += 1;
  }
  return rows.subarray(0, count);
}

/** Half-open row ranges of the devices' series, best device first. */
function seriesByRank(columns: ReadingColumns, priority: DevicePriority): [number, number][] {
  const ranges: [number, number][] = [];
  const devices: string[] = [];
  for (let from = 0; from < columns.length; ) {
    const device = columns.device[from] as number;
    let to = from + 1;
    while (to < columns.length && columns.device[to] === device) to += 1;
    ranges.push([from, to]);
    devices.push(columns.devices[device] as string);
    from = to;
  }
  return rankDevices(devices, priority).map((i) => ranges[i] as [number, number]);
}

/**
 * Indices of devices, best first.
 * @param devices - in UTF-8 byte order, which decides between equal and missing ranks.
 */
export function rankDevices(devices: readonly string[], priority: DevicePriority): number[] {
  // A Map of own entries: an id may be `__proto__` or `constructor`.
  const ranks = new Map(Object.entries(priority));
  const rankOf = devices.map((device) => ranks.get(device) ?? Number.POSITIVE_INFINITY);
  return devices
    .map((_, i) => i)
    .sort((a, b) => (rankOf[a] === rankOf[b] ? a - b : (rankOf[a] as number) - (rankOf[b] as number)));
}

/** Tells whether {@link rankDevices} gives devices this order, without sorting them: a day may have many lists of very many. */
export function compareOrders(
  priority: DevicePriority,
): (devices: readonly string[], order: readonly number[]) => boolean {
  const ranks = new Map(Object.entries(priority));
  return (devices, order) => {
    const rankOf = (device: number) => ranks.get(devices[device] as string) ?? Number.POSITIVE_INFINITY;
    return order.every((device, place) => {
      const better = order[place - 1];
      if (better === undefined) return true;
      const [betterRank, rank] = [rankOf(better), rankOf(device)];
      return betterRank === rank ? better < device : betterRank < rank;
    });
  };
}
