/** The port of a place for dead letters, for queues whose service cannot look one up, nor delete one alone. */
import type { DeadLetter, DeadLetters } from './queue.js';

/** Keeps letters by their ids; every method throws HrmError kind `unavailable` when the place cannot do it now. */
export interface DeadLetterPlace extends Pick<DeadLetters, 'list' | 'get'> {
  /** Keeps letters, durably once it resolves. One whose id is there already stays as it was: it is the same letter. */
  put(letters: readonly DeadLetter[]): Promise<void>;
  /** Deletes letters for good; unknown ids are skipped. Returns how many. */
  remove(ids: readonly string[]): Promise<number>;
  /** How many letters there are; of what other handles keep and delete it may be a minute old. */
  count(): Promise<number>;
}
