/** How a dead letter is written down, in whatever place. */
import { HrmError } from '../../errors.js';
import type { DeadLetter } from '../../ports/queue.js';

/** What letters are in: within the data, where readers of Parquet files do not look. */
export const LETTERS_NAME = '.dead';

const SUFFIX = '.json';

/** Ids that are letters' own: none leads out of the place. */
const ID = /^[0-9a-z-]{1,100}$/;

/** Letters that are read or written at once. */
const MAX_AT_ONCE = 16;

/** Bytes of letters that one page has, about. */
export const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** The name of a letter; `null` where the id is none that a letter may have. */
export function letterName(id: string): string | null {
  return ID.test(id) ? id + SUFFIX : null;
}

/** The id of the letter with a name; `null` where it is no name of a letter. */
export function letterId(name: string): string | null {
  const id = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : '';
  return ID.test(id) ? id : null;
}

/** A letter as JSON. */
export function letterText({ reason, bytes, stampMs, attempts, deadMs }: DeadLetter): string {
  const wire = { reason, stamp_ms: stampMs, attempts, dead_ms: deadMs, base64: Buffer.from(bytes).toString('base64') };
  return `${JSON.stringify(wire)}\n`;
}

/** A letter from its text. What is no letter, which somebody has put there, is one of its own bytes. */
export function letterOf(id: string, text: string): DeadLetter {
  try {
    const wire = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof wire.base64 === 'string') {
      return {
        id,
        reason: String(wire.reason),
        bytes: Buffer.from(wire.base64, 'base64'),
        stampMs: Number(wire.stamp_ms),
        attempts: Number(wire.attempts),
        deadMs: Number(wire.dead_ms),
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

/** Does something with each of some, {@link MAX_AT_ONCE} at once. @returns what it came to, in order. */
export async function forEachAtOnce<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  async function run(): Promise<void> {
    for (let at = next; at < all.length; at = next) {
      next = at + 1;
      results[at] = await work(all[at] as T);
    }
  }
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, run));
  return results;
}

/** The error of a place that cannot do it now. @param advice - why, and what to do about it. */
export function lettersError(place: string, advice: string, cause: unknown): HrmError {
  return new HrmError(`the dead letters in ${place} cannot be had: ${advice}`, {
    kind: 'unavailable',
    code: 'dead_letters_unavailable',
    cause,
  });
}
