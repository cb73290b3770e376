/**
 * The calls about users: who there is, and of one the devices and the last readings.
 */
import {
  createYielder,
  type DamageReport,
  type DeviceReading,
  daily,
  dailyAsUserSays,
  dailyOfWire,
  dailyToWire,
  dayToWire,
  devices,
  latest,
  listUsers,
  type Storage,
  settingsAnswer,
  setWireUserSettings,
  userPriority,
  userSettings,
  usersToWire,
  type Yielder,
} from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import { OPERATIONS } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import type { Semaphore } from 'hrm-core/shares';
import { withBody } from '../http/body.js';
import { readMediaType } from '../http/media-type.js';
import { MAX_SETTINGS_BYTES } from '../limits.js';
import type { DamageListener } from '../ops/damage.js';
import { readBeginning, rejoin, streamPieces } from './answer.js';
import { type Call, clientOf, type Handler, jsonResponse } from './handler.js';
import { bodyLimits, parseReading } from './ingest.js';
import { createPlace, type Place, streamOptions } from './long-answer.js';
import { readQuery, readSegment } from './parameters.js';
import { asSpan, fieldsOf } from './requests.js';

/** A call that names a user in its path. */
type UserOperation = (typeof OPERATIONS)['days' | 'devices' | 'latest' | 'userSettings' | 'putUserSettings'];

/** Where the readings are, and who hears of damage. */
export interface UsersComponents {
  readonly storage: Storage;
  readonly onDamage: DamageListener;
  /** Of long answers, for both calls. */
  readonly semaphore: Semaphore;
}

/** Lists users. */
export function answerUsers(
  { storage, onDamage, semaphore }: UsersComponents,
  { devicePriority: priority }: Pick<Settings, 'devicePriority'>,
): Handler {
  return async (call) => {
    const input = readQuery(call.incoming.url ?? '', OPERATIONS.users.parameters);
    const { userIds } = call.access;
    const page = await asSpan(call.incoming, 'query', () =>
      createPlace(call, semaphore).during((signal) =>
        listUsers({ storage }, { ...input, userIds, priority }, optionsOf(call, onDamage, signal)),
      ),
    );
    return jsonResponse(call, 200, usersToWire(page));
  };
}

/** Lists a user's devices. */
export function listDevices({ storage, onDamage, semaphore }: UsersComponents): Handler {
  return async (call) => {
    const userId = readUser(call, OPERATIONS.devices);
    const place = createPlace(call, semaphore);
    const all = await asSpan(call.incoming, 'query', () =>
      place.during((signal) => devices({ storage }, { userId }, optionsOf(call, onDamage, signal))),
    );
    return await listResponse(
      call,
      place,
      { head: { user_id: userId }, name: 'devices' },
      all,
      ({ deviceId, first, last }) => {
        return { device_id: deviceId, first: toWire(first), last: toWire(last) };
      },
    );
  };
}

/** Tells a user's days in figures. */
export function listDays(
  { storage, onDamage, semaphore }: UsersComponents,
  { devicePriority: priority }: Pick<Settings, 'devicePriority'>,
): Handler {
  return async (call) => {
    const { url = '' } = call.incoming;
    const userId = readUser(call, OPERATIONS.days);
    const asked = { ...dailyOfWire(userId, readQuery(url, OPERATIONS.days.parameters)), priority };
    const input = await dailyAsUserSays({ storage }, asked);
    const place = createPlace(call, semaphore);
    const days = await asSpan(call.incoming, 'query', () =>
      place.during((signal) => daily({ storage }, input, optionsOf(call, onDamage, signal))),
    );
    return await listResponse(call, place, { head: dailyToWire(input), name: 'days' }, days, dayToWire);
  };
}

/** Tells a user's last readings. */
export function answerLatest(
  { storage, onDamage, semaphore }: UsersComponents,
  { devicePriority: priority }: Pick<Settings, 'devicePriority'>,
): Handler {
  return async (call) => {
    const userId = readUser(call, OPERATIONS.latest);
    const ranks = await userPriority({ storage }, userId, priority);
    const place = createPlace(call, semaphore);
    const found = await asSpan(call.incoming, 'query', () =>
      place.during((signal) => latest({ storage }, { userId, priority: ranks }, optionsOf(call, onDamage, signal))),
    );
    const last = found.latest === null ? null : ofDevice(found.latest);
    const head = { user_id: userId, latest: last };
    return await listResponse(call, place, { head, name: 'devices' }, found.devices, ofDevice);
  };
}

/** Tells a user's settings. */
export function answerSettings({ storage }: Pick<UsersComponents, 'storage'>): Handler {
  return async (call) => {
    const userId = readUser(call, OPERATIONS.userSettings);
    return jsonResponse(call, 200, settingsAnswer(userId, await userSettings({ storage }, userId)));
  };
}

/** Sets a user's settings. */
export function putSettings({ storage }: Pick<UsersComponents, 'storage'>): Handler {
  const limitsFor = bodyLimits(MAX_SETTINGS_BYTES);
  return async (call) => {
    const userId = readUser(call, OPERATIONS.putUserSettings);
    readMediaType(call.incoming.headers, ['application/json']);
    const settings = await withBody(call, limitsFor(clientOf(call)), async (body) => {
      const wire = parseReading(body);
      requireValid(call.access);
      return await setWireUserSettings({ storage }, userId, wire);
    });
    return jsonResponse(call, 200, settingsAnswer(userId, settings));
  };
}

/** What stands before a list, and its name. */
interface ListFrame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly name: 'days' | 'devices';
}

/** The answer `{ …head, [name], count }`; of very many items in pieces, so that nobody waits while it is written. */
async function listResponse<Item>(
  call: Call,
  place: Place,
  frame: ListFrame,
  items: readonly Item[],
  toWireItem: (item: Item) => unknown,
): Promise<Response> {
  const headers = { ...call.headers, 'Content-Type': 'application/json' };
  const pieces = piecesOf(frame, items, toWireItem, createYielder({ owner: clientOf(call) }));
  const { bytes, done } = await readBeginning(pieces);
  if (done) return new Response(bytes, { headers });
  if (call.incoming.method === 'HEAD') return new Response(null, { headers });
  place.take();
  return new Response(streamPieces(rejoin(bytes, pieces), streamOptions(call)), { headers });
}

async function* piecesOf<Item>(
  { head, name }: ListFrame,
  items: readonly Item[],
  toWireItem: (item: Item) => unknown,
  { yieldTurn }: Yielder,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${name}":[`);
  for (let from = 0; from < items.length; from += DEVICES_PER_PIECE) {
    await yieldTurn();
    const some = items.slice(from, from + DEVICES_PER_PIECE).map((item) => JSON.stringify(toWireItem(item)));
    yield Buffer.from(`${from === 0 ? '' : ','}${some.join(',')}`);
  }
  yield Buffer.from(`],"count":${items.length}}`);
}

/** Devices written at once: a millisecond's work or two with the longest ids. */
const DEVICES_PER_PIECE = 250;

function optionsOf(call: Call, onDamage: DamageListener, signal: AbortSignal) {
  const { incoming } = call;
  return {
    signal,
    owner: clientOf(call),
    wireNames: true,
    onDamage: (report: DamageReport) => onDamage(report, fieldsOf(incoming)),
  };
}

function toWire({ timestamp, heartRate }: DeviceReading) {
  return { timestamp, heart_rate: heartRate };
}

function ofDevice(reading: DeviceReading & { readonly deviceId: string }) {
  return { device_id: reading.deviceId, ...toWire(reading) };
}

/**
 * The user of the path, whom the caller may speak of.
 * @throws HrmError code `invalid_query` for what is not percent-encoded UTF-8, and for any parameter; `foreign_user`.
 */
function readUser({ incoming: { url = '' }, access }: Call, { path, parameters }: UserOperation): string {
  const userId = readSegment(url, path, 'user_id');
  access.requireUser(userId);
  readQuery(url, parameters);
  return userId;
}
