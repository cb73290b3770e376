/**
 * Signs of life as files below `.processes` in the data directory. A file is written under another name and renamed, so that it is there
 * whole or not at all. Nothing is synced: after a power cut nobody lives.
 * @module
 */
import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { MAX_PROCESS_FILES } from '../../limits.js';
import type { ProcessFile, ProcessPlace } from '../../ports/process-place.js';
import { unlessThere } from '../publish-file.js';
import { isProcessName, PROCESSES_NAME, requireProcessName } from './names.js';

/** A place in a data directory; made with the first file. Without the data directory a disk is missing, and nothing is made. */
export function openProcessDirectory(dataDir: string): ProcessPlace {
  const root = join(dataDir, PROCESSES_NAME);
  /** When the disk wrote the last file of this process, by its own clock and by a steady one. */
  let written: { readonly diskMs: number; readonly atMs: number } | null = null;

  /** The disk's clock; this machine's for who has written nothing. */
  function nowMs(): number {
    return written === null ? Date.now() : written.diskMs + performance.now() - written.atMs;
  }

  async function read(name: string): Promise<ProcessFile | null> {
    const path = join(root, name);
    const status = await stat(path).catch(nullWhereMissing);
    const text = status === null ? null : await readFile(path, 'utf8').catch(nullWhereMissing);
    return status === null || text === null ? null : { name, text, ageMs: Math.max(0, nowMs() - status.mtimeMs) };
  }

  return {
    async put(name, text) {
      const path = join(root, requireProcessName(name));
      // Always the same one: who is killed leaves one at most.
      const temporary = join(root, `.${name}`);
      await mkdir(root, { mode: 0o700 }).catch(unlessThere);
      await writeFile(temporary, text, { mode: 0o600 });
      const { mtimeMs } = await stat(temporary);
      written = { diskMs: mtimeMs, atMs: performance.now() };
      await rename(temporary, path);
    },
    async list() {
      const names = (await readdir(root).catch(nullWhereMissing)) ?? [];
      const files: ProcessFile[] = [];
      for (const name of names.filter(isProcessName).slice(0, MAX_PROCESS_FILES)) {
        const file = await read(name);
        if (file !== null) files.push(file);
      }
      return files;
    },
    async remove(names) {
      for (const name of names)
        for (const each of [requireProcessName(name), `.${name}`])
          await unlink(join(root, each)).catch(nullWhereMissing);
    },
  };
}

function nullWhereMissing(error: unknown): null {
  if (errorCode(error) === 'ENOENT') return null;
  throw error;
}
