/**
 * The config file of one call, which is read once.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode, HrmError } from 'hrm-core';

/** The config file that is read when none is named. */
const DEFAULT_CONFIG = './hrm.config.json';

/** A config file as it was when it was read. */
export interface ConfigFile {
  /** As it was named. */
  readonly path: string;
  readonly text: string;
  /** Permission bits, and what kind of file it is. */
  readonly mode: number;
}

/**
 * Reads the config file.
 * @param named - what `--config` names, which must exist; without it `./hrm.config.json`, if it exists.
 * @throws HrmError kind `invalid`, code `config_unreadable`.
 */
export async function readConfigFile(named: string | undefined, cwd: string): Promise<ConfigFile | null> {
  const path = named ?? DEFAULT_CONFIG;
  try {
    const handle = await open(resolve(cwd, path));
    try {
      return { path, text: await handle.readFile('utf8'), mode: (await handle.stat()).mode };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const code = errorCode(cause);
    const isMissing = code === 'ENOENT';
    if (named === undefined && isMissing) return null;
    const message = `the config file ${path} ${isMissing ? 'does not exist' : `cannot be read (${code})`}`;
    const faults = [{ path: '/config', message }];
    throw new HrmError(message, { kind: 'invalid', code: 'config_unreadable', cause, faults });
  }
}

/** Whether there is a password in it, and everybody on this machine may read it. @param config - of JSON, as settings are. */
export function isOpenSecret(config: ConfigFile | null): config is ConfigFile {
  if (config === null || (config.mode & 0o004) === 0) return false;
  const values: unknown[] = Object.values(JSON.parse(config.text));
  return values.some((value) => URL.canParse(String(value)) && new URL(String(value)).password !== '');
}
