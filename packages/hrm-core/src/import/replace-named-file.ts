import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MAX_NAMED_FILE_BYTES } from '../limits.js';
import { makeDirectories } from '../make-directories.js';

/** Writes a file whole or not at all, as far as a killed process goes; it is not synced, since losing it is harmless. */
export async function replaceNamedFile(path: string, text: string): Promise<void> {
  // It could not be read again.
  if (Buffer.byteLength(text) > MAX_NAMED_FILE_BYTES) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
  makeDirectories(dirname(path));
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
