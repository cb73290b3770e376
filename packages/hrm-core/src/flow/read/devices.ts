/**
 * A user's devices, and the last readings: which minutes to look into is known from rollups, and of readings only those few
 * minutes are read.
 */
import { HrmError, throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_HISTORY_DAYS, MAX_HISTORY_DEVICES, MAX_TIMESTAMP_MS } from '../../limits.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { parseQuestion, type Question } from '../../pure/answer/question.js';
import { type DevicePriority, rankDevices } from '../../pure/merge.js';
import { formatInstant } from '../../pure/reading/timestamp.js';
import { sortUtf8Steps } from '../../pure/utf8.js';
import { collectYielding, inTurns } from '../../steps.js';
import type { OnDamage } from '../damage/damage.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder } from '../files/yielder.js';
import { daysOf, overPartitions } from './days.js';
import { type End, endsOfDay, spansOfDay } from './device-ends.js';

/** What `devices` and `latest` work on. */
export interface DevicesComponents {
  readonly storage: Storage;
}

/** How they are asked. */
export interface DevicesOptions extends CallOptions {
  /** Faults name the fields as the wire spells them (`/user_id`); default false. */
  readonly wireNames?: boolean | undefined;
  /** Hears of each file that could not be read, and that the answer was therefore made without. */
  readonly onDamage?: OnDamage | undefined;
}

/** A reading of a device. */
export interface DeviceReading {
  /** ISO 8601, UTC, with milliseconds where they are not 0. */
  readonly timestamp: string;
  /** bpm. */
  readonly heartRate: number;
}

/** A device that has readings stored. */
export interface Device {
  readonly deviceId: string;
  /** Its first stored reading, by timestamp. */
  readonly first: DeviceReading;
  /** Its last. */
  readonly last: DeviceReading;
}

/** The last readings of a user. */
export interface Latest {
  /** Of all devices; at the same millisecond of the one with the best priority. `null`: nothing is stored. */
  readonly latest: (DeviceReading & { readonly deviceId: string }) | null;
  /** Of each device, by device_id in UTF-8 byte order. */
  readonly devices: readonly (DeviceReading & { readonly deviceId: string })[];
}

/**
 * Lists a user's devices with their first and last stored reading, by device_id in UTF-8 byte order; an unknown user has
 * none. Readings still queued are not in it.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is no user_id, and `too_much_history` for a user of more than 100,000 devices or
 *   36,600 days; kind `unavailable` when the storage cannot now; kind `closed` when aborted. A damaged file is no error: see `onDamage`.
 * @example
 * const all = await devices({ storage }, { userId: 'ana' });
 */
export async function devices(
  { storage }: DevicesComponents,
  { userId }: { readonly userId: string },
  options: DevicesOptions = {},
): Promise<readonly Device[]> {
  const question = wholeHistory(userId, {}, options);
  const spans = await findSpans(storage, question, options);
  const [firsts, lasts] = [
    await readEnds(storage, question, spans, 'first', options),
    await readEnds(storage, question, spans, 'last', options),
  ];
  const { yieldTurn } = createYielder(options);
  function describe(deviceId: string): Device | undefined {
    const [first, last] = [firsts.get(deviceId), lasts.get(deviceId)];
    if (first === undefined || last === undefined) return undefined;
    return { deviceId, first: shown(first), last: shown(last) };
  }
  return await collectYielding(await inTurns(sortUtf8Steps([...spans.keys()]), yieldTurn), describe, yieldTurn);
}

/**
 * The last stored reading of each of a user's devices, and of the user. Readings still queued are not in it.
 *
 * @param input.priority - decides between devices at the same millisecond; default: the smaller device_id.
 * @throws as {@link devices}.
 * @example
 * const { latest: reading } = await latest({ storage }, { userId: 'ana', priority: { chest_strap: 1 } });
 */
export async function latest(
  { storage }: DevicesComponents,
  { userId, priority = {} }: { readonly userId: string; readonly priority?: DevicePriority | undefined },
  options: DevicesOptions = {},
): Promise<Latest> {
  const question = wholeHistory(userId, priority, options);
  const spans = await findSpans(storage, question, options);
  const lasts = await readEnds(storage, question, spans, 'last', options);
  const { yieldTurn } = createYielder(options);
  const all = await collectYielding(
    await inTurns(sortUtf8Steps([...lasts.keys()]), yieldTurn),
    (deviceId) => ({ deviceId, ...shown(lasts.get(deviceId) as End) }),
    yieldTurn,
  );
  let lastMs = -1;
  for (const { timestampMs } of lasts.values()) lastMs = Math.max(lastMs, timestampMs);
  const last = all.filter(({ deviceId }) => lasts.get(deviceId)?.timestampMs === lastMs);
  const [best = -1] = rankDevices(
    last.map(({ deviceId }) => deviceId),
    priority,
  );
  return { latest: last[best] ?? null, devices: all };
}

function wholeHistory(userId: string, priority: DevicePriority, { wireNames = false }: DevicesOptions): Question {
  const asked = { userId, start: 0, end: 0, priority };
  const question = parseQuestion(asked, { naiveTimestamps: 'reject', wireNames });
  return { ...question, toMs: MAX_TIMESTAMP_MS + 1 };
}

/** The first millisecond of the minutes that a device's first and last reading lie in, and their days. */
interface Span {
  firstMs: number;
  readonly firstDay: readonly Partition[];
  lastMs: number;
  lastDay: readonly Partition[];
}

/** All days, a century first, and all others at once where it has few: where there are too many, not all of them are looked for. */
async function listDays(
  storage: Storage,
  question: Question,
  options: CallOptions,
): Promise<readonly (readonly Partition[])[]> {
  const days: (readonly Partition[])[] = [];
  let spanMs = MAX_HISTORY_DAYS * DAY_MS;
  for (let { fromMs } = question; fromMs < question.toMs; ) {
    const toMs = Math.min(question.toMs, fromMs + spanMs);
    const before = days.length;
    for await (const day of daysOf(storage, { ...question, fromMs, toMs }, options)) {
      if (days.length === MAX_HISTORY_DAYS) throw historyError(`readings on more than ${MAX_HISTORY_DAYS} days`);
      days.push(day);
    }
    if (days.length - before < MAX_HISTORY_DAYS / 2) spanMs = question.toMs;
    fromMs = toMs;
  }
  return days;
}

async function findSpans(
  storage: Storage,
  question: Question,
  { signal, owner, onDamage }: DevicesOptions,
): Promise<ReadonlyMap<string, Span>> {
  const yielder = createYielder({ owner });
  const spans = new Map<string, Span>();
  async function look(day: readonly Partition[]) {
    throwIfAborted(signal, 'the query');
    await yielder.yieldTurn();
    const found = await overPartitions(storage, day, question, { signal, onDamage, yielder }, (context, snapshots) =>
      spansOfDay(context, snapshots, question),
    );
    return { day, found };
  }
  // All before the first is read: of too many nothing is.
  const days = await listDays(storage, question, { signal, owner });
  for await (const { day, found } of readAhead(days, look, storage.readAhead ?? 0)) {
    for (const [deviceId, { firstMs, lastMs }] of found) {
      const span = spans.get(deviceId);
      if (span === undefined) spans.set(deviceId, { firstMs, firstDay: day, lastMs, lastDay: day });
      else Object.assign(span, { lastMs, lastDay: day });
    }
    if (spans.size > MAX_HISTORY_DEVICES) throw historyError(`more than ${MAX_HISTORY_DEVICES} devices`);
  }
  return spans;
}

function historyError(what: string): HrmError {
  const message = `the user has ${what}, which is too much for one answer: ask for the rows of a range, which name its devices`;
  return new HrmError(message, { kind: 'invalid', code: 'too_much_history' });
}

/** Reads the first or the last reading of each device: a day once, and of it the row groups that may have one. */
async function readEnds(
  storage: Storage,
  question: Question,
  spans: ReadonlyMap<string, Span>,
  end: 'first' | 'last',
  { signal, owner, onDamage }: DevicesOptions,
): Promise<ReadonlyMap<string, End>> {
  const yielder = createYielder({ owner });
  const wanted = new Map<readonly Partition[], Map<string, number>>();
  for (const [deviceId, { firstMs, firstDay, lastMs, lastDay }] of spans) {
    const [day, minuteMs] = end === 'first' ? [firstDay, firstMs] : [lastDay, lastMs];
    const minutes = wanted.get(day) ?? new Map<string, number>();
    wanted.set(day, minutes.set(deviceId, minuteMs));
  }
  const ends = new Map<string, End>();
  async function look([day, minutes]: readonly [readonly Partition[], ReadonlyMap<string, number>]) {
    throwIfAborted(signal, 'the query');
    return await overPartitions(storage, day, question, { signal, onDamage, yielder }, (context, snapshots) =>
      endsOfDay(context, snapshots, question, { minutes, end }),
    );
  }
  for await (const found of readAhead(wanted, look, storage.readAhead ?? 0)) {
    for (const [deviceId, reading] of found) ends.set(deviceId, reading);
  }
  return ends;
}

function shown({ timestampMs, heartRate }: End): DeviceReading {
  return { timestamp: formatInstant(timestampMs), heartRate };
}

/** A device for programs, in the names of the wire. */
export function deviceToWire({ deviceId, first, last }: Device) {
  return { device_id: deviceId, first: readingToWire(first), last: readingToWire(last) };
}

/** A last reading for programs, in the names of the wire. */
export function lastToWire({ deviceId, ...reading }: Latest['devices'][number]) {
  return { device_id: deviceId, ...readingToWire(reading) };
}

function readingToWire({ timestamp, heartRate }: DeviceReading) {
  return { timestamp, heart_rate: heartRate };
}
