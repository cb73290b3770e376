/**
 * What waits for watchers, in runs: events that came together, cut to a length whose ids are sealed in some milliseconds. All who
 * watch the same share a run, so that each event is sealed once, however many watch it. What waits is bounded for each
 * watcher, and for all of a hub: who takes too slowly loses what waits, and is told.
 */
import { DEFAULTS } from '../../defaults.js';
import { MAX_HUB_READINGS, MAX_RUN_READINGS, MAX_WATCH_READINGS } from '../../limits.js';
import type { FeedEntry } from '../../ports/feed.js';
import type { Reading } from '../../pure/columns.js';
import { deviceTest, type ErasureRegister, isInRange } from '../../pure/erasure/register.js';
import { isExpiredAt } from '../../pure/erasure/retention.js';
import { isDelivered, type LiveCursor } from '../../pure/live-cursor.js';
import { decodeElements } from '../../pure/reading/element.js';
import { readingAt } from '../../pure/reading/queued-readings.js';
import { formatInstant } from '../../pure/reading/timestamp.js';
import { formatLiveId } from './live-id.js';

/** A reading, with its instant also as rows, devices and live events have it: ISO 8601 in UTC, `2024-01-15T10:00:00.250Z`. */
export interface WatchedReading extends Reading {
  readonly timestamp: string;
}

/** What happened, with the `after` of a watch that goes on from here. */
export type WatchEvent =
  | { readonly type: 'reading'; readonly id: string; readonly reading: WatchedReading }
  /** Readings before this were, or may have been, lost to the bounds of the feed or to a watcher that was too slow. */
  | { readonly type: 'gap'; readonly id: string };

/** A reading and where it is in the feed; or that some are lost, and the position after which it goes on. */
type HubEvent = { readonly at: LiveCursor; readonly reading: Reading | null; readonly stampMs: number };

/** Events that are taken together, {@link MAX_RUN_READINGS} at most. */
export interface Run {
  readonly items: readonly HubEvent[];
  /** As they are told; `null` until somebody takes them. */
  events: readonly WatchEvent[] | null;
  /** Watchers that it waits for. */
  holders: number;
}

/** Whose readings are watched. */
export interface Watched {
  readonly userId: string;
  /** All of the user's by default. */
  readonly deviceId?: string | undefined;
}

/** One who watches. */
export interface Watcher extends Watched {
  /** In whose turns it takes what waits, and is given what it missed. */
  readonly owner: string;
  /** What waits to be taken, `waiting` events: at most {@link MAX_WATCH_READINGS}. */
  runs: Run[];
  waiting: number;
  /** What was delivered otherwise, and is not to be delivered again. */
  after: LiveCursor | null;
  /** It is being given what it missed, and `after` moves on with that; only then it is given what comes. */
  isBehind: boolean;
  /** It has taken something lately. */
  isTaking: boolean;
  /** What ended the reader. */
  failure: unknown;
  /** Called when there is something to take, or a failure. */
  wake: () => void;
}

/** What waits for all watchers of a hub. */
export interface Held {
  /** Events in runs that wait for somebody, each run counted once. */
  readings: number;
}

/** The runs of one element, by user and device. */
export interface ElementSlices {
  /** @returns those that a watcher is to be given; of all who watch the same, the same. */
  of(watched: Watched): readonly Run[];
  /** Users that are watched and have readings in it. */
  readonly userIds: Iterable<string>;
}

/** Decodes an element, once for all watchers. */
export function sliceElement(
  { cursor, bytes, stampMs }: FeedEntry,
  isWatched: (userId: string) => boolean,
): ElementSlices {
  const { readings } = decodeElements([{ bytes, stampMs, attempts: 1 }], DEFAULTS);
  const items = new Map<string, HubEvent[]>();
  const isUserWatched = readings.users.map(isWatched);
  for (let index = 0; index < readings.length; index += 1) {
    if (!isUserWatched[readings.user[index] as number]) continue;
    const reading = readingAt(readings, index);
    const item = { at: { cursor, index }, reading, stampMs };
    const own = items.get(reading.userId);
    if (own !== undefined) own.push(item);
    else items.set(reading.userId, [item]);
  }
  const runs = new Map<string, readonly Run[]>();
  return {
    userIds: items.keys(),
    of({ userId, deviceId }) {
      const key = JSON.stringify([userId, deviceId]);
      const known = runs.get(key);
      if (known !== undefined) return known;
      const own = items.get(userId) ?? [];
      const made = cut(deviceId === undefined ? own : own.filter(({ reading }) => reading?.deviceId === deviceId));
      runs.set(key, made);
      return made;
    },
  };
}

function cut(items: readonly HubEvent[]): Run[] {
  const runs: Run[] = [];
  for (let from = 0; from < items.length; from += MAX_RUN_READINGS)
    runs.push({ items: items.slice(from, from + MAX_RUN_READINGS), events: null, holders: 0 });
  return runs;
}

/** Lets a run wait for a watcher, without what it was delivered; with no room for it, what waited is lost. */
export function offer(held: Held, watcher: Watcher, run: Run): void {
  const fresh = without(run, watcher.after);
  if (fresh.items.length === 0) return;
  if (watcher.waiting + fresh.items.length > MAX_WATCH_READINGS) lose(held, watcher);
  hold(held, watcher, fresh);
  if (watcher.isBehind) watcher.after = fresh.items.at(-1)?.at ?? watcher.after;
  watcher.wake();
}

/** Tells a watcher that what came before a position may be lost; what still waits is taken first. */
export function offerGap(held: Held, watcher: Watcher, at: LiveCursor): void {
  if (watcher.waiting >= MAX_WATCH_READINGS) release(held, watcher);
  hold(held, watcher, gapAt(at));
  watcher.wake();
}

/** While more waits than a process bears, who has the most waiting loses it. */
export function shedSlowest(held: Held, watchers: () => Iterable<Watcher>): void {
  while (held.readings > MAX_HUB_READINGS) {
    let slowest: Watcher | undefined;
    for (const watcher of watchers()) if (watcher.waiting > (slowest?.waiting ?? 1)) slowest = watcher;
    if (slowest === undefined) return;
    lose(held, slowest);
  }
}

/** Takes the first run that waits. */
export function takeRun(held: Held, watcher: Watcher): Run | undefined {
  const run = watcher.runs.shift();
  if (run === undefined) return undefined;
  letGo(held, watcher, run);
  watcher.isTaking = true;
  return run;
}

/** Nothing waits for a watcher any more. */
export function release(held: Held, watcher: Watcher): void {
  for (const run of watcher.runs) letGo(held, watcher, run);
  watcher.runs = [];
}

/** A run without what was erased since it was accepted, or is kept no longer. */
export function withoutErased(run: Run, userId: string, register: ErasureRegister): Run {
  const { retention, today } = register;
  const erasures = register.ofUser(userId);
  if (erasures.length === 0 && retention.isNone) return run;
  const items = run.items.filter(({ reading, stampMs }) => {
    if (reading === null) return true;
    const { timestampMs, deviceId } = reading;
    if (isExpiredAt(retention, { userId, deviceId, timestampMs }, today)) return false;
    return !erasures.some(
      (erasure) => stampMs <= erasure.until_ms && isInRange(erasure, timestampMs) && deviceTest([deviceId])(erasure, 0),
    );
  });
  return items.length === run.items.length ? run : { items, events: null, holders: 0 };
}

/** The events of a run as they are told: made for the first who takes it, and the same for all others. */
export function eventsOf(run: Run, secret: Uint8Array): readonly WatchEvent[] {
  run.events ??= run.items.map(({ at, reading }) => {
    const id = formatLiveId(secret, at);
    if (reading === null) return { type: 'gap', id };
    return { type: 'reading', id, reading: { ...reading, timestamp: formatInstant(reading.timestampMs) } };
  });
  return run.events;
}

function without(run: Run, after: LiveCursor | null): Run {
  const [first] = run.items;
  if (after === null || first === undefined || !isDelivered(first.at, after)) return run;
  return { items: run.items.filter(({ at }) => !isDelivered(at, after)), events: null, holders: 0 };
}

function gapAt(at: LiveCursor): Run {
  return { items: [{ at, reading: null, stampMs: 0 }], events: null, holders: 0 };
}

/** In place of what waited there is a gap, after which it goes on. */
function lose(held: Held, watcher: Watcher): void {
  const last = watcher.runs.at(-1)?.items.at(-1);
  release(held, watcher);
  if (last !== undefined) hold(held, watcher, gapAt(last.at));
}

function hold(held: Held, watcher: Watcher, run: Run): void {
  if (run.holders === 0) held.readings += run.items.length;
  run.holders += 1;
  watcher.runs.push(run);
  watcher.waiting += run.items.length;
}

function letGo(held: Held, watcher: Watcher, run: Run): void {
  watcher.waiting -= run.items.length;
  run.holders -= 1;
  if (run.holders === 0) held.readings -= run.items.length;
}
