import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_TURN_MS } from '../limits.js';

/** Lets the process do something else, every few milliseconds of work. */
export interface Turns {
  give(): Promise<void>;
}

/** What is known is answered without waiting for anything, and a year of it would hold up every other request. */
export function takeTurns(): Turns {
  let turnMs = performance.now();
  return {
    async give() {
      if (performance.now() - turnMs < MAX_TURN_MS) return;
      await nextTurn();
      turnMs = performance.now();
    },
  };
}
