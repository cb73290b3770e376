/**
 * Dead letters as objects: `.dead/<id>.json` below the prefix of a store in S3, beside the readings that could be stored.
 *
 * A letter is one PUT, under the condition that there is none of its id: so the first of an id stays. Keys are in order, and so are ids.
 * Writes are encrypted as those of the store are: a letter is health data, too.
 * @module
 */
import { isHrmError } from '../../errors.js';
import type { DeadLetterPlace } from '../../ports/dead-letter-place.js';
import type { DeadLetter } from '../../ports/queue.js';
import { type ListedObject, openObjects } from '../storage/s3/objects.js';
import { objectsSettings, requirePlace, type S3StorageOptions } from '../storage/s3/s3.js';
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

const ROOT = `${LETTERS_NAME}/`;

/** Keys of one listing; the service's bound. */
const MAX_LISTED = 1_000;

/**
 * How long a count is told again, milliseconds. Health asks every second, and a listing costs as much as twelve reads. What other handles
 * keep and delete is known so much later.
 */
const COUNT_MS = 60_000;

/**
 * A place for dead letters in a bucket.
 * @param options - of the store: where it is, and how it is written to.
 * @throws HrmError kind `invalid` for a URL or keys that are none.
 */
export function openDeadLetterBucket(
  options: Omit<S3StorageOptions, 'readOnly' | 'create' | 'store'>,
): DeadLetterPlace {
  // Its connections end by themselves when nobody uses them, and keep no process from ending.
  const objects = openObjects(objectsSettings(options, requirePlace(options.url)));
  let counted: { readonly letters: Promise<number>; readonly atMs: number } | null = null;

  async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isHrmError(error) || error.kind !== 'unavailable') throw error;
      throw lettersError(`${objects.place}/${LETTERS_NAME}`, error.message, error);
    }
  }

  /** What is after a key; an empty page is the end. */
  async function listAfter(startAfter: string, maxKeys: number): Promise<readonly ListedObject[]> {
    for await (const page of objects.list({ prefix: ROOT, startAfter, maxKeys })) return page.objects;
    return [];
  }

  async function read(id: string): Promise<DeadLetter | null> {
    const name = letterName(id);
    const found = name === null ? null : await objects.get(ROOT + name);
    return found === null ? null : letterOf(id, found.bytes.toString('utf8'));
  }

  async function list(afterId: string | undefined, limit: number): Promise<readonly DeadLetter[]> {
    let startAfter = afterId === undefined ? ROOT : ROOT + (letterName(afterId) ?? afterId);
    for (;;) {
      const some = firstOf(await listAfter(startAfter, Math.min(limit, MAX_LISTED)));
      const last = some.at(-1);
      if (last === undefined) return [];
      const ids = some.flatMap(({ key }) => letterId(key.slice(ROOT.length)) ?? []);
      const letters = (await forEachAtOnce(ids, read)).filter((letter) => letter !== null);
      // What is no letter, or went meanwhile, ends no list.
      if (letters.length > 0) return letters;
      startAfter = last.key;
    }
  }

  /** Those of some keys that are there, by as few listings as possible: the service does not tell what it has deleted. */
  async function present(keys: readonly string[]): Promise<readonly string[]> {
    const wanted = [...keys].sort();
    const found: string[] = [];
    let [at, startAfter] = [0, ''];
    while (at < wanted.length) {
      const before = (wanted[at] as string).slice(0, -1);
      if (before > startAfter) startAfter = before;
      const page = await listAfter(startAfter, MAX_LISTED);
      const last = page.at(-1)?.key;
      if (last === undefined) break;
      const there = new Set(page.map(({ key }) => key));
      for (; at < wanted.length && (wanted[at] as string) <= last; at += 1)
        if (there.has(wanted[at] as string)) found.push(wanted[at] as string);
      startAfter = last;
    }
    return found;
  }

  async function countAll(): Promise<number> {
    let count = 0;
    for await (const page of objects.list({ prefix: ROOT }))
      for (const { key } of page.objects) if (letterId(key.slice(ROOT.length)) !== null) count += 1;
    return count;
  }

  return {
    put: (letters) =>
      orUnavailable(async () => {
        counted = null;
        await forEachAtOnce(letters, (letter) =>
          objects.put(ROOT + letterName(letter.id), Buffer.from(letterText(letter)), { condition: 'absent' }),
        );
      }),
    list: ({ afterId, limit }) => orUnavailable(() => list(afterId, limit)),
    get: (id) => orUnavailable(() => read(id)),
    remove: (ids) =>
      orUnavailable(async () => {
        counted = null;
        const names = [...new Set(ids)].flatMap((id) => letterName(id) ?? []);
        const keys = await present(names.map((name) => ROOT + name));
        await objects.remove(keys);
        return keys.length;
      }),
    count: () =>
      orUnavailable(async () => {
        const isKnown = counted !== null && performance.now() - counted.atMs < COUNT_MS;
        if (counted === null || !isKnown) counted = { letters: countAll(), atMs: performance.now() };
        const asked = counted;
        try {
          return await asked.letters;
        } catch (error) {
          if (counted === asked) counted = null;
          throw error;
        }
      }),
  };
}

/** As many as may be read for one page; at least one, if there is any. */
function firstOf(objects: readonly ListedObject[]): readonly ListedObject[] {
  let bytes = 0;
  let count = 0;
  for (const { byteLength } of objects) {
    if (bytes >= MAX_PAGE_BYTES) break;
    bytes += byteLength;
    count += 1;
  }
  return objects.slice(0, count);
}
