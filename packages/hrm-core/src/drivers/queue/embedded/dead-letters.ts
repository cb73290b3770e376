/** The dead letters of the embedded queue. @module */
import { HrmError } from '../../../errors.js';
import type { DeadLetter, DeadLetters } from '../../../ports/queue.js';
import type { Environment } from './environment.js';
import type { Tables } from './open.js';
import { deadLetterSeq, packElement, unpackDeadLetter } from './records.js';
import { readCounters, returnElements, writeCounters } from './store.js';

/** Letters moved by one transaction: the write lock of all processes is held meanwhile. */
const LETTERS_PER_TRANSACTION = 1_000;

/**
 * Runs an action on the queue's environment while the queue is open.
 * @throws HrmError kind `closed` after `close`.
 */
type WithEnvironment = <T>(action: (environment: Environment) => T) => T;

/**
 * The dead letters of one queue. A redriven dead letter counts as one reading, its bytes being nobody's to count, and its
 * attempts go on from where they were.
 * @param redriven - called after dead letters became elements, so that waiting consumers look again.
 */
export function embeddedDeadLetters(withEnvironment: WithEnvironment, redriven: () => void): DeadLetters {
  return {
    list: async ({ afterId, limit }) => {
      const start = afterId === undefined ? 0 : seqOf(afterId) + 1;
      return withEnvironment((environment) => environment.read((tables) => listDeadLetters(tables, start, limit)));
    },
    get: async (id) => withEnvironment((environment) => environment.read((tables) => getDeadLetter(tables, id))),
    redrive: async (ids) => {
      const count = await inChunks(ids, withEnvironment, redriveDeadLetters);
      if (count > 0) redriven();
      return count;
    },
    purge: (ids) => inChunks(ids, withEnvironment, purgeDeadLetters),
  };
}

function seqOf(id: string): number {
  const seq = deadLetterSeq(id);
  if (seq === undefined) {
    throw new HrmError(`"${id}" is not the id of a dead letter: take one from the list`, {
      kind: 'invalid',
      code: 'invalid_dead_letter_id',
    });
  }
  return seq;
}

function listDeadLetters({ deadLetters }: Tables, start: number, limit: number): DeadLetter[] {
  const page: DeadLetter[] = [];
  for (const { key, value } of deadLetters.getRange({ start, limit })) page.push(unpackDeadLetter(key, value));
  return page;
}

function getDeadLetter({ deadLetters }: Tables, id: string): DeadLetter | null {
  const seq = deadLetterSeq(id);
  const record = seq === undefined ? undefined : deadLetters.get(seq);
  return seq === undefined || record === undefined ? null : unpackDeadLetter(seq, record);
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

function redriveDeadLetters(tables: Tables, ids: readonly string[]): number {
  const deadLetters = takeDeadLetters(tables, ids);
  returnElements(
    tables,
    deadLetters.map(({ bytes, stampMs, attempts }) => packElement(bytes, 1, stampMs, attempts)),
  );
  return deadLetters.length;
}

function purgeDeadLetters(tables: Tables, ids: readonly string[]): number {
  return takeDeadLetters(tables, ids).length;
}

function takeDeadLetters(tables: Tables, ids: readonly string[]): DeadLetter[] {
  const taken: DeadLetter[] = [];
  for (const id of ids) {
    const deadLetter = getDeadLetter(tables, id);
    const seq = deadLetterSeq(id);
    if (deadLetter === null || seq === undefined) continue;
    tables.deadLetters.remove(seq);
    taken.push(deadLetter);
  }
  const counters = readCounters(tables);
  writeCounters(tables, { ...counters, deadLetters: counters.deadLetters - taken.length });
  return taken;
}
