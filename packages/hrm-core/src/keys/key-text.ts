/** Keys as people and programs are shown them. */
import { existsSync } from 'node:fs';
import { formatInstant } from '../pure/reading/timestamp.js';
import { isEnding, type KeyRecord } from './api-key.js';

/** What is shown of a key besides its record. */
export interface ShownKey {
  readonly key: KeyRecord;
  /** When it was used last, epoch ms, to the hour; `undefined`: nobody knows of a use. */
  readonly usedMs: number | undefined;
  readonly nowMs: number;
}

/** A key in a line. @param visible - makes an id harmless for a terminal. */
export function describeKey({ key, usedMs, nowMs }: ShownKey, visible: (id: string) => string): string {
  const { id, scopes, user_ids, device_ids, limits = {}, created_ms, expires_ms, replaced_by } = key;
  const users = user_ids === null ? 'all users' : `users ${user_ids.map(visible).join(', ')}`;
  const devices = device_ids === undefined ? '' : `, devices ${device_ids.map(visible).join(', ')}`;
  const bounds = Object.entries(limits).map(([name, most]) => `, ${name.replaceAll('_', ' ')} ${most}`);
  const end = expires_ms !== null && expires_ms <= nowMs ? 'ended' : isEnding(key, nowMs) ? 'ENDS SOON,' : 'ends';
  const until = expires_ms === null ? '' : `, ${end} ${formatInstant(expires_ms)}`;
  const by = replaced_by === undefined ? '' : `, replaced by ${visible(replaced_by)}`;
  const used = usedMs === undefined ? '' : `, used ${formatInstant(usedMs).slice(0, 13)}h`;
  return `${id}  ${scopes.join(',')}  ${users}${devices}${bounds.join('')}  made ${formatInstant(created_ms)}${until}${by}${used}`;
}

/** A key as it is printed as JSON. */
export function keyToWire({ key, usedMs, nowMs }: ShownKey) {
  const {
    id,
    name,
    scopes,
    user_ids,
    device_ids = null,
    limits = {},
    created_ms,
    expires_ms,
    replaced_by = null,
  } = key;
  return {
    id,
    name,
    scopes,
    user_ids,
    device_ids,
    limits,
    created_at: formatInstant(created_ms),
    expires_at: expires_ms === null ? null : formatInstant(expires_ms),
    ends_soon: isEnding(key, nowMs),
    replaced_by,
    last_used_at: usedMs === undefined ? null : formatInstant(usedMs),
  };
}

/** Of a key as it was printed, its id; any other text as it is. */
export function keyIdIn(text: string): string {
  return /^hrm_([a-z2-7]{12})_/.exec(text)?.[1] ?? text;
}

/** What it means that there are no keys: without a file everybody is answered, with an empty one nobody. */
export function noKeysText(keysFile: string): string {
  if (!existsSync(keysFile)) return `no keys: there is no ${keysFile}, and the server answers whoever can reach it\n`;
  const advice = `make one with hrm keys create; or, to have none needed, delete it and ${keysFile}.needed, and start the servers anew`;
  return `no keys in ${keysFile}: the server answers nobody; ${advice}\n`;
}
