/**
 * Waits that end early: what this process does wakes them, what other processes do is found by looking again.
 * @module
 */
import { throwIfAborted } from '../../errors.js';
import { FEED_POLL_MS } from '../../limits.js';
import type { FeedPage } from '../../ports/feed.js';
import type { CallOptions } from '../../ports/queue.js';
import { onAbort } from '../../waits.js';

/** Those who wait on one handle. */
export interface Sleepers {
  /** Resolves after `ms`, at {@link Sleepers.wake}, or when the signal fires. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** Ends every sleep. */
  wake(): void;
}

/** Nobody sleeps at first. */
export function createSleepers(): Sleepers {
  /** Each ends one sleep. */
  const ends = new Set<() => void>();
  return {
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        function end(): void {
          clearTimeout(timer);
          ends.delete(end);
          forget();
          resolve();
        }
        const timer = setTimeout(end, ms);
        ends.add(end);
        const forget = onAbort(signal, end);
      }),
    wake() {
      for (const end of [...ends]) end();
    },
  };
}

/** Looks until there is something to tell, or the time is up. @param look - reads one page without waiting. */
export async function pollFeed(
  look: () => Promise<FeedPage>,
  sleepers: Sleepers,
  { signal, timeoutMs }: CallOptions & { readonly timeoutMs: number },
): Promise<FeedPage> {
  // A duration, so by the clock that nobody sets.
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    throwIfAborted(signal, 'reading the feed');
    const page = await look();
    const leftMs = endMs - performance.now();
    if (page.entries.length > 0 || page.isGap || leftMs <= 0) return page;
    await sleepers.sleep(Math.min(leftMs, FEED_POLL_MS), signal);
  }
}
