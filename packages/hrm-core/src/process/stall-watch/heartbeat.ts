/** What the event loop and the thread that watches it share. */

/** Place of the counter that the event loop raises. */
export const BEAT = 0;

/** Place of 1 while a debugger may hold the loop on purpose. */
export const DEBUGGED = 1;

/** What the thread gets. */
export interface StallWatchData {
  /** {@link BEAT} and {@link DEBUGGED}. */
  readonly heartbeat: Int32Array<SharedArrayBuffer>;
  /** Silence after which the process is ended, milliseconds. */
  readonly stallMs: number;
  /** Whether the last line is JSON, as the log is. */
  readonly json: boolean;
}

/** Most milliseconds between two beats, and between two looks at them. */
const MAX_BEAT_MS = 1_000;

/** How often the loop beats and the thread looks: ten times in the time that is allowed, at least. */
export function beatMs(stallMs: number): number {
  return Math.min(MAX_BEAT_MS, stallMs / 10);
}
