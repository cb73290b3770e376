/**
 * Alerts as files below `.alerts` in the data directory, beside the readings that they are about. A file is written under a name of its own,
 * synced and linked to its name, so that it is there whole or not at all, and the first of a name stays.
 * @module
 */
import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { errorCode, HrmError } from '../../errors.js';
import { MAX_ALERT_NAMES } from '../../limits.js';
import type { AlertPlace } from '../../ports/alert-place.js';
import { syncDirectory } from '../../sync-directory.js';
import { publishFile, unlessThere } from '../publish-file.js';
import { ALERTS_NAME, alertsError, requireName } from './names.js';

/** A place for alerts in a data directory; made with the first alert. Without the data directory a disk is missing, and it throws. */
export function openAlertDirectory(dataDir: string): AlertPlace {
  const root = join(dataDir, ALERTS_NAME);
  const pathOf = (name: string) => join(root, requireName(name));

  async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (errorCode(error) === '' || error instanceof HrmError) throw error;
      throw alertsError(root, `look at the disk and at HRM_DATA_DIR (${errorCode(error)})`, error);
    }
  }

  return {
    put: (name, text) =>
      orUnavailable(async () => {
        const path = pathOf(name);
        await makeDirectory(dirname(path), dataDir);
        const outcome = await publishFile(path, text);
        syncDirectory(dirname(path));
        return outcome;
      }),
    get: (name) =>
      orUnavailable(async () => {
        try {
          return await readFile(pathOf(name), 'utf8');
        } catch (error) {
          return nullWhereMissing(error);
        }
      }),
    list: (folder) =>
      orUnavailable(async () => {
        const directory = pathOf(folder.slice(0, -1));
        const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(nullWhereMissing);
        if (entries === null) await stat(dataDir);
        // What begins with a dot is still being written, or was when somebody was killed.
        const names = (entries ?? []).flatMap((entry) =>
          entry.isFile() && !entry.name.startsWith('.') ? relative(root, join(entry.parentPath, entry.name)) : [],
        );
        return names.sort().slice(0, MAX_ALERT_NAMES);
      }),
    remove: (names) =>
      orUnavailable(async () => {
        const paths = names.map(pathOf);
        for (const path of paths) await unlink(path).catch(nullWhereMissing);
        for (const directory of new Set(paths.map(dirname))) {
          if ((await stat(directory).catch(nullWhereMissing)) !== null) syncDirectory(directory);
        }
      }),
  };
}

/** Makes a directory below another one, which must be there, with each entry on the disk. */
async function makeDirectory(path: string, above: string): Promise<void> {
  const parent = dirname(path);
  if (parent !== above) {
    const isThere = (await stat(path).catch(nullWhereMissing)) !== null;
    if (isThere) return;
    await makeDirectory(parent, above);
  }
  await mkdir(path, { mode: 0o700 }).catch(unlessThere);
  syncDirectory(parent);
}

function nullWhereMissing(error: unknown): null {
  if (errorCode(error) === 'ENOENT') return null;
  throw error;
}
