/**
 * What watchers missed that come back with the id of an event. One pass over the feed serves all who wait for one, from the first
 * of their positions on, and each owner has one pass at a time: however many come back at once, and from however long ago, the feed
 * is read and decoded about once. Owners take turns, so that who has many watchers holds up nobody else's. Who comes meanwhile waits for the next pass; so does a watcher that has enough waiting, until
 * it has taken half of it.
 *
 * A watcher is behind until a pass has brought it to where the hub is; then, in the same step, it is given what comes.
 */
import { MAX_RUN_READINGS, MAX_WATCH_READINGS } from '../../limits.js';
import type { FeedEntry, FeedPage } from '../../ports/feed.js';
import type { LiveCursor } from '../../pure/live-cursor.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import { type Hub, watchersOf } from './watch-hub.js';
import { offer, offerGap, shedSlowest, sliceElement, type Watcher } from './watch-runs.js';

/** A watcher on its way; `after` is where it stands. */
type Follower = Watcher & { after: LiveCursor };

/** Gives an owner's watchers who are behind what they missed, if nobody is at it; what fails is theirs to hear. */
export async function catchUp(hub: Hub, owner: string): Promise<void> {
  if (hub.catchingUp.has(owner)) return;
  hub.catchingUp.add(owner);
  try {
    for (let followers = ready(hub, owner); followers.length > 0; followers = ready(hub, owner))
      await pass(hub, followers, owner);
  } catch (error) {
    for (const watcher of watchersOf(hub)) {
      if (!watcher.isBehind || watcher.owner !== owner) continue;
      watcher.failure = error;
      watcher.wake();
    }
  } finally {
    hub.catchingUp.delete(owner);
  }
}

/** Whether there is room for enough that a pass is worth it. */
export function isReady({ isBehind, waiting, failure }: Watcher): boolean {
  return isBehind && waiting <= MAX_WATCH_READINGS / 2 && failure === undefined;
}

/** Those of an owner who are ready, by their positions. */
function ready(hub: Hub, owner: string): Follower[] {
  if (hub.stop.signal.aborted) return [];
  const isFollower = (watcher: Watcher): watcher is Follower =>
    watcher.owner === owner && watcher.after !== null && isReady(watcher);
  return [...watchersOf(hub)].filter(isFollower).sort((a, b) => (a.after.cursor < b.after.cursor ? -1 : 1));
}

/** @param followers - in order of their positions. */
async function pass(hub: Hub, followers: readonly Follower[], owner: string): Promise<void> {
  const { signal } = hub.stop;
  let left = followers;
  let lastFrom: string | null = null;
  for (;;) {
    left = left.filter((follower) => isOnItsWay(hub, follower));
    const [first] = left;
    if (first === undefined) return;
    const from = first.after.cursor;
    const { entries, next, isGap } = await hub.feed.read(from, { signal, timeoutMs: 0 });
    if (isGap) tellGap(hub, left, from, { entries, next });
    if (isGap && entries.length === 0) continue;
    left = await handOut(hub, left, entries, createYielder({ owner }));
    for (const follower of left) if (follower.after.cursor < next) follower.after = { cursor: next, index: -1 };
    // Where the hub is beyond a position after which nothing is found twice, there is nothing in between.
    const isOver = next >= hub.position || (entries.length === 0 && from === lastFrom);
    if (isOver) for (const follower of left) if (follower.after.cursor <= next) follower.isBehind = false;
    lastFrom = from;
  }
}

/** Neither gone nor arrived, nor with enough to take. */
function isOnItsWay({ watchers }: Hub, follower: Watcher): boolean {
  const isThere = watchers.get(follower.userId)?.has(follower) === true;
  return isThere && follower.isBehind && follower.waiting <= MAX_WATCH_READINGS - MAX_RUN_READINGS;
}

/**
 * Who stood before what is left has missed something. Where nothing is left, or of another feed, that is whoever stood there: it
 * goes on with the hub.
 */
function tellGap(
  hub: Hub,
  followers: readonly Follower[],
  from: string,
  { entries: [first], next }: Pick<FeedPage, 'entries' | 'next'>,
): void {
  const cursor = first?.cursor ?? (next < hub.position ? next : hub.position);
  for (const follower of followers) {
    if (follower.after.cursor !== from && (first === undefined || follower.after.cursor >= cursor)) continue;
    follower.after = { cursor, index: -1 };
    follower.isBehind = first !== undefined || cursor < hub.position;
    offerGap(hub.held, follower, follower.after);
  }
}

/** @returns those who have room for more. */
async function handOut(
  hub: Hub,
  followers: readonly Follower[],
  entries: readonly FeedEntry[],
  yielder: Yielder,
): Promise<readonly Follower[]> {
  const byUser = new Map<string, Set<Follower>>();
  for (const follower of followers)
    byUser.set(follower.userId, (byUser.get(follower.userId) ?? new Set()).add(follower));
  for (const entry of entries) {
    if (byUser.size === 0) return [];
    const slices = sliceElement(entry, (userId) => byUser.has(userId));
    for (const userId of slices.userIds) {
      const own = byUser.get(userId) ?? new Set();
      for (const follower of own) {
        for (const run of slices.of(follower)) {
          if (isOnItsWay(hub, follower)) offer(hub.held, follower, run);
          else own.delete(follower);
        }
      }
      if (own.size === 0) byUser.delete(userId);
    }
    shedSlowest(hub.held, () => watchersOf(hub));
    await yielder.yieldTurn();
  }
  return followers.filter((follower) => byUser.get(follower.userId)?.has(follower));
}
