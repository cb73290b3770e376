/**
 * Settings of users: a small file each, in `.users`, beside the dates.
 *
 * ```
 *   create .tmp/t, write, fsync -> mkdir .users, data directory synced -> rename t -> .users/<name>.json -> fsync .users
 * ```
 *
 * The rename takes the place of the one before, whole: of two who write at once the last one's is there. Whatever stops it, one of them is.
 * The name is a hash, so that no file system takes `Ana` for `ana`.
 */
import { join } from 'node:path';
import { errorCode } from '../../../errors.js';
import { MAX_SETTINGS_FILE_BYTES } from '../../../limits.js';
import { requireSettingsFile, SETTINGS_DIRECTORY, SETTINGS_NAME } from '../names.js';
import { type DirectoryContext, makeDurable, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import {
  closeQuietly,
  createSynced,
  done,
  listEntries,
  openForReading,
  readFully,
  unlinkIfThere,
  unlinkQuietly,
} from './files.js';
import { temporaryPath } from './start/temporaries.js';

/** {@link Storage.settingsFile} of the directory driver. */
export async function readSettingsFile(context: DirectoryContext, name: string): Promise<Uint8Array | null> {
  const { fileSystem, directory, identity } = context;
  requireSettingsFile(name);
  let fd: number | null = null;
  try {
    fd = openForReading(fileSystem, pathOf(context, name));
    if (fd === null || !fileSystem.fstatSync(fd, { bigint: true }).isFile())
      throw Object.assign(new Error('EEXIST: it is no file'), { code: 'EEXIST' });
    // One byte more tells of a file that is too long.
    return await readFully(fileSystem, fd, 0, MAX_SETTINGS_FILE_BYTES + 1);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw storageError('read the settings of a user', directory, error);
    // Nothing is what an empty mount point has, too.
    await identity.require();
    return null;
  } finally {
    if (fd !== null) closeQuietly(fileSystem, fd);
  }
}

/** {@link Storage.putSettingsFile} of the directory driver. */
export async function writeSettingsFile(context: DirectoryContext, name: string, bytes: Uint8Array): Promise<void> {
  const { fileSystem, directory, known } = context;
  requireSettingsFile(name);
  const place = join(directory, SETTINGS_DIRECTORY);
  const temporary = temporaryPath(directory);
  try {
    await createSynced(fileSystem, temporary, bytes, context.flush.before);
    await makeDurable(context, directory, SETTINGS_DIRECTORY);
    await done((callback) => fileSystem.rename(temporary, pathOf(context, name), callback));
    await syncShared(context, place);
  } catch (error) {
    // Somebody may have removed the directory.
    known.delete(place);
    throw storageError('write the settings of a user', directory, error);
  } finally {
    await unlinkQuietly(fileSystem, temporary);
  }
}

/** {@link Storage.removeSettingsFile} of the directory driver. */
export async function removeSettingsFile(context: DirectoryContext, name: string): Promise<void> {
  const { fileSystem, directory } = context;
  requireSettingsFile(name);
  try {
    await unlinkIfThere(fileSystem, pathOf(context, name));
    // Also of one that was gone: who removed it may have died before this.
    await succeedsUnless('ENOENT', syncShared(context, join(directory, SETTINGS_DIRECTORY)));
  } catch (error) {
    throw storageError('remove the settings of a user', directory, error);
  }
}

/** {@link Storage.settingsFiles} of the directory driver. */
export async function listSettingsFiles({ fileSystem, directory }: DirectoryContext): Promise<readonly string[]> {
  try {
    const entries = await listEntries(fileSystem, join(directory, SETTINGS_DIRECTORY));
    return entries.flatMap((entry) => SETTINGS_NAME.exec(entry.name)?.[1] ?? []).sort();
  } catch (error) {
    throw storageError('list the settings of users', directory, error);
  }
}

function pathOf({ directory }: DirectoryContext, name: string): string {
  return join(directory, SETTINGS_DIRECTORY, `${name}.json`);
}
