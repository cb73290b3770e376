/**
 * What a user's answers go by where a question does not say: kept with the data, a small file a user.
 *
 * `{"version":1,"user_id":"ana","settings":{"birth_year":1986}}`, as the wire spells names.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { type Fault, faultsError, HrmError } from '../errors.js';
import { MAX_RANKED_DEVICES, MAX_SETTINGS_FILE_BYTES } from '../limits.js';
import { wireName } from '../words.js';
import { zoneOf } from './answer/question.js';
import type { ZoneInput } from './daily/heart-zones.js';
import type { DevicePriority } from './merge.js';
import { idFault, isId } from './reading/reading.js';

/** What a user has said. Everything may be left out. */
export interface UserSettings {
  /** 1880 to 2200: the maximum is 220 minus the age. */
  readonly birthYear?: number | undefined;
  /** 100 to 250 bpm; it goes before `birthYear`. */
  readonly maxHeartRate?: number | undefined;
  /** 20 to 99 bpm: zones are shares of the reserve between it and the maximum. */
  readonly restingRate?: number | undefined;
  /** The lower bounds of the five zones, whole bpm from 30 to 250, ascending; they go before what is made of a maximum. */
  readonly zones?: readonly number[] | undefined;
  /** Whose days these are: `Europe/Madrid`. */
  readonly timeZone?: string | undefined;
  /** device_id -> rank, 1 best; up to 100 devices. They go before devices that others give a rank. */
  readonly devicePriority?: DevicePriority | undefined;
}

const VERSION = 1;

function whole(min: number, max: number) {
  const fault = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(fault), v.integer(fault), v.minValue(min, fault), v.maxValue(max, fault));
}

const ZONES_FAULT = 'must be the lower bounds of five zones, whole bpm from 30 to 250, ascending';
const RANKS_FAULT = `must map up to ${MAX_RANKED_DEVICES} device ids to ranks, integers from 1 (best) to 1000`;

/** Settings as the wire has them. */
export const UserSettingsSchema = v.strictObject(
  {
    birth_year: v.optional(whole(1_880, 2_200)),
    max_heart_rate: v.optional(whole(100, 250)),
    resting_rate: v.optional(whole(20, 99)),
    zones: v.optional(
      v.pipe(v.array(whole(30, 250), ZONES_FAULT), v.minLength(5, ZONES_FAULT), v.maxLength(5, ZONES_FAULT)),
    ),
    time_zone: v.optional(v.string('must be a text')),
    device_priority: v.optional(v.record(v.string(), whole(1, 1_000), RANKS_FAULT)),
  },
  'must be an object of birth_year, max_heart_rate, resting_rate, zones, time_zone and device_priority, as far as there are any',
);

/**
 * Takes settings as the wire has them.
 * @throws HrmError kind `invalid`, code `invalid_user_settings`, with every fault.
 */
export function parseUserSettings(wire: unknown): UserSettings {
  // To valibot a list is an object.
  const result = v.safeParse(UserSettingsSchema, Array.isArray(wire) ? null : wire);
  const faults: Fault[] = (result.issues ?? []).slice(0, MAX_RANKED_DEVICES).map(({ path = [], message, type }) => ({
    path: path.map(({ key }) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    // valibot's own words would repeat the value.
    message: type === 'strict_object' && path.length > 0 ? 'is no setting of a user' : message,
  }));
  if (faults.length > 0 || !result.success) throw settingsError(faults);
  const { birth_year, max_heart_rate, resting_rate, zones, time_zone } = result.output;
  // As it came: valibot's records pass over keys like `constructor`, which are as good device ids as any.
  const { device_priority } = wire as { readonly device_priority?: DevicePriority };
  if (zones?.some((bpm, i) => i > 0 && bpm <= (zones[i - 1] as number)))
    faults.push({ path: '/zones', message: ZONES_FAULT });
  const zone = time_zone === undefined ? null : zoneOf(time_zone);
  if (typeof zone === 'string') faults.push({ path: '/time_zone', message: zone });
  if (device_priority !== undefined && !isRanking(device_priority))
    faults.push({ path: '/device_priority', message: RANKS_FAULT });
  if (faults.length > 0) throw settingsError(faults);
  return {
    ...(birth_year !== undefined && { birthYear: birth_year }),
    ...(max_heart_rate !== undefined && { maxHeartRate: max_heart_rate }),
    ...(resting_rate !== undefined && { restingRate: resting_rate }),
    ...(zones !== undefined && { zones }),
    ...(time_zone !== undefined && { timeZone: time_zone }),
    ...(device_priority !== undefined && { devicePriority: device_priority }),
  };
}

/** The same of JSON that somebody typed. @throws as {@link parseUserSettings}. */
export function userSettingsOfText(text: string): UserSettings {
  let wire: unknown;
  try {
    wire = JSON.parse(text);
  } catch {
    throw settingsError([{ path: '', message: 'must be JSON like {"birth_year":1986}' }]);
  }
  return parseUserSettings(wire);
}

function isRanking(value: Readonly<Record<string, unknown>>): boolean {
  const entries = Object.entries(value);
  const isRank = (rank: unknown) => Number.isInteger(rank) && Number(rank) >= 1 && Number(rank) <= 1_000;
  if (Array.isArray(value) || entries.length > MAX_RANKED_DEVICES) return false;
  return entries.every(([id, rank]) => isId(id) && isRank(rank));
}

function settingsError(faults: readonly Fault[]): HrmError {
  return faultsError('invalid_user_settings', faults, { what: 'the settings are not valid' });
}

/** Settings as the wire has them. */
export function userSettingsToWire(settings: UserSettings): v.InferOutput<typeof UserSettingsSchema> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[wireName(name), value]])),
  );
}

/** The name of a user's file. @throws HrmError kind `invalid`, code `invalid_query`, for what is no user_id. */
export function settingsFileName(userId: string): string {
  const fault = idFault(userId);
  if (fault !== undefined) throw faultsError('invalid_query', [{ path: '/user_id', message: fault }]);
  return createHash('sha256').update(userId).digest('hex');
}

/** The bytes of a user's file. */
export function encodeUserSettings(userId: string, settings: UserSettings): Uint8Array {
  const file = { version: VERSION, user_id: userId, settings: userSettingsToWire(settings) };
  return Buffer.from(`${JSON.stringify(file)}\n`, 'utf8');
}

/** @throws HrmError kind `data`, code `settings_damaged`, for what is no file of this user, or one of a later version. */
export function decodeUserSettings(userId: string, bytes: Uint8Array): UserSettings {
  try {
    if (bytes.length > MAX_SETTINGS_FILE_BYTES) throw new Error('it is too large');
    const file: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const { version, user_id, settings } = file as { version?: unknown; user_id?: unknown; settings?: unknown };
    if (version !== VERSION || user_id !== userId) throw new Error('it is of another version or user');
    return parseUserSettings(settings);
  } catch (cause) {
    const message = 'the settings of this user cannot be read: set them again, or use a later version of this software';
    throw new HrmError(message, { kind: 'data', code: 'settings_damaged', cause });
  }
}

/** Ranks of a user's own devices, before those of all others that have one. */
export function rankBefore(own: DevicePriority | undefined, others: DevicePriority): DevicePriority {
  if (own === undefined) return others;
  const worst = Object.values(own).reduce((most, rank) => Math.max(most, rank), 0);
  const distinct = [...new Set(Object.values(others))].sort((a, b) => a - b);
  const places = new Map(distinct.map((rank, place) => [rank, worst + 1 + place]));
  const behind = Object.entries(others).map(([device, rank]): [string, number] => [device, places.get(rank) as number]);
  return Object.fromEntries([...behind, ...Object.entries(own)]);
}

/** What zones are made of: where a question gives a maximum, or an age, it says all of it. */
export function zonesBy<Asked extends ZoneInput>(asked: Asked, own: UserSettings): Asked & ZoneInput {
  if (asked.maxHeartRate !== undefined || asked.birthYear !== undefined) return asked;
  const { maxHeartRate, birthYear, restingRate, zones } = own;
  if (asked.restingRate !== undefined) return { ...asked, maxHeartRate, birthYear };
  return { ...asked, maxHeartRate, birthYear, restingRate, zones };
}
