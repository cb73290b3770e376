/**
 * The one reader that all watchers of a process share: it follows the feed of a queue while there are any, decodes what comes
 * once, and hands each its user's readings.
 *
 * A watcher that takes them slower than they come loses what waits for it and is told of a gap: the memory of all is bounded,
 * and nobody waits for the slowest.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FEED_RENEW_MS, MAX_WATCH_READINGS } from '../../limits.js';
import type { Feed, FeedEntry } from '../../ports/feed.js';
import type { LiveCursor } from '../../pure/live-cursor.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { type Held, offer, offerGap, release, shedSlowest, sliceElement, type Watcher } from './watch-runs.js';

/** The reader of one feed. */
export interface Hub {
  readonly feed: Feed;
  /** By user_id. */
  readonly watchers: Map<string, Set<Watcher>>;
  readonly held: Held;
  readonly stop: AbortController;
  /** Resolves when it follows the feed. */
  readonly started: Promise<void>;
  /** Everything before it was handed out. */
  position: string;
  /** Hides positions. */
  secret: Uint8Array;
  /** Owners whose watchers are being given what they missed. */
  readonly catchingUp: Set<string>;
}

/** How long a read waits; a renewal of the mark may be as late as that, milliseconds. */
const READ_MS = 5_000;

/** Turns that watchers have for one element: enough to take one of 1,000 readings, in runs of 200, while another waits. */
const MAX_TAKER_ROUNDS = 10;

/** By feed, so that all who watch one queue share a reader, whatever is wrapped around the queue. */
const hubs = new WeakMap<Feed, Hub>();

/** Enters a watcher; from the hub's position on it gets what it watches, once it is not behind. */
export function joinHub(feed: Feed, watcher: Watcher): Hub {
  const hub = hubs.get(feed) ?? startHub(feed);
  const watchers = hub.watchers.get(watcher.userId) ?? new Set();
  hub.watchers.set(watcher.userId, watchers.add(watcher));
  return hub;
}

/** Removes a watcher; without any the reader stops. */
export function leaveHub(hub: Hub, watcher: Watcher): void {
  const watchers = hub.watchers.get(watcher.userId);
  watchers?.delete(watcher);
  release(hub.held, watcher);
  if (watchers?.size === 0) hub.watchers.delete(watcher.userId);
  if (hub.watchers.size === 0) end(hub);
}

/** Everybody that a hub hands out to. */
export function* watchersOf({ watchers }: Pick<Hub, 'watchers'>): Generator<Watcher> {
  for (const those of watchers.values()) yield* those;
}

function startHub(feed: Feed): Hub {
  const stop = new AbortController();
  let start: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const hub: Hub = {
    feed,
    watchers: new Map(),
    held: { readings: 0 },
    stop,
    started,
    position: '',
    secret: new Uint8Array(),
    catchingUp: new Set(),
  };
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
  const yielder = createYielder();
  let renewedMs = performance.now();
  hub.secret = await feed.secret({ signal });
  hub.position = await feed.watch({ signal });
  start();
  while (!signal.aborted) {
    if (performance.now() - renewedMs >= FEED_RENEW_MS) {
      renewedMs = performance.now();
      await feed.watch({ signal });
      // It is another one where it was lost.
      hub.secret = await feed.secret({ signal });
    }
    const { entries, next, isGap } = await feed.read(hub.position, { signal, timeoutMs: READ_MS });
    if (isGap) {
      const at = { cursor: entries[0]?.cursor ?? next, index: -1 };
      for (const watcher of watchersOf(hub)) if (!watcher.isBehind) tellGap(hub, watcher, at);
      hub.position = at.cursor;
    }
    for (const [i, entry] of entries.entries()) {
      // Handed out and noted in one go: who enters sees either nothing of an element or all of it.
      handOut(hub, entry);
      hub.position = entries[i + 1]?.cursor ?? next;
      await yielder.yieldTurn();
      await waitForTakers(hub, yielder);
      if (signal.aborted) return;
    }
    hub.position = next;
    if (entries.length > 0) await nextTurn();
  }
}

function handOut(hub: Hub, entry: FeedEntry): void {
  const slices = sliceElement(entry, (userId) => hub.watchers.has(userId));
  for (const userId of slices.userIds) {
    for (const watcher of hub.watchers.get(userId) ?? []) {
      if (watcher.isBehind) continue;
      for (const run of slices.of(watcher)) offer(hub.held, watcher, run);
    }
  }
  shedSlowest(hub.held, () => watchersOf(hub));
}

/**
 * Lets those who are taking what waits for them take more of it, in their turn: what made them slow may be how many they are. Who takes
 * nothing is not waited for, and nobody for long.
 */
async function waitForTakers(hub: Hub, yielder: Yielder): Promise<void> {
  for (let round = 0; round < MAX_TAKER_ROUNDS && isAnyPressed(hub); round += 1) await yielder.yieldToAll();
  for (const watcher of watchersOf(hub)) watcher.isTaking = false;
}

function isAnyPressed(hub: Hub): boolean {
  for (const { isBehind, isTaking, waiting } of watchersOf(hub))
    if (!isBehind && isTaking && waiting > MAX_WATCH_READINGS / 2) return true;
  return false;
}

function tellGap(hub: Hub, watcher: Watcher, at: LiveCursor): void {
  watcher.after = null;
  offerGap(hub.held, watcher, at);
}
