import { MEASURE_PAUSE_SHARE } from '../limits.js';

/** What is known, and when it was found, epoch ms. */
export interface Known<T> {
  readonly value: T;
  readonly atMs: number;
}

/**
 * Asks in the background, one question at a time, and the longer it takes the more seldom.
 * @param pauseMs - between two questions, at least.
 * @param signal - ends the asking.
 * @returns what begins a question where one is due, and gives what the last one found; `null`: none has found anything yet.
 */
export function inBackground<T>(
  ask: () => Promise<T>,
  { pauseMs, signal }: { readonly pauseMs: number; readonly signal: AbortSignal },
): () => Known<T> | null {
  let known: Known<T> | null = null;
  let nextMs = 0;
  let isAsking = false;
  async function run(): Promise<void> {
    isAsking = true;
    const beganMs = Date.now();
    try {
      known = { value: await ask(), atMs: Date.now() };
    } catch {
      // The health check says what is wrong with queue or storage; what was found before is still of its time.
    } finally {
      nextMs = Date.now() + Math.max(pauseMs, MEASURE_PAUSE_SHARE * (Date.now() - beganMs));
      isAsking = false;
    }
  }
  return () => {
    if (!isAsking && Date.now() >= nextMs && !signal.aborted) void run();
    return known;
  };
}
