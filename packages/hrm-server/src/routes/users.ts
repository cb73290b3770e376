/**
 * The calls about users: who there is, and of one the devices and the last readings.
 */
import {
  createYielder,
  type DamageReport,
  daily,
  dailyAsUserSays,
  dailyOfWire,
  dailyToWire,
  dayToWire,
  devices,
  deviceToWire,
  type ListFrame,
  lastToWire,
  latest,
  listPieces,
  listUsers,
  type Storage,
  settingsAnswer,
  setWireUserSettings,
  userPriority,
  userSettings,
  usersToWire,
} from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import { OPERATIONS, readQuery, readSegment } from 'hrm-core/schemas';
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
    for (const { userId } of page.users) call.access.requireUser(userId);
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
    return await listResponse(call, place, { head: { user_id: userId }, name: 'devices' }, all, deviceToWire);
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
    const head = { user_id: userId, latest: found.latest === null ? null : lastToWire(found.latest) };
    return await listResponse(call, place, { head, name: 'devices' }, found.devices, lastToWire);
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
    // They say which device counts.
    call.access.requireDevice(null);
    readMediaType(call.incoming.headers, ['application/json']);
    const settings = await withBody(call, limitsFor(call), async (body) => {
      const wire = parseReading(body);
      requireValid(call.access);
      return await setWireUserSettings({ storage }, userId, wire);
    });
    return jsonResponse(call, 200, settingsAnswer(userId, settings));
  };
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
  const { yieldTurn } = createYielder({ owner: clientOf(call) });
  const pieces = listPieces(frame, items, toWireItem, yieldTurn);
  const { bytes, done } = await readBeginning(pieces);
  if (done) return new Response(bytes, { headers });
  if (call.incoming.method === 'HEAD') return new Response(null, { headers });
  place.take();
  return new Response(streamPieces(rejoin(bytes, pieces), streamOptions(call)), { headers });
}

function optionsOf(call: Call, onDamage: DamageListener, signal: AbortSignal) {
  const { incoming } = call;
  return {
    signal,
    owner: clientOf(call),
    wireNames: true,
    onDamage: (report: DamageReport) => onDamage(report, fieldsOf(incoming)),
  };
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
