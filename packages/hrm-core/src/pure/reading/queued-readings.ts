/** Readings on their way through the queue: columns in the order of their delivery, before rule 1 decides which of them stay. */
import { MINUTE_MS } from '../../limits.js';
import type { Steps } from '../../steps.js';
import { internSteps, type Reading, type ReadingColumns, ROWS_A_STEP } from '../columns.js';

/**
 * Readings column by column, in the order of their delivery: arrays of one length, one reading an index. `user` and `device` hold indices
 * into `users` and `devices`, which have no repeats, in the order in which ids were met first.
 */
export interface QueuedReadings {
  readonly length: number;
  readonly users: readonly string[];
  readonly devices: readonly string[];
  readonly user: Uint32Array;
  readonly device: Uint32Array;
  /** Epoch milliseconds UTC. */
  readonly timestampMs: Float64Array;
  /** bpm. */
  readonly heartRate: Int32Array;
  /** When a producer accepted it, epoch milliseconds UTC. */
  readonly receivedMs: Float64Array;
}

/** Ids, numbered as they come. */
interface Dictionary {
  readonly values: string[];
  readonly places: Map<string, number>;
}

/** Readings that are being gathered; its arrays are longer than `length` where there is room for more. */
export interface Gathering {
  length: number;
  readonly users: Dictionary;
  readonly devices: Dictionary;
  user: Uint32Array;
  device: Uint32Array;
  timestampMs: Float64Array;
  heartRate: Int32Array;
  receivedMs: Float64Array;
}

/** Begins to gather. @param capacity - readings that there is room for without making more, >= 1. */
export function gather(capacity = ROWS_A_STEP): Gathering {
  return {
    length: 0,
    users: { values: [], places: new Map() },
    devices: { values: [], places: new Map() },
    user: new Uint32Array(capacity),
    device: new Uint32Array(capacity),
    timestampMs: new Float64Array(capacity),
    heartRate: new Int32Array(capacity),
    receivedMs: new Float64Array(capacity),
  };
}

/** The index of an id among those met so far, itself included. */
export function indexOfId({ values, places }: Dictionary, id: string): number {
  const known = places.get(id);
  if (known !== undefined) return known;
  places.set(id, values.length);
  return values.push(id) - 1;
}

/** Makes room for so many more. */
export function makeRoom(gathering: Gathering, more: number): void {
  const needed = gathering.length + more;
  if (needed <= gathering.user.length) return;
  const capacity = Math.max(needed, 2 * gathering.user.length);
  const { user, device, timestampMs, heartRate, receivedMs } = gathering;
  gathering.user = new Uint32Array(capacity);
  gathering.device = new Uint32Array(capacity);
  gathering.timestampMs = new Float64Array(capacity);
  gathering.heartRate = new Int32Array(capacity);
  gathering.receivedMs = new Float64Array(capacity);
  gathering.user.set(user);
  gathering.device.set(device);
  gathering.timestampMs.set(timestampMs);
  gathering.heartRate.set(heartRate);
  gathering.receivedMs.set(receivedMs);
}

/** Adds a reading. */
export function addReading(gathering: Gathering, reading: Reading): void {
  makeRoom(gathering, 1);
  const row = gathering.length;
  gathering.user[row] = indexOfId(gathering.users, reading.userId);
  gathering.device[row] = indexOfId(gathering.devices, reading.deviceId);
  gathering.timestampMs[row] = reading.timestampMs;
  gathering.heartRate[row] = reading.heartRate;
  gathering.receivedMs[row] = reading.receivedMs;
  gathering.length += 1;
}

/** What was gathered. The arrays are shared: nothing may be added any more. */
export function gathered({ length, users, devices, ...columns }: Gathering): QueuedReadings {
  return {
    length,
    users: users.values,
    devices: devices.values,
    user: columns.user.subarray(0, length),
    device: columns.device.subarray(0, length),
    timestampMs: columns.timestampMs.subarray(0, length),
    heartRate: columns.heartRate.subarray(0, length),
    receivedMs: columns.receivedMs.subarray(0, length),
  };
}

/** Readings as columns, in the order given. */
export function queuedFrom(readings: readonly Reading[]): QueuedReadings {
  const gathering = gather(Math.max(1, readings.length));
  for (const reading of readings) addReading(gathering, reading);
  return gathered(gathering);
}

/** One of the readings. @param row - its index, `< readings.length`. */
export function readingAt(readings: QueuedReadings, row: number): Reading {
  return {
    userId: readings.users[readings.user[row] as number] as string,
    deviceId: readings.devices[readings.device[row] as number] as string,
    timestampMs: readings.timestampMs[row] as number,
    heartRate: readings.heartRate[row] as number,
    receivedMs: readings.receivedMs[row] as number,
  };
}

/**
 * The readings at the indices in `rows`, in that order, over dictionaries of their own.
 * @param rows - indices, each `< readings.length`.
 */
export function takeQueued(readings: QueuedReadings, rows: Uint32Array): QueuedReadings {
  const taken = gather(Math.max(1, rows.length));
  for (const row of rows) addReading(taken, readingAt(readings, row));
  return gathered(taken);
}

/** The same readings in the same order as files have them: dictionaries sorted, the time of receipt to the minute. */
export function* columnsOfQueued(readings: QueuedReadings): Steps<ReadingColumns> {
  const users = yield* internSteps(readings.users);
  const devices = yield* internSteps(readings.devices);
  const receivedMinute = new Int32Array(readings.length);
  for (let row = 0; row < readings.length; row += 1) {
    receivedMinute[row] = Math.floor((readings.receivedMs[row] as number) / MINUTE_MS);
  }
  yield;
  return {
    length: readings.length,
    users: users.values,
    devices: devices.values,
    user: ranked(readings.user, users.indices),
    device: ranked(readings.device, devices.indices),
    timestampMs: readings.timestampMs,
    heartRate: readings.heartRate,
    receivedMinute,
  };
}

function ranked(indices: Uint32Array, ranks: Uint32Array): Uint32Array {
  const made = new Uint32Array(indices.length);
  for (let row = 0; row < indices.length; row += 1) made[row] = ranks[indices[row] as number] as number;
  return made;
}
