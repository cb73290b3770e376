import { throwIfAborted } from '../../errors.js';
import type { DeadLetter, DeadLetters, Queue } from '../../ports/queue.js';

/** Letters held at once. */
const PAGE_LETTERS = 200;

/** What these work on. */
export interface DeadLetterComponents {
  readonly queue: Pick<Queue, 'deadLetters' | 'depth'>;
}

/** How they are stopped. */
export interface DeadLetterOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * All dead letters, oldest first, a page at a time, so that memory does not grow with their number.
 * @throws HrmError kind `closed`, code `aborted`, when the signal fires.
 */
export async function* deadLetterPages(
  { queue: { deadLetters } }: { readonly queue: { readonly deadLetters: Pick<DeadLetters, 'list'> } },
  { signal }: DeadLetterOptions = {},
): AsyncGenerator<readonly DeadLetter[], void, undefined> {
  let afterId: string | undefined;
  for (;;) {
    throwIfAborted(signal, 'listing dead letters');
    const page = await deadLetters.list({ afterId, limit: PAGE_LETTERS });
    if (page.length === 0) return;
    yield page;
    afterId = page[page.length - 1]?.id;
  }
}

/**
 * Puts all dead letters that are there when this begins back into the queue, with the time of their first arrival kept.
 * @returns how many.
 */
export async function redriveAll(components: DeadLetterComponents, options: DeadLetterOptions = {}): Promise<number> {
  return await applyToAll('redrive', components, options);
}

/** Deletes all dead letters that are there when this begins, for good. @returns how many. */
export async function purgeAll(components: DeadLetterComponents, options: DeadLetterOptions = {}): Promise<number> {
  return await applyToAll('purge', components, options);
}

/**
 * As many of the oldest as there were at the start: a running consumer may set aside again what was just redriven, and that must not keep
 * this busy for ever. By number and not by time: whose clock set their times is another machine's.
 */
async function applyToAll(
  verb: 'redrive' | 'purge',
  { queue }: DeadLetterComponents,
  options: DeadLetterOptions,
): Promise<number> {
  let left = (await queue.depth()).deadLetters;
  let done = 0;
  for await (const page of deadLetterPages({ queue }, options)) {
    const ids = page.slice(0, left).map(({ id }) => id);
    if (ids.length === 0) break;
    left -= ids.length;
    done += await queue.deadLetters[verb](ids);
  }
  return done;
}
