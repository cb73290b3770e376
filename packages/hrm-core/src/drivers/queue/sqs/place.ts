/**
 * The place of dead letters, and whether it works: a queue whose letters cannot be counted still tells its depth, and takes readings.
 * @module
 */
import { isHrmError } from '../../../errors.js';
import type { DeadLetterPlace } from '../../../ports/dead-letter-place.js';

/** A place that remembers its failures. */
export interface WatchedPlace extends DeadLetterPlace {
  /** How many letters there are, or were when they could be counted; `null`: they never could. Never rejects with what the place throws. */
  lastCount(): Promise<number | null>;
  /** Why letters cannot be kept or counted; `null`: they can, as far as is known. */
  readonly failure: string | null;
}

/** Nothing has failed at first. */
export function watchPlace(place: DeadLetterPlace): WatchedPlace {
  // That letters can be counted does not say that they can be kept.
  const failures: { put: string | null; count: string | null } = { put: null, count: null };
  let count: number | null = null;

  async function watched<T>(what: keyof typeof failures, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      failures[what] = null;
      return result;
    } catch (error) {
      if (isHrmError(error)) failures[what] = error.message;
      throw error;
    }
  }

  return {
    ...place,
    put: (letters) => watched('put', () => place.put(letters)),
    async lastCount() {
      try {
        count = await watched('count', place.count);
      } catch (error) {
        if (!isHrmError(error)) throw error;
      }
      return count;
    },
    get failure() {
      return failures.put ?? failures.count;
    },
  };
}
