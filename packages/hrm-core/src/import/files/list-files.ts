/** The files that somebody names, and those in the directories that somebody names. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode, HrmError } from '../../errors.js';
import { MAX_IMPORT_FILES } from '../../limits.js';
import { inputError } from '../inputs.js';

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
  /** Why it is not opened at all. */
  readonly problem?: { readonly outcome: 'not_read' | 'failed'; readonly code: string; readonly message: string };
}

/**
 * Lists files, in the order given, those of a directory by their paths. What is named is followed where it is a link. In a directory links are
 * not: what they lead to may lie elsewhere, or be above them. They are listed with that as their problem, and so are hidden files and what is
 * no file.
 * @throws HrmError kind `invalid`, code `too_many_files`; code `invalid_input` for `-` named twice.
 */
export async function listFiles(paths: readonly string[], cwd: string): Promise<readonly ImportFile[]> {
  if (paths.filter((path) => path === '-').length > 1) throw inputError('-', 'standard input can be read only once');
  const files: ImportFile[] = [];
  for (const path of paths) await walk(path, false, cwd, files);
  return files;
}

async function walk(label: string, isFound: boolean, cwd: string, files: ImportFile[]): Promise<void> {
  const path = resolve(cwd, label);
  const stats = label === '-' ? null : await stat(path).catch(() => null);
  if (stats?.isDirectory() !== true) {
    const isFile = stats?.isFile() === true;
    const byteLength = isFile ? stats.size : undefined;
    add(files, { label, isFound, byteLength, modifiedMs: isFile ? stats.mtimeMs : undefined });
    return;
  }
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    const message = `the directory cannot be read (${errorCode(error)})`;
    const problem = { outcome: 'failed', code: 'directory_unreadable', message } as const;
    add(files, { label, isFound, byteLength: undefined, modifiedMs: undefined, problem });
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const inner = join(label, entry.name);
    const why = whyNotRead(entry);
    if (why === null) await walk(inner, true, cwd, files);
    else {
      const problem = { outcome: 'not_read', ...why } as const;
      add(files, { label: inner, isFound: true, byteLength: undefined, modifiedMs: undefined, problem });
    }
  }
}

function whyNotRead(entry: Dirent): { readonly code: string; readonly message: string } | null {
  if (entry.name.startsWith('.')) return { code: 'hidden', message: 'it is hidden: name it to import it' };
  if (entry.isSymbolicLink())
    return { code: 'link', message: 'it is a link, which is not followed: name it to import it' };
  if (entry.isFile() || entry.isDirectory()) return null;
  return { code: 'no_file', message: 'it is no file: name it to import it' };
}

function add(files: ImportFile[], file: ImportFile): void {
  if (files.length >= MAX_IMPORT_FILES) throw tooManyFilesError();
  files.push(file);
}

function tooManyFilesError(): HrmError {
  const message = `there are more than ${MAX_IMPORT_FILES} files: import some of the directories at a time`;
  return new HrmError(message, { kind: 'invalid', code: 'too_many_files' });
}
