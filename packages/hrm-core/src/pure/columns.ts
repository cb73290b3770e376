import { MINUTE_MS } from '../limits.js';
import { inOnePiece, type Steps } from '../steps.js';
import { compareUtf8, sortUtf8Steps } from './utf8.js';

/** Rows, or strings, that are gone through in one step: a millisecond's work or two. */
export const ROWS_A_STEP = 4_096;

/** One reading, as an object: at the edges only; inward of them readings are {@link ReadingColumns}. */
export interface Reading {
  /** 1 to 128 UTF-16 code units, well-formed, no control characters. */
  readonly userId: string;
  /** As `userId`. */
  readonly deviceId: string;
  /** When the heart was measured, epoch milliseconds UTC, >= 0. */
  readonly timestampMs: number;
  /** bpm, integer, 30 to 220 inclusive. */
  readonly heartRate: number;
  /** When a producer accepted it, epoch milliseconds UTC. */
  readonly receivedMs: number;
}

/**
 * Many readings, column by column: arrays of one length, one row an index. `user` and `device` hold indices into
 * `users` and `devices`, which are in UTF-8 byte order without repeats, so that comparing indices compares ids.
 */
export interface ReadingColumns {
  readonly length: number;
  readonly users: readonly string[];
  readonly devices: readonly string[];
  readonly user: Uint32Array;
  readonly device: Uint32Array;
  /** Epoch milliseconds UTC. */
  readonly timestampMs: Float64Array;
  /** bpm. */
  readonly heartRate: Int32Array;
  /** `floor(receivedMs / 60000)`. */
  readonly receivedMinute: Int32Array;
}

/** No readings. */
export const NO_READINGS: ReadingColumns = allocateColumns(0, [], []);

/** Columns of `length` zeroed rows over the given dictionaries, for code that fills them. */
function allocateColumns(length: number, users: readonly string[], devices: readonly string[]): ReadingColumns {
  return {
    length,
    users,
    devices,
    user: new Uint32Array(length),
    device: new Uint32Array(length),
    timestampMs: new Float64Array(length),
    heartRate: new Int32Array(length),
    receivedMinute: new Int32Array(length),
  };
}

/** Turns readings into columns, in the order given. */
export function columnsFromReadings(readings: readonly Reading[]): ReadingColumns {
  const users = internStrings(readings.map((reading) => reading.userId));
  const devices = internStrings(readings.map((reading) => reading.deviceId));
  const columns = allocateColumns(readings.length, users.values, devices.values);
  columns.user.set(users.indices);
  columns.device.set(devices.indices);
  for (const [i, reading] of readings.entries()) {
    columns.timestampMs[i] = reading.timestampMs;
    columns.heartRate[i] = reading.heartRate;
    columns.receivedMinute[i] = Math.floor(reading.receivedMs / MINUTE_MS);
  }
  return columns;
}

/** Distinct strings, and of each that was given its index among them. */
export interface Interned {
  /** In UTF-8 byte order. */
  readonly values: readonly string[];
  readonly indices: Uint32Array;
}

/** The distinct strings in UTF-8 byte order, and for each string given its index among them. */
export function internStrings(strings: readonly string[]): Interned {
  return inOnePiece(internSteps(strings));
}

/** The same in steps: fifty thousand of the longest ids take half a second. */
export function* internSteps(strings: readonly string[]): Steps<Interned> {
  const seen = new Map<string, number>();
  const indices = new Uint32Array(strings.length);
  for (let from = 0; from < strings.length; from += ROWS_A_STEP) {
    if (from > 0) yield;
    addStrings(strings, from, { seen, indices });
  }
  if (seen.size <= 1) return { values: [...seen.keys()], indices };
  const values = yield* sortUtf8Steps([...seen.keys()]);
  const rank = new Uint32Array(values.length);
  for (const [r, text] of values.entries()) {
    if (r % ROWS_A_STEP === ROWS_A_STEP - 1) yield;
    rank[seen.get(text) as number] = r;
  }
  for (let i = 0; i < indices.length; i += 1) indices[i] = rank[indices[i] as number] as number;
  return { values, indices };
}

/** Numbers strings as they come. */
function addStrings(
  strings: readonly string[],
  from: number,
  { seen, indices }: { readonly seen: Map<string, number>; readonly indices: Uint32Array },
): void {
  const to = Math.min(strings.length, from + ROWS_A_STEP);
  let last: string | undefined;
  let index = 0;
  for (let i = from; i < to; i += 1) {
    const text = strings[i] as string;
    // Rows of one device stand together: nearly every string is the one before.
    if (text !== last) {
      index = seen.get(text) ?? seen.size;
      if (index === seen.size) seen.set(text, index);
      last = text;
    }
    indices[i] = index;
  }
}

/** A table takes as long as so many rows, however few it has. */
const ROWS_OF_A_TABLE = 16;

/** One table out of several, rows in the order given, the dictionaries made one. */
export function concatColumns(given: readonly ReadingColumns[]): ReadingColumns {
  return inOnePiece(concatSteps(given));
}

/** The same in steps. */
export function* concatSteps(given: readonly ReadingColumns[]): Steps<ReadingColumns> {
  // What ends a file adds no rows to those that wait, whose dictionaries may be of many users.
  const tables = given.filter((table) => table.length > 0);
  const [first] = tables;
  if (first !== undefined && tables.length === 1) return first;
  const users = yield* mergeDictionaries(tables.map((table) => table.users));
  const devices = yield* mergeDictionaries(tables.map((table) => table.devices));
  const length = tables.reduce((sum, table) => sum + table.length, 0);
  const columns = allocateColumns(length, users.values, devices.values);
  let at = 0;
  let work = 0;
  for (const [t, table] of tables.entries()) {
    work += table.length + ROWS_OF_A_TABLE;
    if (work >= ROWS_A_STEP) {
      work = 0;
      yield;
    }
    const userMap = users.maps[t] as Uint32Array;
    const deviceMap = devices.maps[t] as Uint32Array;
    for (let i = 0; i < table.length; i += 1) {
      columns.user[at + i] = userMap[table.user[i] as number] as number;
      columns.device[at + i] = deviceMap[table.device[i] as number] as number;
    }
    columns.timestampMs.set(table.timestampMs, at);
    columns.heartRate.set(table.heartRate, at);
    columns.receivedMinute.set(table.receivedMinute, at);
    at += table.length;
  }
  return columns;
}

/**
 * The rows at the indices in `rows`, in that order.
 * @param rows - indices into `columns`, each `< columns.length`; repeats are allowed.
 */
export function takeRows(columns: ReadingColumns, rows: Uint32Array): ReadingColumns {
  const taken = allocateColumns(rows.length, columns.users, columns.devices);
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows[i] as number;
    taken.user[i] = columns.user[row] as number;
    taken.device[i] = columns.device[row] as number;
    taken.timestampMs[i] = columns.timestampMs[row] as number;
    taken.heartRate[i] = columns.heartRate[row] as number;
    taken.receivedMinute[i] = columns.receivedMinute[row] as number;
  }
  return taken;
}

/** The rows `fromRow <= i < toRow`, without copying them. */
export function sliceRows(columns: ReadingColumns, fromRow: number, toRow: number): ReadingColumns {
  if (fromRow === 0 && toRow === columns.length) return columns;
  return {
    length: toRow - fromRow,
    users: columns.users,
    devices: columns.devices,
    user: columns.user.subarray(fromRow, toRow),
    device: columns.device.subarray(fromRow, toRow),
    timestampMs: columns.timestampMs.subarray(fromRow, toRow),
    heartRate: columns.heartRate.subarray(fromRow, toRow),
    receivedMinute: columns.receivedMinute.subarray(fromRow, toRow),
  };
}

/** The same rows over dictionaries of only the ids in them: a slice has those of the whole table, and each merge sorts them. */
export function narrowDictionaries(columns: ReadingColumns): ReadingColumns {
  const users = narrow(columns.users, columns.user);
  const devices = narrow(columns.devices, columns.device);
  return { ...columns, users: users.values, user: users.indices, devices: devices.values, device: devices.indices };
}

function narrow(dictionary: readonly string[], indices: Uint32Array) {
  const used = [...new Set(indices)].sort((a, b) => a - b);
  const places = new Map(used.map((index, place) => [index, place]));
  return {
    values: used.map((index) => dictionary[index] as string),
    indices: indices.map((index) => places.get(index) as number),
  };
}

/** Compares two rows by user, device and timestampMs: negative where the left one comes first. */
export function compareRows(left: ReadingColumns, i: number, right: ReadingColumns, j: number): number {
  return (
    compareUtf8(userOf(left, i), userOf(right, j)) ||
    compareUtf8(deviceOf(left, i), deviceOf(right, j)) ||
    (left.timestampMs[i] as number) - (right.timestampMs[j] as number)
  );
}

/** The user_id of a row. */
export function userOf({ users, user }: ReadingColumns, row: number): string {
  return users[user[row] as number] as string;
}

function deviceOf({ devices, device }: ReadingColumns, row: number): string {
  return devices[device[row] as number] as string;
}

/** Tells whether two tables hold the same rows in the same order. */
export function sameReadings(left: ReadingColumns, right: ReadingColumns): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i += 1) {
    if (
      left.timestampMs[i] !== right.timestampMs[i] ||
      left.heartRate[i] !== right.heartRate[i] ||
      left.receivedMinute[i] !== right.receivedMinute[i] ||
      deviceOf(left, i) !== deviceOf(right, i) ||
      userOf(left, i) !== userOf(right, i)
    ) {
      return false;
    }
  }
  return true;
}

function* mergeDictionaries(dictionaries: readonly (readonly string[])[]): Steps<{
  values: readonly string[];
  maps: readonly Uint32Array[];
}> {
  const { values, indices } = yield* internSteps(dictionaries.flat());
  let at = 0;
  const maps = dictionaries.map((dictionary) => {
    at += dictionary.length;
    return indices.subarray(at - dictionary.length, at);
  });
  return { values, maps };
}
