/**
 * A pause at any one await: whoever works through these ports stands still there, for longer than any grace or lease, while
 * everybody else goes on.
 */
import type { Queue, Storage } from '../../src/index.js';
import { type Tap, tappedQueue, tappedSteps, tappedStorage } from './tapped-ports.js';

/** One run with a pause in it. */
export interface Pause {
  /** The await to stand still at, from 1. */
  readonly at: number;
  /** Awaits so far. */
  awaits: number;
  /** What everybody else does meanwhile. */
  readonly meanwhile: () => Promise<void>;
}

/**
 * The pause comes before a call: after the one before, whose reply is at hand, and what was made of it. Nobody else can see the
 * difference to a pause as soon as the reply was there.
 */
function pausing(pause: Pause): Tap {
  return async (call) => {
    pause.awaits += 1;
    if (pause.awaits === pause.at) await pause.meanwhile();
    return call();
  };
}

/** The storage of whoever pauses. */
export function pausedStorage(storage: Storage, pause: Pause): Storage {
  return tappedStorage(storage, pausing(pause));
}

/** The queue of whoever pauses. */
export function pausedQueue(queue: Queue, pause: Pause): Queue {
  return tappedQueue(queue, pausing(pause));
}

/** What an iterator yields, to a caller that may pause before it asks for more. */
export async function takeSlowly<T>(steps: AsyncIterable<T>, pause: Pause): Promise<T[]> {
  const taken: T[] = [];
  for await (const step of tappedSteps(() => steps, pausing(pause))) taken.push(step);
  return taken;
}

/**
 * Runs something again and again, with a pause at its first await, at its second, and so on to its last.
 * @returns how many awaits it has.
 */
export async function pauseAtEach(run: (at: number) => Promise<Pause>): Promise<number> {
  for (let at = 1; ; at += 1) {
    const { awaits } = await run(at);
    if (awaits < at) return at - 1;
  }
}
