/**
 * Where the keys are, and the mark beside their file that says that there were some. So a file that vanishes opens no door,
 * also not to a server that is started anew: it refuses to start until the file is back, or a person takes the mark away.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, HrmError } from '../errors.js';
import { syncDirectory } from '../sync-directory.js';

/** The file that a path leads to, through links, also where there is none yet: replacing a link would part its readers. */
export function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause;
  }
  const directory = dirname(resolve(path));
  if (!existsSync(directory)) return resolve(path);
  const place = join(realpathSync(directory), basename(path));
  let link: string;
  try {
    link = readlinkSync(place);
  } catch {
    return place;
  }
  return targetOf(resolve(dirname(place), link));
}

/** What changes whenever the file of the keys does; {@link NO_KEYS_FILE} where there is none. @throws as `readKeys`. */
export function keysVersion(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return NO_KEYS_FILE;
    throw unreadableError(path, cause);
  }
}

/** @see keysVersion */
export const NO_KEYS_FILE = 'none';

/** Whether there were keys, by the mark. */
export function isMarked(path: string): boolean {
  return existsSync(markOf(path));
}

/** Notes that there are keys; durable when this returns. */
export function markKeys(path: string): void {
  if (isMarked(path)) return;
  try {
    writeDurably(markOf(path), `There are API keys in the file beside this one. To need none, delete both.\n`);
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
  }
  syncDirectory(dirname(resolve(path)));
}

function markOf(path: string): string {
  return `${path}.needed`;
}

/** Makes a file that is on the disk when this returns; where that fails, there is none. */
export function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** @see readKeys */
export function unreadableError(path: string, cause: unknown): HrmError {
  const message = `the keys in ${path} cannot be read: see that this user may (HRM_KEYS_FILE names the file)`;
  return new HrmError(message, { kind: 'unavailable', code: 'keys_unreadable', cause });
}

/** @see readKeys */
export function notRegularError(path: string): HrmError {
  const message = `${path} is no file but a directory, a pipe or a device: name another place for the keys (HRM_KEYS_FILE)`;
  return new HrmError(message, { kind: 'unavailable', code: 'keys_unreadable' });
}

/** @see readKeys */
export function lostError(path: string): HrmError {
  const message = `there were API keys in ${path}, and the file is gone: restore it, or make new keys with hrm keys create; if no key is to be needed any more, delete ${markOf(path)}`;
  return new HrmError(message, { kind: 'unavailable', code: 'keys_lost' });
}
