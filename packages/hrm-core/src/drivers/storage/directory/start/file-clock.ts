/**
 * The file system's clock. Where the disk is another machine's it is that machine's, and files' ages go by it: with this machine's clock two
 * minutes ahead, a file that was superseded a moment ago would be swept.
 */
import { type DirectoryFileSystem, statusOf } from '../files.js';

/** Differences that are none: of the clock's tick, and of a file that took long to be written. */
const TOLERANCE_MS = 2_000;

/** Tells the time as the file system does. */
export interface FileClock {
  /** Epoch ms. This machine's while nothing was learnt. */
  nowMs(): number;
  /**
   * Learns from a file that was made a moment ago. It may be a little older than that, so what it tells is never ahead of the file system's
   * clock: ages are too low, and not too high.
   */
  learn(path: string): void;
}

/** Creates a clock that has learnt nothing. */
export function createFileClock(fileSystem: DirectoryFileSystem): FileClock {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    learn(path) {
      const status = statusOf(fileSystem, path);
      if (status === null) return;
      const foundMs = Number(status.mtimeMs) - Date.now();
      aheadMs = Math.abs(foundMs) <= TOLERANCE_MS ? 0 : foundMs;
    },
  };
}
