import type { Queue } from '../../ports/queue.js';
import { type DeadLetterOptions, deadLetterPages } from '../files/dead-letter-pages.js';

/** What these work on. */
export interface DeadLetterComponents {
  readonly queue: Pick<Queue, 'deadLetters' | 'depth'>;
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
  let left = (await queue.depth()).deadLetters ?? Number.POSITIVE_INFINITY;
  let done = 0;
  for await (const page of deadLetterPages({ queue }, options)) {
    const ids = page.slice(0, left).map(({ id }) => id);
    if (ids.length === 0) break;
    left -= ids.length;
    done += await queue.deadLetters[verb](ids);
  }
  return done;
}
