/**
 * The keys of a service that starts: it says who is answered, and does not start where that would be whoever comes by mistake.
 */
import { resolve } from 'node:path';
import { errorFields, HrmError } from 'hrm-core';
import { checkKeyExposure } from 'hrm-core/doctor';
import { type KeyRing, mustHaveKeys, openKeyRing, withIssuer } from 'hrm-core/keys';
import { SETTINGS, type Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';

/** What processes of one service tell each other of keys. */
export interface KeyKnowledge {
  /** One of them has seen that keys are needed. */
  readonly areNeeded: boolean;
  /** Hears when this one sees it. */
  onNeeded(): void;
}

/** @throws HrmError as `openKeyRing`: a server must not start open because its keys cannot be read. */
export async function openKeys(settings: Settings, log: Logger, known?: KeyKnowledge): Promise<KeyRing> {
  const { keysFile } = settings;
  const keys = openKeyRing(keysFile, {
    areNeeded: known?.areNeeded,
    onNeeded: known?.onNeeded,
    onError: (error) => log.error(errorFields(error), 'the file of keys cannot be read; those known so far count on'),
  });
  // Who names a file means to have one; without any the start only says that everybody is answered.
  const usual = SETTINGS.find(({ name }) => name === 'keysFile')?.fallback ?? '';
  const isNamed = resolve(keysFile) !== resolve(usual);
  if (isNamed && !keys.isNeeded())
    log.warn('HRM_KEYS_FILE names no file: whoever reaches the API is answered until hrm keys create makes it');
  if (keys.isNeeded())
    for (const { code, message, advice } of checkKeyExposure(keysFile)) log.warn({ code }, `${message}: ${advice}`);
  return await withIssuer(keys, settings, {
    onError: (error) =>
      log.error(errorFields(error), 'the issuer of logins cannot be asked; its keys known so far count on'),
  });
}

/** @throws HrmError kind `invalid`, code `invalid_settings`, for an API beyond this machine without keys that nobody asked for. */
export function requireProtected(settings: Settings, keys: KeyRing): void {
  const { host } = settings;
  if (!mustHaveKeys(settings) || keys.isNeeded()) return;
  const message = `HRM_HOST is ${host}: whoever reaches that address could read and write. Make API keys (hrm keys create), or set HRM_HOST=127.0.0.1, or HRM_ALLOW_ANONYMOUS=true if that is meant`;
  const faults = [{ path: '/host', message }];
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', faults });
}
