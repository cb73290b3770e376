import { readFile, stat } from 'node:fs/promises';
import { HrmError, isHrmError } from 'hrm-core';
import { loadSettings, SETTINGS, type SettingSources, type Settings, unknownVariables } from 'hrm-core/settings';
import { nearest } from './nearest.js';

/** The config file that is read when none is named. */
const DEFAULT_CONFIG = './hrm.config.json';

/**
 * Loads the settings of one call: flag, environment variable, config file, default.
 * @param configPath - the file that `--config` names; it must exist. Without it `./hrm.config.json` is read if it exists.
 * @throws HrmError kind `invalid` for a wrong setting, and for a config file that cannot be read.
 */
export async function readSettings(flags: SettingSources['flags'], configPath: string | undefined): Promise<Settings> {
  const path = configPath ?? DEFAULT_CONFIG;
  let text: string | undefined;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (configPath !== undefined || code !== 'ENOENT') {
      const message =
        code === 'ENOENT'
          ? `the config file ${path} does not exist`
          : `the config file ${path} cannot be read (${code})`;
      throw new HrmError(message, {
        kind: 'invalid',
        code: 'config_unreadable',
        cause,
        faults: [{ path: '/config', message }],
      });
    }
  }
  return loadSettings({ flags, env: process.env, file: text === undefined ? undefined : { path, text } });
}

/**
 * The path of the config file, where there is a password in it and everybody on this machine may read it.
 * @param configPath - as {@link readSettings} has it, which has read the file.
 */
export async function findOpenConfig(configPath: string | undefined): Promise<string | null> {
  const path = configPath ?? DEFAULT_CONFIG;
  try {
    if (((await stat(path)).mode & 0o004) === 0) return null;
    const values: unknown[] = Object.values(JSON.parse(await readFile(path, 'utf8')));
    return values.some((value) => URL.canParse(String(value)) && new URL(String(value)).password !== '') ? path : null;
  } catch {
    // It is not there, or has gone since.
    return null;
  }
}

/** An error in the words of the call: a setting that was given as a flag is named by its flag. */
export function nameAsGiven(error: unknown, flags: SettingSources['flags']): unknown {
  if (!isHrmError(error)) return error;
  const given = SETTINGS.filter(({ name }) => flags?.[name] !== undefined);
  const flagOf = new Map(given.map(({ variable, flag }) => [variable, `--${flag}`]));
  const message = error.message.replaceAll(/\w+/g, (word) => flagOf.get(word) ?? word);
  const { kind, code, faults, cause } = error;
  return message === error.message ? error : new HrmError(message, { kind, code, faults, cause });
}

/** A line for each environment variable that looks like a setting and is none. */
export function warnings(env: NodeJS.ProcessEnv): string {
  const variables = SETTINGS.map(({ variable }) => variable);
  return unknownVariables(env)
    .map((name) => {
      const meant = nearest(name, variables);
      return `hrm: the environment has ${name}, which is no setting${meant === undefined ? '' : `: did you mean ${meant}?`}\n`;
    })
    .join('');
}
