/**
 * Dead letters as files: `.dead/<id>.json` in the data directory, beside the readings that could be stored.
 *
 * A letter is written under a name of its own, synced and linked to its id, so that it is there whole or not at all, and the first of an id
 * stays. Ids are in order, and so are names.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, HrmError } from '../../errors.js';
import type { DeadLetterPlace } from '../../ports/dead-letter-place.js';
import type { DeadLetter } from '../../ports/queue.js';
import { syncDirectory } from '../../sync-directory.js';

/** The directory within the data directory; readers of Parquet files do not look into it. */
const NAME = '.dead';
const SUFFIX = '.json';

/** Ids that are letters' own: none leads out of the directory. */
const ID = /^[0-9a-z-]{1,100}$/;

/** Files written at once. */
const MAX_WRITES = 16;

/** Bytes of letters that one page has, about. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** How long names that were read are good for the pages that follow, milliseconds: reading all names for each page would be quadratic. */
const NAMES_MS = 10_000;

/** A place for dead letters in a data directory; made with the first letter. @param dataDir - the directory of the Parquet files. */
export function openDeadLetterDirectory(dataDir: string): DeadLetterPlace {
  const directory = join(dataDir, NAME);
  let known: { readonly ids: readonly string[]; readonly atMs: number } | null = null;

  async function readIds(): Promise<readonly string[]> {
    const names = await readdir(directory).catch(emptyWhereMissing);
    const ids = names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
    known = { ids: ids.filter((id) => ID.test(id)).sort(), atMs: performance.now() };
    return known.ids;
  }

  async function read(id: string): Promise<DeadLetter | null> {
    if (!ID.test(id)) return null;
    try {
      return fromText(id, await readFile(join(directory, `${id}${SUFFIX}`), 'utf8'));
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
        let next = 0;
        async function work(): Promise<void> {
          for (let letter = letters[next]; letter !== undefined; letter = letters[next]) {
            next += 1;
            await write(directory, letter);
          }
        }
        await Promise.all(Array.from({ length: MAX_WRITES }, work));
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
          if (!ID.test(id)) continue;
          const isThere = await unlink(join(directory, `${id}${SUFFIX}`)).then(() => true, falseWhereMissing);
          if (isThere) removed += 1;
        }
        if (removed > 0) syncDirectory(directory);
        return removed;
      }),
    count: () => orUnavailable(directory, async () => (await readIds()).length),
  };
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

async function write(directory: string, letter: DeadLetter): Promise<void> {
  const temporary = join(directory, `.${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(toText(letter));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, join(directory, `${letter.id}${SUFFIX}`)).catch(unlessThere);
  } finally {
    await rm(temporary, { force: true });
  }
}

function toText({ reason, bytes, stampMs, attempts, deadMs }: DeadLetter): string {
  const wire = { reason, stamp_ms: stampMs, attempts, dead_ms: deadMs, base64: Buffer.from(bytes).toString('base64') };
  return `${JSON.stringify(wire)}\n`;
}

/** A file that is no letter, which somebody has put there, is one of its own bytes. */
function fromText(id: string, text: string): DeadLetter {
  try {
    const {
      reason,
      stamp_ms: stampMs,
      attempts,
      dead_ms: deadMs,
      base64,
    } = JSON.parse(text) as Record<string, unknown>;
    if (typeof base64 === 'string') {
      const bytes = Buffer.from(base64, 'base64');
      return {
        id,
        reason: String(reason),
        bytes,
        stampMs: Number(stampMs),
        attempts: Number(attempts),
        deadMs: Number(deadMs),
      };
    }
  } catch {
    // As below.
  }
  return {
    id,
    reason: 'damaged_letter: the file of this letter is damaged',
    bytes: Buffer.from(text),
    stampMs: 0,
    attempts: 1,
    deadMs: 0,
  };
}

function emptyWhereMissing(error: unknown): string[] {
  if (errorCode(error) === 'ENOENT') return [];
  throw error;
}

function falseWhereMissing(error: unknown): false {
  if (errorCode(error) === 'ENOENT') return false;
  throw error;
}

function unlessThere(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error;
}

async function orUnavailable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === '' || error instanceof HrmError) throw error;
    const message = `the dead letters in ${directory} cannot be had (${errorCode(error)}): look at the disk and at HRM_DATA_DIR`;
    throw new HrmError(message, { kind: 'unavailable', code: 'dead_letters_unavailable', cause: error });
  }
}
