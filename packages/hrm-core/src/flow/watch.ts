import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Fault, HrmError, throwIfAborted } from '../errors.js';
import type { CallOptions, Queue } from '../ports/queue.js';
import type { Reading } from '../pure/columns.js';
import { isDelivered, type LiveCursor } from '../pure/live-cursor.js';
import { formatInstant } from '../pure/timestamp.js';
import { isId } from '../reading.js';
import { formatLiveId, parseLiveId, requireLiveId } from './live-id.js';
import {
  type Hub,
  type HubEvent,
  isMeant,
  joinHub,
  leaveHub,
  readingsOf,
  type Watched,
  type Watcher,
} from './watch-hub.js';

/** What `watch` works on. */
export interface WatchComponents {
  /** All that it needs of a queue. */
  readonly queue: Pick<Queue, 'feed'>;
}

/** Whose readings are watched, and from where on. */
export interface WatchInput {
  readonly userId: string;
  /** Only this device's readings; all by default. */
  readonly deviceId?: string | undefined;
  /** The `id` of the last event that was seen: what came after it comes first. Without it only what is accepted from now on. */
  readonly after?: string | undefined;
}

/** How a question is taken. */
export interface WatchOptions extends CallOptions {
  /** Faults name fields as the wire spells them, `after` as the header Last-Event-ID; default false. */
  readonly wireNames?: boolean | undefined;
}

/** A reading, with its instant also as rows, devices and live events have it: ISO 8601 in UTC, `2024-01-15T10:00:00.250Z`. */
export interface WatchedReading extends Reading {
  readonly timestamp: string;
}

/** What happened, with the `after` of a watch that goes on from here. */
export type WatchEvent =
  | { readonly type: 'reading'; readonly id: string; readonly reading: WatchedReading }
  /** Readings before this were, or may have been, lost to the bounds of the feed or to a watcher that was too slow. */
  | { readonly type: 'gap'; readonly id: string };

/** The readings of one user as they are accepted; to be iterated once. */
export interface Watch extends AsyncIterable<WatchEvent> {
  /**
   * Begins to watch, if that has not happened, and resolves once it does.
   * @returns the `after` of a watch that neither misses nor repeats anything after what was taken from this one so far.
   *   Without events it moves on too, so who keeps it in mind is spared gaps that do not concern him. It reads differently each
   *   time, whether it has moved or not.
   */
  position(): Promise<string>;
}

interface Session {
  readonly hub: Hub;
  readonly watcher: Watcher;
  readonly signal: AbortSignal | undefined;
  /** Hides positions. */
  readonly secret: Uint8Array;
  readonly after: LiveCursor | null;
  /** The position after what was taken last. */
  taken: LiveCursor | null;
  /** What was missed has been made up for. */
  isLive: boolean;
  /** Taken from the watcher's, and not delivered yet. */
  inHand: number;
  leave(): void;
}

const WHAT = 'watching readings';

/**
 * Watches a user: every reading that any process accepts, in the order of the queue, some milliseconds after its `enqueue`
 * resolved. It is what was accepted: of equal readings each (rule 1 is for answers), before or after it is stored.
 *
 * Best effort, and it says so: where readings may have been missed there is a `gap`, after which what is stored should be asked
 * for. Memory is bounded whatever comes: who takes events too slowly gets a gap. All watchers of a process share one reader.
 *
 * Ends by `break`, or by the signal (kind `closed`). While somebody watches, pushes of all processes write a little more.
 *
 * @throws HrmError kind `invalid`, code `invalid_query` or `invalid_cursor`; while iterating kind `unavailable`, after which
 *   another watch may go on from the last `id`, and kind `closed`.
 * @example
 * for await (const event of watch({ queue }, { userId: 'ana' }, { signal })) {
 *   if (event.type === 'reading') console.log(event.reading.heartRate);
 * }
 */
export function watch({ queue }: WatchComponents, input: WatchInput, options: WatchOptions = {}): Watch {
  const { signal, wireNames = false } = options;
  const watched = parseWatched(input, wireNames);
  const after = input.after === undefined ? null : requireLiveId(input.after, wireNames ? '/Last-Event-ID' : '/after');
  let begun: Promise<Session> | undefined;
  function begin(): Promise<Session> {
    begun ??= join(queue, watched, after, signal);
    return begun;
  }
  return {
    async position() {
      const session = await begin();
      return formatLiveId(session.secret, positionOf(session));
    },
    [Symbol.asyncIterator]: () => deliver(begin),
  };
}

function parseWatched({ userId, deviceId }: WatchInput, wireNames: boolean): Watched {
  const faults: Fault[] = [];
  const message = 'must be an id: 1 to 128 characters, no control characters';
  if (!isId(userId)) faults.push({ path: wireNames ? '/user_id' : '/userId', message });
  if (deviceId !== undefined && !isId(deviceId)) faults.push({ path: wireNames ? '/device_id' : '/deviceId', message });
  if (faults.length === 0) return { userId, deviceId };
  const listed = faults.map((fault) => `${fault.path.slice(1)} ${fault.message}`).join('; ');
  throw new HrmError(`the query is not valid: ${listed}`, { kind: 'invalid', code: 'invalid_query', faults });
}

async function join(
  { feed }: Pick<Queue, 'feed'>,
  watched: Watched,
  afterId: string | null,
  signal: AbortSignal | undefined,
): Promise<Session> {
  throwIfAborted(signal, WHAT);
  const secret = await feed.secret({ signal });
  throwIfAborted(signal, WHAT);
  const after = afterId === null ? null : parseLiveId(secret, afterId);
  const watcher: Watcher = { ...watched, after, joinedAt: null, events: [], failure: undefined, wake: () => undefined };
  const hub = joinHub(feed, watcher);
  function leave(): void {
    signal?.removeEventListener('abort', leave);
    leaveHub(hub, watcher);
    watcher.wake();
  }
  signal?.addEventListener('abort', leave);
  await hub.started;
  const session = { hub, watcher, signal, secret, after, taken: after, isLive: after === null, inHand: 0, leave };
  requireGoing(session);
  return session;
}

/** @throws HrmError kind `closed` when the signal fired; what ended the reader. */
function requireGoing({ watcher, signal, leave }: Pick<Session, 'watcher' | 'signal' | 'leave'>): void {
  throwIfAborted(signal, WHAT);
  if (watcher.failure === undefined) return;
  leave();
  throw watcher.failure;
}

function positionOf({ hub, watcher, taken, isLive, inHand }: Session): LiveCursor {
  const isAtHub = isLive && inHand === 0 && watcher.events.length === 0;
  // Who comes from another process may be ahead of this one's reader.
  if (taken === null || (isAtHub && hub.position > taken.cursor)) return { cursor: hub.position, index: -1 };
  return taken;
}

async function* deliver(begin: () => Promise<Session>): AsyncGenerator<WatchEvent, void, undefined> {
  const session = await begin();
  try {
    if (session.after !== null) yield* catchUp(session, session.after);
    session.isLive = true;
    for (;;) {
      requireGoing(session);
      yield* take(session);
      await something(session);
    }
  } finally {
    session.leave();
  }
}

/** What waits, all of it: the watcher has room again meanwhile. */
function* take(session: Session): Generator<WatchEvent> {
  const { watcher } = session;
  const events = watcher.events;
  watcher.events = [];
  session.inHand = events.length;
  for (const event of events) {
    session.inHand -= 1;
    yield toEvent(session, event);
  }
}

function toEvent(session: Session, { at, reading }: HubEvent): WatchEvent {
  session.taken = at;
  const id = formatLiveId(session.secret, at);
  if (reading === null) return { type: 'gap', id };
  return { type: 'reading', id, reading: { ...reading, timestamp: formatInstant(reading.timestampMs) } };
}

/** Resolves when there is something to take, or the watch ended. */
async function something({ watcher, signal }: Session): Promise<void> {
  await new Promise<void>((resolve) => {
    watcher.wake = resolve;
    if (watcher.events.length > 0 || watcher.failure !== undefined || signal?.aborted) resolve();
  });
}

/** What came after `after` and before the hub hands out. */
async function* catchUp(session: Session, after: LiveCursor): AsyncGenerator<WatchEvent, void, undefined> {
  const { hub, watcher, signal } = session;
  const joinedAt = watcher.joinedAt ?? hub.position;
  let from = after.cursor;
  for (;;) {
    const { entries, next, isGap } = await hub.feed.read(from, { signal, timeoutMs: 0 });
    if (isGap) {
      watcher.after = null;
      const [cursor = joinedAt] = [entries[0]?.cursor ?? next, joinedAt].sort();
      yield toEvent(session, { at: { cursor, index: -1 }, reading: null });
    }
    for (const event of readingsOf(entries, (userId) => userId === watcher.userId)) {
      if (event.at.cursor >= joinedAt) return;
      const isNew = watcher.after === null || !isDelivered(event.at, watcher.after);
      if (isNew && isMeant(watcher, event.reading)) yield toEvent(session, event);
    }
    from = next;
    if (entries.length === 0 || from >= joinedAt) return;
    await nextTurn();
  }
}
