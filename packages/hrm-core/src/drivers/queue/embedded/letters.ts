/** The dead letters of the embedded queue. @module */
import { HrmError } from '../../../errors.js';
import type { DeadLetter, DeadLetters } from '../../../ports/queue.js';
import type { Environment } from './environment.js';
import type { Tables } from './open.js';
import { letterSeq, packElement, unpackLetter } from './records.js';
import { readCounters, returnElements, writeCounters } from './store.js';

/** Letters moved by one transaction: the write lock of all processes is held meanwhile. */
const LETTERS_PER_TRANSACTION = 1_000;

/**
 * Runs an action on the queue's environment while the queue is open.
 * @throws HrmError kind `closed` after `close`.
 */
type WithEnvironment = <T>(action: (environment: Environment) => T) => T;

/**
 * The dead letters of one queue. A redriven letter counts as one reading, its bytes being nobody's to count, and its
 * attempts go on from where they were.
 * @param redriven - called after letters became elements, so that waiting consumers look again.
 */
export function embeddedLetters(withEnvironment: WithEnvironment, redriven: () => void): DeadLetters {
  return {
    list: async ({ afterId, limit }) => {
      const start = afterId === undefined ? 0 : seqOf(afterId) + 1;
      return withEnvironment((environment) => environment.read((tables) => listLetters(tables, start, limit)));
    },
    get: async (id) => withEnvironment((environment) => environment.read((tables) => getLetter(tables, id))),
    redrive: async (ids) => {
      const count = await inChunks(ids, withEnvironment, redriveLetters);
      if (count > 0) redriven();
      return count;
    },
    purge: (ids) => inChunks(ids, withEnvironment, purgeLetters),
  };
}

function seqOf(id: string): number {
  const seq = letterSeq(id);
  if (seq === undefined) {
    throw new HrmError(`"${id}" is not the id of a dead letter: take one from the list`, {
      kind: 'invalid',
      code: 'invalid_letter_id',
    });
  }
  return seq;
}

function listLetters({ letters }: Tables, start: number, limit: number): DeadLetter[] {
  const page: DeadLetter[] = [];
  for (const { key, value } of letters.getRange({ start, limit })) page.push(unpackLetter(key, value));
  return page;
}

function getLetter({ letters }: Tables, id: string): DeadLetter | null {
  const seq = letterSeq(id);
  const record = seq === undefined ? undefined : letters.get(seq);
  return seq === undefined || record === undefined ? null : unpackLetter(seq, record);
}

async function inChunks(
  ids: readonly string[],
  withEnvironment: WithEnvironment,
  move: (tables: Tables, ids: readonly string[]) => number,
): Promise<number> {
  let count = 0;
  for (let from = 0; from < ids.length; from += LETTERS_PER_TRANSACTION) {
    const chunk = ids.slice(from, from + LETTERS_PER_TRANSACTION);
    count += withEnvironment((environment) => environment.write((tables) => move(tables, chunk)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

function redriveLetters(tables: Tables, ids: readonly string[]): number {
  const letters = takeLetters(tables, ids);
  returnElements(
    tables,
    letters.map(({ bytes, stampMs, attempts }) => packElement(bytes, 1, stampMs, attempts)),
  );
  return letters.length;
}

function purgeLetters(tables: Tables, ids: readonly string[]): number {
  return takeLetters(tables, ids).length;
}

function takeLetters(tables: Tables, ids: readonly string[]): DeadLetter[] {
  const taken: DeadLetter[] = [];
  for (const id of ids) {
    const letter = getLetter(tables, id);
    const seq = letterSeq(id);
    if (letter === null || seq === undefined) continue;
    tables.letters.remove(seq);
    taken.push(letter);
  }
  const counters = readCounters(tables);
  writeCounters(tables, { ...counters, letters: counters.letters - taken.length });
  return taken;
}
