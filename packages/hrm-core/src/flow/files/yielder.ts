/**
 * Giving way. What is known is answered without waiting for anything, and a year of it would hold up everything else in the
 * process. So whoever works for long gives way every few milliseconds, and all of them stand in one line: if each of 500
 * queries had its own milliseconds in one turn of the event loop, that turn would take seconds.
 *
 * In the line owners take turns, whatever kind of work they have there: a hundred batches of one owner hold up a day of another
 * for one piece of work, and not for a hundred. Short pieces share a turn of the loop.
 */

import { throwIfAborted } from '../../errors.js';
import { MAX_TURN_MS, REST_TURNS } from '../../limits.js';
import type { CallOptions } from '../../ports/call-options.js';
import { createRotation } from '../../pure/rotation.js';

/** Lets the process do something else, every few milliseconds of work. */
export interface Yielder {
  yieldTurn(): Promise<void>;
  /** Lets all of this owner's who wait go first, however little was done: for who makes work for them. */
  yieldToAll(): Promise<void>;
}

const line = createRotation<() => void>();
let isMoving = false;
/** When whoever works now began. */
let beganMs = Number.NEGATIVE_INFINITY;
let restTurns = 0;

function moveOn(): void {
  if (restTurns > 0) {
    restTurns -= 1;
    setImmediate(moveOn);
    return;
  }
  beganMs = performance.now();
  letOneWork();
}

function letOneWork(): void {
  line.next()?.();
  // Their work is done in microtasks; what comes behind all of those sees how long it took.
  queueMicrotask(() => process.nextTick(goOn));
}

function goOn(): void {
  const isTimeLeft = performance.now() - beganMs < MAX_TURN_MS;
  if (line.owners > 0 && isTimeLeft) {
    letOneWork();
    return;
  }
  restTurns = REST_TURNS;
  isMoving = line.owners > 0;
  if (isMoving) setImmediate(moveOn);
}

function queue(owner: string): Promise<void> {
  return new Promise((resolve) => {
    line.add(owner, resolve);
    if (isMoving) return;
    isMoving = true;
    setImmediate(moveOn);
  });
}

/**
 * The process' one line, for who works for long.
 * @param stopSignal - ends work that nobody waits for any more: where it has fired, `yieldTurn` throws kind `closed`, code `aborted`.
 *   Only for work that holds nothing which must be given back by hand.
 */
export function createYielder({
  owner = '',
  stopSignal,
}: Pick<CallOptions, 'owner'> & { readonly stopSignal?: AbortSignal | undefined } = {}): Yielder {
  return {
    async yieldTurn() {
      throwIfAborted(stopSignal, 'the work');
      if (performance.now() - beganMs >= MAX_TURN_MS) await queue(owner);
    },
    yieldToAll: () => queue(owner),
  };
}
