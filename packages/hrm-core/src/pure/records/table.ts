import { meanOf, type RowTable } from '../answer/row-table.js';
import type { ReadingColumns } from '../columns.js';

/** Heart rates of one person as records have them, column by column: arrays of one length. Of readings those of a device stand together, ascending. */
export interface RecordTable {
  readonly length: number;
  /** When it was measured, or when its interval begins, epoch milliseconds. */
  readonly startMs: Float64Array;
  /** bpm: of a reading whole, of an interval a mean of at most two decimals. */
  readonly heartRate: Float64Array | Int32Array;
  /** Index into `deviceSets`. */
  readonly deviceSet: Uint32Array;
  /** Lists of device ids; of readings of one id each. */
  readonly deviceSets: readonly (readonly string[])[];
  /** `floor(receivedMs / 60000)`, 0 of what was imported; means have none. */
  readonly receivedMinute?: Int32Array;
}

/** What all records of a document have in common. */
export interface RecordSubject {
  readonly userId: string;
  /** The one device that was asked for; `undefined`: all. */
  readonly deviceId?: string | undefined;
  /** Milliseconds that each value is the mean of; `null`: each is a reading of a moment. */
  readonly intervalMs: number | null;
}

/** Rows of an answer as records. */
export function recordsOfRows({ length, startMs, sum, count, deviceSet, deviceSets }: RowTable): RecordTable {
  const heartRate = new Float64Array(length);
  for (let i = 0; i < length; i += 1) heartRate[i] = meanOf(sum[i] as number, count[i] as number);
  return { length, startMs, heartRate, deviceSet, deviceSets };
}

/** One user's readings as records. */
export function recordsOfReadings(readings: ReadingColumns): RecordTable {
  const { length, timestampMs: startMs, heartRate, device: deviceSet, devices, receivedMinute } = readings;
  return { length, startMs, heartRate, deviceSet, deviceSets: devices.map((device) => [device]), receivedMinute };
}

/** Records of one device that stand together: `from <= i < to`. */
export interface DeviceRun {
  readonly from: number;
  readonly to: number;
  readonly deviceId: string;
}

/** The readings of a table, device by device. */
export function* deviceRuns({ length, deviceSet, deviceSets }: RecordTable): Generator<DeviceRun> {
  let from = 0;
  for (let i = 1; i <= length; i += 1) {
    if (i < length && deviceSet[i] === deviceSet[from]) continue;
    yield { from, to: i, deviceId: deviceSets[deviceSet[from] as number]?.[0] ?? '' };
    from = i;
  }
}
