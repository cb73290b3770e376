/**
 * What is sent, as JSON, and what came, held to its shape: a proxy or another service may answer anything.
 */
import { type Fault, faultsError, HrmError } from '../errors.js';
import type { EraseSummary } from '../flow/erase/erase.js';
import type { ErasureStatus } from '../flow/erase/erasure-status.js';
import type { DayFigures } from '../flow/read/daily.js';
import type { Device, DeviceReading, Latest } from '../flow/read/devices.js';
import type { UsersPage } from '../flow/read/users/list-users.js';
import { MAX_FAULTS } from '../limits.js';
import type { RowField } from '../pure/answer/row-fields.js';
import type { Row } from '../pure/answer/row-table.js';
import { isSeries } from '../pure/reading/is-series.js';
import type { ReadingInput, WireReading } from '../pure/reading/reading.js';
import type { ReadingSeries, WireReadingSeries } from '../pure/reading/series.js';
import type { UserSettings } from '../pure/user-settings.js';
import { toIsoText } from './options.js';

/** What is sent as one value. */
export type Sendable = ReadingInput | WireReading | ReadingSeries | WireReadingSeries;

/** A reading or a series by the names of the wire; whatever else is in it stays away. */
export function toWire(reading: Sendable): WireReading | WireReadingSeries {
  // What is no reading at all the server says.
  if (typeof reading !== 'object' || reading === null) return reading;
  if (isSeries(reading)) return seriesToWire(reading);
  const single = reading as ReadingInput | WireReading;
  if ('user_id' in single) {
    const { user_id, device_id, timestamp, heart_rate } = single;
    return { user_id, device_id, timestamp, heart_rate };
  }
  const { userId, deviceId, timestamp, heartRate } = single;
  // What is no instant the server says.
  return { user_id: userId, device_id: deviceId, timestamp: toIsoText(timestamp) as string, heart_rate: heartRate };
}

function seriesToWire(series: object): WireReadingSeries {
  const given = series as Readonly<Record<string, unknown>>;
  const { user_id = given.userId, device_id = given.deviceId, heart_rates = given.heartRates } = given;
  const { timestamps, start, interval_ms = given.intervalMs } = given;
  const instants = Array.isArray(timestamps) ? timestamps.map(toIsoText) : timestamps;
  // What is none the server says, and what is undefined stays away.
  return { user_id, device_id, timestamps: instants, start: toIsoText(start), interval_ms, heart_rates } as never;
}

/**
 * Each reading or series as JSON.
 * @param pathOf - of the reading at an index, for faults.
 * @throws HrmError kind `invalid`, code `invalid_readings`, which names those that JSON cannot say, such as one with a bigint.
 */
export function serialise(readings: readonly Sendable[], pathOf: (index: number) => string): string[] {
  const faults: Fault[] = [];
  const texts = Array.from(readings, (reading, i) => {
    try {
      return JSON.stringify(toWire(reading)) ?? 'null';
    } catch {
      faults.push({ path: pathOf(i), message: 'cannot be written as JSON' });
      return '';
    }
  });
  if (faults.length === 0) return texts;
  throw new HrmError('the readings are not valid: they cannot be written as JSON', {
    kind: 'invalid',
    code: 'invalid_readings',
    faults: faults.slice(0, MAX_FAULTS),
    faultCount: faults.length,
  });
}

/** Members of an answer, of any kind until they are looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** The error of an answer that is none of this system. */
export function badAnswerError(cause?: unknown): HrmError {
  const message = 'what came is not an answer of this system: is the url that of its server?';
  return new HrmError(message, { kind: 'unavailable', code: 'bad_answer', cause });
}

/** @throws HrmError code `bad_answer`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badAnswerError(cause);
  }
}

/** How many readings were accepted. @throws HrmError code `bad_answer`, as all below. */
export function toAccepted(value: unknown, isBatch: boolean): { readonly accepted: number } {
  const { status, count } = toFields(value);
  if (status !== 'accepted') throw badAnswerError();
  return { accepted: isBatch ? toNumber(count) : 1 };
}

/** A row of an answer with all columns. By hand, since a year has half a million. */
export function toRow(value: unknown): Row {
  const { timestamp, end, heart_rate: heartRate, min, max, count, device_ids: deviceIds } = toFields(value);
  const row = {
    timestamp: toInstant(timestamp),
    heartRate: toNumber(heartRate),
    min: toNumber(min),
    max: toNumber(max),
    count: toNumber(count),
    deviceIds: toList(deviceIds, toText),
  };
  // Only rows of a time zone have one.
  return end === undefined ? row : { ...row, end: toInstant(end) };
}

/** Of each column its name on the wire, and its value held to its shape. */
const COLUMNS: { readonly [Column in keyof Row]-?: readonly [RowField, (value: unknown) => Row[Column]] } = {
  timestamp: ['timestamp', toInstant],
  end: ['end', toInstant],
  heartRate: ['heart_rate', toNumber],
  min: ['min', toNumber],
  max: ['max', toNumber],
  count: ['count', toNumber],
  deviceIds: ['device_ids', (value) => toList(value, toText)],
};

/** Some columns of a row, as a question names them: a list for the wire, and what takes them of a row. */
export interface ChosenColumns<Column extends keyof Row> {
  readonly names: string;
  toRow(value: unknown): Pick<Row, Column | 'timestamp'>;
}

/** @throws HrmError kind `invalid`, code `invalid_query`, for a name that is none. */
export function chooseColumns<Column extends keyof Row>(chosen: readonly Column[]): ChosenColumns<Column> {
  const isList = Array.isArray(chosen) && chosen.every((column) => Object.hasOwn(COLUMNS, column));
  if (!isList)
    throw faultsError('invalid_query', [
      { path: '/fields', message: `must be a list of ${Object.keys(COLUMNS).join(', ')}` },
    ]);
  const columns = [...new Set<keyof Row>(['timestamp', ...chosen])];
  return {
    names: columns.map((column) => COLUMNS[column][0]).join(),
    toRow(value) {
      const given = toFields(value);
      const taken = columns.map((column) => [column, COLUMNS[column][1](given[COLUMNS[column][0]])]);
      return Object.fromEntries(taken) as Pick<Row, Column | 'timestamp'>;
    },
  };
}

/** A user's days in figures. */
export function toDays(value: unknown): readonly DayFigures[] {
  return toList(toFields(value).days, (item) => {
    const day = toFields(item);
    const orNull = <T>(one: unknown, to: (known: unknown) => T) => (one === null ? null : to(one));
    return {
      date: toText(day.date),
      start: toInstant(day.start),
      end: toInstant(day.end),
      min: toNumber(day.min),
      max: toNumber(day.max),
      mean: toNumber(day.mean),
      count: toNumber(day.count),
      minutes: toNumber(day.minutes),
      restingRate: orNull(day.resting_rate, toNumber),
      restingMean7: orNull(day.resting_mean_7, toNumber),
      restingMean28: orNull(day.resting_mean_28, toNumber),
      longestGapMinutes: toNumber(day.longest_gap_minutes),
      zones: orNull(day.zones, (zones) =>
        toList(zones, (zone) => {
          const { from_bpm: fromBpm, minutes } = toFields(zone);
          return { fromBpm: toNumber(fromBpm), minutes: toNumber(minutes) };
        }),
      ),
      quality: toText(day.quality) as DayFigures['quality'],
      deviceIds: toList(day.device_ids, toText),
    };
  });
}

/** What a user has said. */
export function toUserSettings(value: unknown): UserSettings {
  const { settings } = toFields(value);
  const { birth_year, max_heart_rate, resting_rate, zones, time_zone, device_priority } = toFields(settings);
  const said = {
    birthYear: orMissing(birth_year, toNumber),
    maxHeartRate: orMissing(max_heart_rate, toNumber),
    restingRate: orMissing(resting_rate, toNumber),
    zones: orMissing(zones, (bounds) => toList(bounds, toNumber)),
    timeZone: orMissing(time_zone, toText),
    devicePriority: orMissing(device_priority, (ranks) =>
      Object.fromEntries(Object.entries(toFields(ranks)).map(([id, rank]) => [id, toNumber(rank)])),
    ),
  };
  return Object.fromEntries(Object.entries(said).filter(([, each]) => each !== undefined));
}

function orMissing<T>(value: unknown, to: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : to(value);
}

/** A user's devices. */
export function toDevices(value: unknown): readonly Device[] {
  return toList(toFields(value).devices, (item) => {
    const { device_id: deviceId, first, last } = toFields(item);
    return { deviceId: toText(deviceId), first: toReading(first), last: toReading(last) };
  });
}

/** A user's last readings. */
export function toLatest(value: unknown): Latest {
  const { latest, devices } = toFields(value);
  return { latest: latest === null ? null : toDeviceReading(latest), devices: toList(devices, toDeviceReading) };
}

/** An erasure that is in force. */
export function toErasure(value: unknown): EraseSummary {
  const { id, until } = toFields(value);
  return { id: toText(id), until: toInstant(until) };
}

/** How far an erasure is. */
export function toErasureStatus(value: unknown): ErasureStatus {
  const { id, state, report } = toFields(value);
  if (state !== 'in_force' && state !== 'finished') throw badAnswerError();
  return { id: toText(id), state, report };
}

/** A page of users. */
export function toUsers(value: unknown): UsersPage {
  const { users, next, since } = toFields(value);
  return {
    users: toList(users, (item) => {
      const { user_id: userId, latest } = toFields(item);
      return { userId: toText(userId), latest: toDeviceReading(latest) };
    }),
    next: next === null ? null : toText(next),
    since: since === null ? null : toText(since),
  };
}

/** A reading of a device, as a live event has it, too. */
export function toDeviceReading(value: unknown): DeviceReading & { readonly deviceId: string } {
  return { deviceId: toText(toFields(value).device_id), ...toReading(value) };
}

function toReading(value: unknown): DeviceReading {
  const { timestamp, heart_rate: heartRate } = toFields(value);
  return { timestamp: toInstant(timestamp), heartRate: toNumber(heartRate) };
}

/** What is looked into. */
export function toFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw badAnswerError();
  return value as Fields;
}

/** A list, each of it held to its shape. */
export function toList<Item>(value: unknown, toItem: (item: unknown) => Item): Item[] {
  if (!Array.isArray(value)) throw badAnswerError();
  return value.map((item) => toItem(item));
}

/** Text. */
export function toText(value: unknown): string {
  if (typeof value !== 'string') throw badAnswerError();
  return value;
}

/** A number. */
export function toNumber(value: unknown): number {
  if (typeof value !== 'number') throw badAnswerError();
  return value;
}

function toInstant(value: unknown): string {
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value))
    return value;
  throw badAnswerError();
}
