/**
 * Files that somebody names, read without a wait. To open a pipe waits until somebody writes to it, and that may be for ever: the
 * whole process stands still, and a server that runs with it.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { MAX_NAMED_FILE_BYTES } from './limits.js';

/** Flags to open a file for reading, whatever it is, without a wait. */
export const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** A file, and what was known of it when it was read. */
export interface RegularFile {
  readonly text: string;
  /** Permission bits, and what kind of file it is. */
  readonly mode: number;
}

/**
 * Reads a file as a whole, through links.
 * @returns `null` for what is no regular file: a directory, a pipe, a device.
 * @throws what `fs` throws, for a file that is not there or may not be read, and for a socket; code `EFBIG` for one of more than
 *   {@link MAX_NAMED_FILE_BYTES}, of which nothing is read.
 */
export function readRegularFile(path: string, encoding: BufferEncoding = 'utf8'): RegularFile | null {
  const descriptor = openSync(path, READ_AT_ONCE);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return null;
    if (stats.size > MAX_NAMED_FILE_BYTES) throw Object.assign(new Error('the file is too large'), { code: 'EFBIG' });
    return { text: readFileSync(descriptor, encoding), mode: stats.mode };
  } finally {
    closeSync(descriptor);
  }
}
