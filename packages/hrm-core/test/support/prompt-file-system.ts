/**
 * The real file system, each of whose calls is done before it returns: no thread of the pool takes part. A call so costs a
 * tenth of the CPU time, and all of it is one core's. For tests of what is stored and answered, not of what happens at once.
 */
import * as fs from 'node:fs';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import type { DirectoryFileSystem, OpenDirectory } from '../../src/drivers/storage/directory/files.js';

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** So many calls are answered without a turn of the event loop: others' timers and I/O come up between them. */
const CALLS_A_TURN = 32;
let calls = 0;

/** Calls, then tells the result or the error as the asynchronous call does. */
function tell<T>(callback: Callback<T>, call: () => T): void {
  let error: NodeJS.ErrnoException | null = null;
  let value: T | undefined;
  try {
    value = call();
  } catch (thrown) {
    error = thrown as NodeJS.ErrnoException;
  }
  calls += 1;
  if (calls % CALLS_A_TURN === 0) setImmediate(callback, error, value as T);
  else callback(error, value as T);
}

/** A directory, read entry by entry. */
function openDirectory(path: string, options: { bufferSize: number }): OpenDirectory {
  const directory = fs.opendirSync(path, options);
  return {
    read: (callback) => tell(callback, () => directory.readSync()),
    close: (callback) => tell(callback, () => directory.closeSync()),
  };
}

/** Every method that calls back, over its synchronous namesake; the others are synchronous already. */
export const promptFileSystem: DirectoryFileSystem = {
  ...fs,
  open: (path, flags, mode, callback) => tell(callback, () => fs.openSync(path, flags, mode)),
  read: (fd, to, offset, length, position, callback) =>
    tell(callback, () => fs.readSync(fd, to, offset, length, position)),
  write: (fd, from, offset, length, position, callback) =>
    tell(callback, () => fs.writeSync(fd, from, offset, length, position)),
  fsync: (fd, callback) => tell(callback, () => fs.fsyncSync(fd)),
  link: (path, newPath, callback) => tell(callback, () => fs.linkSync(path, newPath)),
  rename: (path, newPath, callback) => tell(callback, () => fs.renameSync(path, newPath)),
  unlink: (path, callback) => tell(callback, () => fs.unlinkSync(path)),
  mkdir: (path, mode, callback) => tell(callback, () => void fs.mkdirSync(path, mode)),
  readdir: (path, options, callback) => tell(callback, () => fs.readdirSync(path, options)),
  opendir: (path, options, callback) => tell(callback, () => openDirectory(path, options)),
  statfs: (path, callback) => tell(callback, () => fs.statfsSync(path)),
};

/** A directory's storage over it. */
export function openPromptStorage(options: Omit<Parameters<typeof openDirectoryStorage>[0], 'fileSystem'>) {
  return openDirectoryStorage({ ...options, fileSystem: promptFileSystem });
}
