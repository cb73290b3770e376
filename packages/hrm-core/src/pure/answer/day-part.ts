/**
 * Intervals of a day as numbers, and the rows that they come to. A row names all its devices: a day in which very many take part comes
 * as several tables, so that nobody waits for it or holds it at once.
 */
import { DAY_MS, MAX_TABLE_DEVICE_IDS, MINUTE_MS } from '../../limits.js';
import { wordsFor } from '../device-mask.js';
import { joinTables, type RowTable, sliceTable } from './row-table.js';

/** Neighbouring intervals of one day. */
export interface DayPart {
  /** The start of each, and the end of the last, as {@link Grid.edgesOf} gives them. */
  readonly edges: Float64Array;
  readonly count: Int32Array;
  readonly sum: Float64Array;
  readonly min: Int32Array;
  readonly max: Int32Array;
  /** Of each interval `words` words: bit d of them says that device d has a surviving reading. */
  readonly devices: Uint32Array;
  readonly words: number;
  /** Of the devices, in UTF-8 byte order. */
  readonly deviceIds: readonly string[];
}

/** Intervals without a reading. @param edges - as {@link DayPart} has them. */
export function emptyPart(edges: Float64Array, deviceIds: readonly string[]): DayPart {
  const length = edges.length - 1;
  const words = wordsFor(deviceIds.length);
  return {
    edges,
    count: new Int32Array(length),
    sum: new Float64Array(length),
    min: new Int32Array(length).fill(MAX_INT32),
    max: new Int32Array(length),
    devices: new Uint32Array(length * words),
    words,
    deviceIds,
  };
}

const MAX_INT32 = 2 ** 31 - 1;

/** Of each minute of a day which of its intervals its first millisecond is in; of those before the first, the first. */
export function intervalsOfMinutes(edges: Float64Array, dayMs: number): Int32Array {
  const last = edges.length - 2;
  const intervals = new Int32Array(DAY_MS / MINUTE_MS);
  for (let minute = 0, interval = 0; minute < intervals.length; minute += 1) {
    const startMs = dayMs + minute * MINUTE_MS;
    while (interval < last && (edges[interval + 1] as number) <= startMs) interval += 1;
    intervals[minute] = interval;
  }
  return intervals;
}

/**
 * The rows of a day's parts, ascending; intervals without readings have none.
 * @param parts - each after the one before, which may end in the midst of the interval that the next begins in.
 */
export function* tablesOf(parts: readonly DayPart[]): Generator<RowTable> {
  /** A last row that the next part may go on with. */
  let held: RowTable | null = null;
  for (const [p, part] of parts.entries()) {
    for (const table of tablesOfPart(part)) {
      const rows: RowTable = held === null ? table : joinTables(held, table);
      held = null;
      const next = parts[p + 1];
      const last = rows.length - 1;
      if (next === undefined || (rows.startMs[last] as number) < (next.edges[0] as number)) yield rows;
      else {
        if (last > 0) yield sliceTable(rows, 0, last);
        held = sliceTable(rows, last, rows.length);
      }
    }
  }
  if (held !== null) yield held;
}

/** By plain loops: iterators over these arrays took more than half of a day's answer. */
function* tablesOfPart(part: DayPart): Generator<RowTable> {
  const { count } = part;
  for (let from = 0; from < count.length; ) {
    const sets = createDeviceSets(part);
    const rows: number[] = [];
    for (; from < count.length && sets.size() < MAX_TABLE_DEVICE_IDS; from += 1) {
      if (count[from] === 0) continue;
      rows.push(from);
      sets.add(from);
    }
    if (rows.length > 0) yield tableOf(part, rows, sets);
  }
}

function tableOf(
  { edges, count, sum, min, max }: DayPart,
  intervals: readonly number[],
  { deviceSet, deviceSets }: Pick<DeviceSets, 'deviceSet' | 'deviceSets'>,
): RowTable {
  const length = intervals.length;
  const table = {
    length,
    startMs: new Float64Array(length),
    sum: new Float64Array(length),
    count: new Int32Array(length),
    min: new Int32Array(length),
    max: new Int32Array(length),
    deviceSet: Uint32Array.from(deviceSet),
    deviceSets,
  };
  for (let row = 0; row < length; row += 1) {
    const i = intervals[row] as number;
    table.startMs[row] = edges[i] as number;
    table.sum[row] = sum[i] as number;
    table.count[row] = count[i] as number;
    table.min[row] = min[i] as number;
    table.max[row] = max[i] as number;
  }
  return table;
}

/** The distinct sets of devices that intervals have. */
interface DeviceSets {
  readonly deviceSets: string[][];
  /** Of each interval that was added, which of them. */
  readonly deviceSet: number[];
  add(interval: number): void;
  /** Ids in all of them. */
  size(): number;
}

function createDeviceSets({ devices: bits, words, deviceIds }: DayPart): DeviceSets {
  const indices = new Map<string, number>();
  const deviceSets: string[][] = [];
  const deviceSet: number[] = [];
  let size = 0;
  let last = { interval: -1, index: -1 };
  function isLast(interval: number): boolean {
    if (last.interval < 0) return false;
    for (let w = 0; w < words; w += 1) {
      if (bits[interval * words + w] !== bits[last.interval * words + w]) return false;
    }
    return true;
  }
  function indexOf(interval: number): number {
    const mask = bits.subarray(interval * words, (interval + 1) * words);
    const key = mask.join();
    let index = indices.get(key);
    if (index === undefined) {
      index = deviceSets.length;
      indices.set(key, index);
      const ids = deviceIds.filter((_, d) => ((mask[d >>> 5] as number) & (1 << (d & 31))) !== 0);
      deviceSets.push(ids);
      size += ids.length;
    }
    return index;
  }
  return {
    deviceSets,
    deviceSet,
    add(interval) {
      // Nearly every interval has the devices of the one before.
      if (!isLast(interval)) last = { interval, index: indexOf(interval) };
      deviceSet.push(last.index);
    },
    size: () => size,
  };
}
