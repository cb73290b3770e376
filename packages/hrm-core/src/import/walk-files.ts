/** The files that somebody names, and those in the directories that somebody names. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HrmError } from '../errors.js';
import { MAX_IMPORT_FILES } from '../limits.js';

/** A file to import. */
export interface ImportFile {
  /** As it is named to people: relative where a relative path was given. */
  readonly label: string;
  /** Found in a directory: nobody says that there are readings in it. */
  readonly isFound: boolean;
  /** `undefined` where nobody knows: a pipe, or what is not there. */
  readonly byteLength: number | undefined;
  /** Of a regular file: with its size it tells whether it is the same as before. */
  readonly modifiedMs: number | undefined;
}

/**
 * Lists files, in the order given, those of a directory by their paths. Names that begin with a dot, and links within directories, are passed over.
 * @throws HrmError kind `invalid`, code `too_many_files`.
 */
export async function listFiles(paths: readonly string[], cwd: string): Promise<readonly ImportFile[]> {
  const files: ImportFile[] = [];
  for (const path of paths) await walk(path, false, cwd, files);
  return files;
}

async function walk(label: string, isFound: boolean, cwd: string, files: ImportFile[]): Promise<void> {
  const path = resolve(cwd, label);
  // What is not there says so when it is opened.
  const stats = label === '-' ? null : await stat(path).catch(() => null);
  if (stats?.isDirectory() !== true) {
    if (files.length >= MAX_IMPORT_FILES) throw tooManyFilesError();
    const isFile = stats?.isFile() === true;
    const byteLength = isFile ? stats.size : undefined;
    files.push({ label, isFound, byteLength, modifiedMs: isFile ? stats.mtimeMs : undefined });
    return;
  }
  const entries = await readdir(path, { withFileTypes: true }).catch(() => null);
  if (entries === null) {
    // When it is opened, it says that it is a directory.
    files.push({ label, isFound: false, byteLength: undefined, modifiedMs: undefined });
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.') || !(entry.isFile() || entry.isDirectory())) continue;
    await walk(join(label, entry.name), true, cwd, files);
  }
}

function tooManyFilesError(): HrmError {
  const message = `there are more than ${MAX_IMPORT_FILES} files: import some of the directories at a time`;
  return new HrmError(message, { kind: 'invalid', code: 'too_many_files' });
}
