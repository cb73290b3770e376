/**
 * The calls about a user: the devices, and the last readings.
 */
import { type DeviceReading, devices, latest, type OnDamage, type Storage } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { type Call, type Handler, jsonResponse } from './handler.js';
import { invalidError } from './problem.js';

/** Where the readings are, and who hears of damage. */
export interface UsersComponents {
  readonly storage: Storage;
  readonly onDamage: OnDamage;
}

/** Lists a user's devices. */
export function listDevices({ storage, onDamage }: UsersComponents): Handler {
  return async (call) => {
    const userId = readUser(call);
    const all = await devices({ storage }, { userId }, { signal: call.signal, wireNames: true, onDamage });
    const items = all.map(({ deviceId, first, last }) => {
      return { device_id: deviceId, first: toWire(first), last: toWire(last) };
    });
    return jsonResponse(call, 200, { user_id: userId, devices: items, count: items.length });
  };
}

/** Tells a user's last readings. */
export function answerLatest(
  { storage, onDamage }: UsersComponents,
  { devicePriority: priority }: Pick<Settings, 'devicePriority'>,
): Handler {
  return async (call) => {
    const userId = readUser(call);
    const options = { signal: call.signal, wireNames: true, onDamage };
    const found = await latest({ storage }, { userId, priority }, options);
    const items = found.devices.map(ofDevice);
    const last = found.latest === null ? null : ofDevice(found.latest);
    return jsonResponse(call, 200, { user_id: userId, latest: last, devices: items, count: items.length });
  };
}

function toWire({ timestamp, heartRate }: DeviceReading) {
  return { timestamp, heart_rate: heartRate };
}

function ofDevice(reading: DeviceReading & { readonly deviceId: string }) {
  return { device_id: reading.deviceId, ...toWire(reading) };
}

const USER_PATH = /^\/users\/([^/?]*)/;

/**
 * The user of the path, whom the caller may speak of.
 * @throws HrmError code `invalid_query` for what is not percent-encoded UTF-8, `foreign_user`.
 */
function readUser({ incoming, access }: Call): string {
  // The target may be absolute.
  const path = (incoming.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '');
  const [, raw = ''] = USER_PATH.exec(path) ?? [];
  const userId = decodeSegment(raw);
  access.requireUser(userId);
  return userId;
}

function decodeSegment(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    const message = 'must be percent-encoded UTF-8';
    throw Object.assign(invalidError('invalid_query', message, [{ path: '/user_id', message }]), { cause });
  }
}
