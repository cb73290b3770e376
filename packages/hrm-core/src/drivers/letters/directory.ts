/**
 * Dead letters as files: `.dead/<id>.json` in the data directory, beside the readings that could be stored.
 *
 * A letter is written under a name of its own, synced and linked to its id, so that it is there whole or not at all, and the first of an id
 * stays. Ids are in order, and so are names.
 * @module
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, HrmError } from '../../errors.js';
import type { DeadLetterPlace } from '../../ports/dead-letter-place.js';
import type { DeadLetter } from '../../ports/queue.js';
import { syncDirectory } from '../../sync-directory.js';
import { publishFile, unlessThere } from '../publish-file.js';
import {
  forEachAtOnce,
  LETTERS_NAME,
  letterId,
  letterName,
  letterOf,
  lettersError,
  letterText,
  MAX_PAGE_BYTES,
} from './letter-text.js';

/** How long names that were read are good for the pages that follow, milliseconds: reading all names for each page would be quadratic. */
const NAMES_MS = 10_000;

/**
 * A place for dead letters in a data directory; made with the first letter.
 * @param dataDir - the directory of the Parquet files. Without it a disk is missing: to put, list and count throws.
 */
export function openDeadLetterDirectory(dataDir: string): DeadLetterPlace {
  const directory = join(dataDir, LETTERS_NAME);
  let known: { readonly ids: readonly string[]; readonly atMs: number } | null = null;

  async function readIds(): Promise<readonly string[]> {
    const names = await readdir(directory).catch(emptyWhereMissing);
    if (names.length === 0) await stat(dataDir);
    known = { ids: names.flatMap((name) => letterId(name) ?? []).sort(), atMs: performance.now() };
    return known.ids;
  }

  async function read(id: string): Promise<DeadLetter | null> {
    const name = letterName(id);
    if (name === null) return null;
    try {
      return letterOf(id, await readFile(join(directory, name), 'utf8'));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  return {
    put: (letters) =>
      orUnavailable(directory, async () => {
        // Not its parents: without the data directory itself a disk is missing.
        await mkdir(directory, { mode: 0o700 }).catch(unlessThere);
        await forEachAtOnce(letters, (letter) =>
          publishFile(join(directory, letterName(letter.id) ?? ''), letterText(letter)),
        );
        syncDirectory(directory);
        syncDirectory(dataDir);
        known = null;
      }),
    list: ({ afterId, limit }) =>
      orUnavailable(directory, async () => {
        const isKnown = afterId !== undefined && known !== null && performance.now() - known.atMs < NAMES_MS;
        const ids = isKnown && known !== null ? known.ids : await readIds();
        const page: DeadLetter[] = [];
        let bytes = 0;
        for (
          let at = firstAfter(ids, afterId);
          at < ids.length && page.length < limit && bytes < MAX_PAGE_BYTES;
          at += 1
        ) {
          const letter = await read(ids[at] as string);
          if (letter === null) continue;
          bytes += letter.bytes.byteLength;
          page.push(letter);
        }
        return page;
      }),
    get: (id) => orUnavailable(directory, () => read(id)),
    remove: (ids) =>
      orUnavailable(directory, async () => {
        let removed = 0;
        for (const id of new Set(ids)) {
          const name = letterName(id);
          if (name === null) continue;
          const isThere = await unlink(join(directory, name)).then(() => true, falseWhereMissing);
          if (isThere) removed += 1;
        }
        if (removed > 0) syncDirectory(directory);
        return removed;
      }),
    count: () => orUnavailable(directory, async () => (await readIds()).length),
  };
}

/** Whether a data directory has ever had dead letters. */
export function hasDeadLetters(dataDir: string): boolean {
  return existsSync(join(dataDir, LETTERS_NAME));
}

/** The index of the first id after another, in order. */
function firstAfter(ids: readonly string[], afterId = ''): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as string) > afterId) high = middle;
    else low = middle + 1;
  }
  return low;
}

function emptyWhereMissing(error: unknown): string[] {
  if (errorCode(error) === 'ENOENT') return [];
  throw error;
}

function falseWhereMissing(error: unknown): false {
  if (errorCode(error) === 'ENOENT') return false;
  throw error;
}

async function orUnavailable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === '' || error instanceof HrmError) throw error;
    throw lettersError(directory, `look at the disk and at HRM_DATA_DIR (${errorCode(error)})`, error);
  }
}
