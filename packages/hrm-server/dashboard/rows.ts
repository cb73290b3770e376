/**
 * The rows of an answer as columns, collected as they come: a year of minutes is half a million rows, and what draws and counts
 * them goes through numbers alone.
 */
import type { Row } from 'hrm-core/client';

/** Rows, ascending; columns of equal length. */
export interface Rows {
  readonly length: number;
  /** Epoch milliseconds of each row's beginning. */
  readonly startMs: Float64Array;
  readonly mean: Float64Array;
  readonly min: Int16Array;
  readonly max: Int16Array;
  /** Readings in the row. */
  readonly count: Uint32Array;
  /** Which of {@link Rows.deviceSets} the row has. */
  readonly deviceSet: Uint32Array;
  readonly deviceSets: readonly (readonly string[])[];
}

/** Reads a whole answer. @throws what reading it throws. */
export async function collectRows(rows: AsyncIterable<Row>): Promise<Rows> {
  let columns = allocate(4_096);
  let length = 0;
  const sets = createDeviceSets();
  for await (const { timestamp, heartRate, min, max, count, deviceIds } of rows) {
    if (length === columns.startMs.length) columns = grow(columns);
    columns.startMs[length] = Date.parse(timestamp);
    columns.mean[length] = heartRate;
    columns.min[length] = min;
    columns.max[length] = max;
    columns.count[length] = count;
    columns.deviceSet[length] = sets.place(deviceIds);
    length += 1;
  }
  return { ...columns, length, deviceSets: sets.all };
}

/** Sets of devices, each once, by the place that it has among them. */
function createDeviceSets() {
  const places = new Map<string, number>();
  const all: (readonly string[])[] = [];
  let last = -1;
  return {
    all,
    place(ids: readonly string[]): number {
      // Neighbours mostly have the same: they are compared before anything is made of them.
      if (isSame(ids, all[last])) return last;
      const key = JSON.stringify(ids);
      last = places.get(key) ?? all.push(ids) - 1;
      places.set(key, last);
      return last;
    },
  };
}

function isSame(a: readonly string[], b: readonly string[] | undefined): boolean {
  return a.length === b?.length && a.every((id, i) => id === b[i]);
}

type Columns = Omit<Rows, 'length' | 'deviceSets'>;

function allocate(length: number): Columns {
  return {
    startMs: new Float64Array(length),
    mean: new Float64Array(length),
    min: new Int16Array(length),
    max: new Int16Array(length),
    count: new Uint32Array(length),
    deviceSet: new Uint32Array(length),
  };
}

function grow(columns: Columns): Columns {
  const larger = allocate(columns.startMs.length * 2);
  larger.startMs.set(columns.startMs);
  larger.mean.set(columns.mean);
  larger.min.set(columns.min);
  larger.max.set(columns.max);
  larger.count.set(columns.count);
  larger.deviceSet.set(columns.deviceSet);
  return larger;
}

/** None. */
export const NO_ROWS: Rows = { ...allocate(0), length: 0, deviceSets: [] };
