/**
 * Readings that were accepted a moment ago, and are perhaps not stored yet: the judge sees them beside what is stored. What is stored by then, too,
 * changes nothing: of a reading that is there twice one counts.
 *
 * They are kept for ten minutes, and for less where very many come: storing is seconds behind, and minutes where it is in trouble.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DEFAULTS } from '../defaults.js';
import { FEED_RENEW_MS, MAX_PENDING_READINGS, PENDING_ALERT_MS } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { Feed, FeedEntry } from '../ports/feed.js';
import type { Reading } from '../pure/columns.js';
import { decodeElements } from '../pure/reading/element.js';
import { type QueuedReadings, readingAt } from '../pure/reading/queued-readings.js';

/** What was accepted and is perhaps not stored yet. */
export interface Pending {
  /** Takes readings in. @param isWanted - whose. */
  add(readings: QueuedReadings, isWanted: (userId: string) => boolean): void;
  /** A user's since a time, epoch ms, in the order in which they were accepted. */
  of(userId: string, fromMs: number): readonly Reading[];
}

/** The readings of one element, by user. */
interface Accepted {
  readonly readings: QueuedReadings;
  /** By user of it: where its rows begin in `rows`; one more for the end. */
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
  readonly atMs: number;
}

/** Creates one that holds nothing. */
export function createPending({ nowMs }: Clock, most = MAX_PENDING_READINGS): Pending {
  /** In the order in which they came. */
  const all = new Set<Accepted>();
  let held = 0;
  /** By user, and of each element the place among its users. */
  const byUser = new Map<string, Map<Accepted, number>>();

  function forget(accepted: Accepted): void {
    all.delete(accepted);
    held -= accepted.readings.length;
    for (const userId of accepted.readings.users) {
      const own = byUser.get(userId);
      own?.delete(accepted);
      if (own?.size === 0) byUser.delete(userId);
    }
  }

  function prune(): void {
    const [toMs, fromMs] = [nowMs(), nowMs() - PENDING_ALERT_MS];
    for (const accepted of all) {
      // What lies ahead is of before the clock was set back.
      if (held <= most && accepted.atMs >= fromMs && accepted.atMs <= toMs) return;
      forget(accepted);
    }
  }

  return {
    add(readings, isWanted) {
      if (!readings.users.some(isWanted)) return;
      const accepted = { readings, ...byUserOf(readings), atMs: nowMs() };
      all.add(accepted);
      held += readings.length;
      for (const [user, userId] of readings.users.entries())
        byUser.set(userId, (byUser.get(userId) ?? new Map()).set(accepted, user));
      prune();
    },
    of(userId, fromMs) {
      prune();
      const found: Reading[] = [];
      for (const [{ readings, starts, rows }, user] of byUser.get(userId) ?? []) {
        for (const row of rows.subarray(starts[user], starts[user + 1]))
          if ((readings.timestampMs[row] as number) >= fromMs) found.push(readingAt(readings, row));
      }
      return found;
    },
  };
}

/** The rows of each user, one user after the other. */
function byUserOf({ length, user, users }: QueuedReadings): Pick<Accepted, 'starts' | 'rows'> {
  const starts = new Uint32Array(users.length + 1);
  for (let row = 0; row < length; row += 1)
    starts[(user[row] as number) + 1] = (starts[(user[row] as number) + 1] ?? 0) + 1;
  for (let at = 0; at < users.length; at += 1) starts[at + 1] = (starts[at + 1] as number) + (starts[at] as number);
  const next = starts.slice();
  const rows = new Uint32Array(length);
  for (let row = 0; row < length; row += 1) {
    const own = user[row] as number;
    rows[next[own] as number] = row;
    next[own] = (next[own] as number) + 1;
  }
  return { starts, rows };
}

/** Listens to a feed. */
export interface Listener {
  /** Takes what has come, and waits for it for some seconds. @throws as the feed does; the next call begins anew. */
  step(signal: AbortSignal): Promise<void>;
  /** Whether it has heard the feed lately: what was accepted until some seconds ago was told. */
  isListening(): boolean;
}

/** How long one step waits for something. */
const STEP_MS = 5_000;

/** @param onReadings - hears of each element's. */
export function createListener(feed: Feed, onReadings: (readings: QueuedReadings) => void): Listener {
  let cursor: string | null = null;
  let renewedMs = Number.NEGATIVE_INFINITY;
  let heardMs = Number.NEGATIVE_INFINITY;

  async function take({ bytes, stampMs }: FeedEntry): Promise<void> {
    const { readings } = decodeElements([{ bytes, stampMs, attempts: 1 }], DEFAULTS);
    if (readings.length > 0) onReadings(readings);
    await nextTurn();
  }

  return {
    async step(signal) {
      try {
        if (performance.now() - renewedMs >= FEED_RENEW_MS) {
          const now = await feed.watch({ signal });
          renewedMs = performance.now();
          cursor ??= now;
        }
        const { entries, next } = await feed.read(cursor ?? '', { signal, timeoutMs: STEP_MS });
        for (const entry of entries) await take(entry);
        cursor = next;
        heardMs = performance.now();
      } catch (error) {
        renewedMs = Number.NEGATIVE_INFINITY;
        throw error;
      }
    },
    isListening: () => performance.now() - heardMs < 2 * STEP_MS,
  };
}
