/**
 * The one reader that all watchers of a process share: it follows the feed of a queue while there are any, decodes what comes
 * once, and hands each its user's readings.
 *
 * A watcher that takes them slower than they come loses what waits for it and is told of a gap: the memory of all is bounded,
 * and nobody waits for the slowest.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DAY_MS, FEED_RENEW_MS, MAX_WATCH_READINGS } from '../limits.js';
import type { Feed, FeedEntry } from '../ports/feed.js';
import type { Reading } from '../pure/columns.js';
import { decodeElements } from '../pure/element.js';
import { isDelivered, type LiveCursor } from '../pure/live-cursor.js';

/** A reading and where it is in the feed; or that some are lost, and the position after which it goes on. */
export type HubEvent = { readonly at: LiveCursor; readonly reading: Reading | null };

/** Whose readings are watched. */
export interface Watched {
  readonly userId: string;
  /** All of the user's by default. */
  readonly deviceId?: string | undefined;
}

/** One who watches. */
export interface Watcher extends Watched {
  /** What waits to be taken, at most {@link MAX_WATCH_READINGS}. */
  events: HubEvent[];
  /** What was delivered otherwise, and is not to be delivered again. */
  after: LiveCursor | null;
  /** From where on the hub hands out to it: `null` until the hub follows the feed. */
  joinedAt: string | null;
  /** What ended the reader. */
  failure: unknown;
  /** Called when there is something to take, or a failure. */
  wake: () => void;
}

/** The reader of one feed. */
export interface Hub {
  readonly feed: Feed;
  /** By user_id. */
  readonly watchers: Map<string, Set<Watcher>>;
  readonly stop: AbortController;
  /** Resolves when it follows the feed. */
  readonly started: Promise<void>;
  /** Everything before it was handed out. */
  position: string;
}

/** How long a read waits; a renewal of the mark may be as late as that, milliseconds. */
const READ_MS = 5_000;

/** By feed, so that all who watch one queue share a reader, whatever is wrapped around the queue. */
const hubs = new WeakMap<Feed, Hub>();

/** Enters a watcher; from the hub's position on it gets what it watches. */
export function joinHub(feed: Feed, watcher: Watcher): Hub {
  const hub = hubs.get(feed) ?? startHub(feed);
  const watchers = hub.watchers.get(watcher.userId) ?? new Set();
  hub.watchers.set(watcher.userId, watchers.add(watcher));
  if (hub.position !== '') watcher.joinedAt = hub.position;
  return hub;
}

/** Removes a watcher; without any the reader stops. */
export function leaveHub(hub: Hub, watcher: Watcher): void {
  const watchers = hub.watchers.get(watcher.userId);
  watchers?.delete(watcher);
  if (watchers?.size === 0) hub.watchers.delete(watcher.userId);
  if (hub.watchers.size === 0) end(hub);
}

/** The readings of entries that somebody watches. */
export function* readingsOf(
  entries: readonly FeedEntry[],
  isWatched: (userId: string) => boolean,
): Generator<{ readonly at: LiveCursor; readonly reading: Reading }> {
  for (const { cursor, bytes, stampMs } of entries) {
    const { readings } = decodeElements([{ bytes, stampMs, attempts: 1 }], DAY_MS);
    for (const [index, reading] of readings.entries()) {
      if (isWatched(reading.userId)) yield { at: { cursor, index }, reading };
    }
  }
}

/** Whether a reading is one that is watched. */
export function isMeant({ userId, deviceId }: Watched, reading: Reading): boolean {
  return reading.userId === userId && (deviceId === undefined || reading.deviceId === deviceId);
}

function startHub(feed: Feed): Hub {
  const stop = new AbortController();
  let start: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const hub: Hub = { feed, watchers: new Map(), stop, started, position: '' };
  hubs.set(feed, hub);
  follow(hub, start)
    .catch((error) => {
      for (const watcher of watchersOf(hub)) {
        watcher.failure = error;
        watcher.wake();
      }
    })
    .finally(() => {
      end(hub);
      start();
    });
  return hub;
}

/** The next who watches begins a reader of its own. */
function end(hub: Hub): void {
  hub.stop.abort();
  if (hubs.get(hub.feed) === hub) hubs.delete(hub.feed);
}

async function follow(hub: Hub, start: () => void): Promise<void> {
  const { feed, stop } = hub;
  const { signal } = stop;
  let renewedMs = performance.now();
  hub.position = await feed.watch({ signal });
  for (const watcher of watchersOf(hub)) watcher.joinedAt = hub.position;
  start();
  while (!signal.aborted) {
    if (performance.now() - renewedMs >= FEED_RENEW_MS) {
      renewedMs = performance.now();
      await feed.watch({ signal });
    }
    const { entries, next, isGap } = await feed.read(hub.position, { signal, timeoutMs: READ_MS });
    // Handed out and noted in one go: who enters sees either none of a page or all of it.
    if (isGap) for (const watcher of watchersOf(hub)) tellGap(watcher, entries[0]?.cursor ?? next);
    for (const event of readingsOf(entries, (userId) => hub.watchers.has(userId))) handOut(hub, event);
    hub.position = next;
    if (entries.length > 0) await nextTurn();
  }
}

function handOut(hub: Hub, event: { readonly at: LiveCursor; readonly reading: Reading }): void {
  for (const watcher of hub.watchers.get(event.reading.userId) ?? []) {
    if (!isMeant(watcher, event.reading)) continue;
    if (watcher.after !== null && isDelivered(event.at, watcher.after)) continue;
    if (watcher.events.length >= MAX_WATCH_READINGS) {
      const { cursor, index } = event.at;
      watcher.events = [{ at: { cursor, index: index - 1 }, reading: null }];
    }
    watcher.events.push(event);
    watcher.wake();
  }
}

function tellGap(watcher: Watcher, cursor: string): void {
  // What is before the gap is still to be taken; with no room for more it is lost as well.
  if (watcher.events.length >= MAX_WATCH_READINGS) watcher.events = [];
  watcher.after = null;
  watcher.events.push({ at: { cursor, index: -1 }, reading: null });
  watcher.wake();
}

function* watchersOf({ watchers }: Hub): Generator<Watcher> {
  for (const those of watchers.values()) yield* those;
}
