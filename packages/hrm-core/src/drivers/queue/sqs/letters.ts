/**
 * Dead letters of a queue in SQS: kept in a place of their own, since SQS can neither show a message nor delete one by its id.
 *
 * A letter's id is its element's stamp, the message that it came in, and which of its readings it is. So the same letter, kept again
 * because the reply to an acknowledgement was lost, is the same letter. A redriven one is a new message, and so another letter.
 * @module
 */
import { createHash } from 'node:crypto';
import type { DeadLetterPlace } from '../../../ports/dead-letter-place.js';
import type { DeadLetter, DeadLetterInput, DeadLetters } from '../../../ports/queue.js';
import { frameOf } from './frame.js';

/** Letters that are read, sent and deleted together. */
const REDRIVE_LETTERS = 100;

/** How many readings are in the bytes of a letter that goes back; the queue counts it so until a consumer has looked. */
const REDRIVEN_READINGS = 1;

/** Digits of epoch milliseconds until the year 2286, and of a count of elements or letters. */
const [STAMP_DIGITS, COUNT_DIGITS, HASH_DIGITS] = [13, 6, 16];

/**
 * Letters as they are kept.
 * @param scope - tells letters without an element of their own from those of others.
 */
export function lettersOf(inputs: readonly DeadLetterInput[], scope: string, deadMs: number): DeadLetter[] {
  const counts = new Map<string, number>();
  return inputs.map(({ elementId = scope, ...input }) => {
    const nth = counts.get(elementId) ?? 0;
    counts.set(elementId, nth + 1);
    const at = elementId.lastIndexOf('/');
    const [message, index] = at === -1 ? [elementId, 0] : [elementId.slice(0, at), Number(elementId.slice(at + 1))];
    const hash = createHash('sha256').update(message).digest('hex').slice(0, HASH_DIGITS);
    const stamp = digits(Math.max(0, Math.floor(input.stampMs)), STAMP_DIGITS);
    return { ...input, deadMs, id: [stamp, hash, digits(index, COUNT_DIGITS), digits(nth, COUNT_DIGITS)].join('-') };
  });
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}

/** What letters are moved by. */
export interface LettersContext {
  readonly place: DeadLetterPlace;
  /** Sends frames to the end of the queue. @throws as the queue's calls. */
  readonly send: (frames: readonly Buffer[]) => Promise<unknown>;
  /** Brings what the service has set aside by itself. @throws HrmError kind `closed` after the queue was closed. */
  readonly adopt: () => Promise<void>;
  /** @throws HrmError kind `closed`. */
  readonly requireOpen: () => void;
}

/** The dead letters of a queue. */
export function sqsDeadLetters({ place, send, adopt, requireOpen }: LettersContext): DeadLetters {
  return {
    async list({ afterId, limit }) {
      requireOpen();
      if (afterId === undefined) await adopt();
      return await place.list({ afterId, limit });
    },
    async get(id) {
      requireOpen();
      return await place.get(id);
    },
    async redrive(ids) {
      requireOpen();
      const all = [...new Set(ids)];
      let done = 0;
      for (let from = 0; from < all.length; from += REDRIVE_LETTERS) {
        const letters: DeadLetter[] = [];
        for (const id of all.slice(from, from + REDRIVE_LETTERS)) {
          const letter = await place.get(id);
          if (letter !== null) letters.push(letter);
        }
        if (letters.length === 0) continue;
        await send(letters.map(({ bytes, stampMs }) => frameOf({ bytes, readings: REDRIVEN_READINGS }, stampMs)));
        done += await place.remove(letters.map(({ id }) => id));
      }
      return done;
    },
    async purge(ids) {
      requireOpen();
      return await place.remove(ids);
    },
  };
}
