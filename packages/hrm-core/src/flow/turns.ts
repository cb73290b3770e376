/**
 * Giving way. What is known is answered without waiting for anything, and a year of it would hold up everything else in the
 * process. So whoever works for long gives way every few milliseconds, and all of them stand in one line: if each of 500
 * queries had its own milliseconds in one turn of the event loop, that turn would take seconds.
 */
import { MAX_TURN_MS, REST_TURNS } from '../limits.js';

/** Lets the process do something else, every few milliseconds of work. */
export interface Turns {
  give(): Promise<void>;
  /** Lets all who wait go first, however little was done: for who makes work for them. */
  queue(): Promise<void>;
}

const line: (() => void)[] = [];
let isMoving = false;
/** When whoever works now began. */
let beganMs = Number.NEGATIVE_INFINITY;
let restTurns = 0;

function moveOn(): void {
  if (restTurns > 0) restTurns -= 1;
  else {
    restTurns = REST_TURNS;
    beganMs = performance.now();
    line.shift()?.();
  }
  isMoving = line.length > 0;
  if (isMoving) setImmediate(moveOn);
}

async function give(): Promise<void> {
  if (performance.now() - beganMs >= MAX_TURN_MS) await queue();
}

function queue(): Promise<void> {
  return new Promise((resolve) => {
    line.push(resolve);
    if (isMoving) return;
    isMoving = true;
    setImmediate(moveOn);
  });
}

/** The process' one line, for who works for long. */
export function takeTurns(): Turns {
  return { give, queue };
}
