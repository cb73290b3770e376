/** Settings of users: kept with the data, and what answers go by where a question does not say. */
import { isHrmError } from '../../../errors.js';
import type { Storage } from '../../../ports/storage.js';
import type { DevicePriority } from '../../../pure/merge.js';
import {
  decodeUserSettings,
  encodeUserSettings,
  parseUserSettings,
  rankBefore,
  settingsFileName,
  type UserSettings,
  userSettingsToWire,
} from '../../../pure/user-settings.js';

/** What settings are kept in. */
export interface UserSettingsComponents {
  readonly storage: Pick<Storage, 'settingsFile' | 'putSettingsFile' | 'removeSettingsFile'>;
}

/**
 * What a user has said; of who said nothing `{}`.
 * @throws HrmError kind `data`, code `settings_damaged`; kind `invalid`, code `invalid_query`, for what is no user_id; kind `unavailable`.
 * @example
 * const { timeZone } = await userSettings({ storage }, 'ana');
 */
export async function userSettings(
  { storage }: { readonly storage: Pick<Storage, 'settingsFile'> },
  userId: string,
): Promise<UserSettings> {
  const bytes = await storage.settingsFile(settingsFileName(userId));
  return bytes === null ? {} : decodeUserSettings(userId, bytes);
}

/**
 * Says all that a user wants, in place of what was said before; `{}` forgets it. When it resolves, it is as durable as a stored reading.
 * @throws HrmError kind `invalid`, code `invalid_user_settings`, with every fault, which names fields as the wire does; as {@link userSettings}.
 * @example
 * await setUserSettings({ storage }, 'ana', { birthYear: 1986, timeZone: 'Europe/Madrid', devicePriority: { strap: 1 } });
 */
export async function setUserSettings(
  components: UserSettingsComponents,
  userId: string,
  settings: UserSettings,
): Promise<UserSettings> {
  return await setWireUserSettings(components, userId, userSettingsToWire(settings));
}

/** The same of what the wire has, which may be anything. @throws as {@link setUserSettings}. */
export async function setWireUserSettings(
  { storage }: UserSettingsComponents,
  userId: string,
  wire: unknown,
): Promise<UserSettings> {
  const name = settingsFileName(userId);
  const settings = parseUserSettings(wire);
  if (Object.keys(settings).length === 0) await storage.removeSettingsFile(name);
  else await storage.putSettingsFile(name, encodeUserSettings(userId, settings));
  return settings;
}

/** Forgets what a user has said. @throws as {@link userSettings}. */
export async function removeUserSettings(
  { storage }: { readonly storage: Pick<Storage, 'removeSettingsFile'> },
  userId: string,
): Promise<void> {
  await storage.removeSettingsFile(settingsFileName(userId));
}

/**
 * The ranks of a user's devices: those that the user gave, before those that anybody else gives.
 * @param others - of the server's settings, say.
 * @throws HrmError kind `unavailable`. Settings that cannot be read count as none: a question is answered all the same.
 */
export async function userPriority(
  components: { readonly storage: Pick<Storage, 'settingsFile'> },
  userId: string,
  others: DevicePriority = {},
): Promise<DevicePriority> {
  const { devicePriority } = await readableSettings(components, userId);
  return rankBefore(devicePriority, others);
}

/** The same as {@link userSettings}, for answers: what cannot be read, and who is no user, has none. */
export async function readableSettings(
  components: { readonly storage: Pick<Storage, 'settingsFile'> },
  userId: string,
): Promise<UserSettings> {
  try {
    return await userSettings(components, userId);
  } catch (error) {
    // Who asks about what is no user is told by the question.
    if (isHrmError(error) && (error.kind === 'data' || error.kind === 'invalid')) return {};
    throw error;
  }
}

/** Settings for programs, in the names of the wire. */
export function settingsAnswer(userId: string, settings: UserSettings) {
  return { user_id: userId, settings: userSettingsToWire(settings) };
}
