/**
 * The calls about a user: the devices, and the last readings.
 */
import { type DamageReport, type DeviceReading, devices, latest, type Storage } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { DamageListener } from './damage.js';
import { type Call, clientOf, type Handler, jsonResponse } from './handler.js';
import { readParameters } from './parameters.js';
import { invalidError } from './problem.js';
import { asSpan, fieldsOf } from './requests.js';

/** Where the readings are, and who hears of damage. */
export interface UsersComponents {
  readonly storage: Storage;
  readonly onDamage: DamageListener;
}

/** Lists a user's devices. */
export function listDevices({ storage, onDamage }: UsersComponents): Handler {
  return async (call) => {
    const userId = readUser(call);
    const all = await asSpan(call.incoming, 'query', () => devices({ storage }, { userId }, optionsOf(call, onDamage)));
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
    const found = await asSpan(call.incoming, 'query', () =>
      latest({ storage }, { userId, priority }, optionsOf(call, onDamage)),
    );
    const items = found.devices.map(ofDevice);
    const last = found.latest === null ? null : ofDevice(found.latest);
    return jsonResponse(call, 200, { user_id: userId, latest: last, devices: items, count: items.length });
  };
}

function optionsOf(call: Call, onDamage: DamageListener) {
  const { incoming, signal } = call;
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

const USER_PATH = /^\/users\/([^/?]*)/;

/**
 * The user of the path, whom the caller may speak of.
 * @throws HrmError code `invalid_query` for what is not percent-encoded UTF-8, and for any parameter; `foreign_user`.
 */
function readUser({ incoming, access }: Call): string {
  // The target may be absolute.
  const path = (incoming.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '');
  const [, raw = ''] = USER_PATH.exec(path) ?? [];
  const userId = decodeSegment(raw);
  access.requireUser(userId);
  readParameters(incoming.url ?? '', [], []);
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
