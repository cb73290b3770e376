import { type Fault, HrmError, throwIfAborted } from '../../errors.js';
import type { Erasures } from '../../ports/erasures.js';
import type { CallOptions, Queue } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { queryError } from '../../pure/answer/question.js';
import type { LiveCursor } from '../../pure/live-cursor.js';
import { isId } from '../../pure/reading/reading.js';
import { onAbort } from '../../waits.js';
import { createYielder } from '../files/yielder.js';
import { formatLiveId, parseLiveId, requireLiveId } from './live-id.js';
import { catchUp, isReady } from './watch-catch-up.js';
import { type Hub, joinHub, leaveHub } from './watch-hub.js';
import {
  eventsOf,
  type Run,
  takeRun,
  type WatchEvent,
  type Watched,
  type Watcher,
  withoutErased,
} from './watch-runs.js';

export type { WatchEvent, WatchedReading } from './watch-runs.js';

/** What `watch` works on. */
export interface WatchComponents {
  /** All that it needs of a queue. */
  readonly queue: Pick<Queue, 'feed'>;
  /** Knows what was erased; without it also that is told, for as long as the feed has it. */
  readonly storage?: Pick<Storage, 'erasures'> | undefined;
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

/** The readings of one user as they are accepted; to be iterated once. */
export interface Watch extends AsyncIterable<WatchEvent> {
  /**
   * Begins to watch, if that has not happened, and resolves once it does.
   * @returns the `after` of a watch that neither misses nor repeats anything after what was taken from this one so far.
   *   Without events it moves on too, so who keeps it in mind is spared gaps that do not concern him. It reads differently each
   *   time, whether it has moved or not.
   */
  position(): Promise<string>;
  /**
   * The same events, those that came together at once, some hundred at most; to be iterated once, in place of the watch itself.
   * All who watch the same are given the same arrays, so what is made of one can be kept for the others.
   */
  runs(): AsyncIterable<readonly WatchEvent[]>;
}

interface Session {
  readonly hub: Hub;
  readonly watcher: Watcher;
  readonly signal: AbortSignal | undefined;
  /** What was erased, and is not told. */
  readonly erasures: Erasures | undefined;
  /** The position after what was taken last. */
  taken: LiveCursor;
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
 *   another watch may go on from the last `id`, and kind `closed`. Of a queue without a feed the code is `live_unavailable`.
 * @example
 * for await (const event of watch({ queue }, { userId: 'ana' }, { signal })) {
 *   if (event.type === 'reading') console.log(event.reading.heartRate);
 * }
 */
export function watch({ queue, storage }: WatchComponents, input: WatchInput, options: WatchOptions = {}): Watch {
  const { signal, owner, wireNames = false } = options;
  const watched = parseWatched(input, wireNames);
  const after = input.after === undefined ? null : requireLiveId(input.after, wireNames ? '/Last-Event-ID' : '/after');
  let begun: Promise<Session> | undefined;
  function begin(): Promise<Session> {
    begun ??= join({ queue, storage }, watched, after, { signal, owner });
    return begun;
  }
  return {
    async position() {
      const session = await begin();
      return formatLiveId(session.hub.secret, positionOf(session));
    },
    runs: () => deliverRuns(begin),
    [Symbol.asyncIterator]: () => deliver(begin),
  };
}

function parseWatched({ userId, deviceId }: WatchInput, wireNames: boolean): Watched {
  const faults: Fault[] = [];
  const message = 'must be an id: 1 to 128 characters, no control characters';
  if (!isId(userId)) faults.push({ path: wireNames ? '/user_id' : '/userId', message });
  if (deviceId !== undefined && !isId(deviceId)) faults.push({ path: wireNames ? '/device_id' : '/deviceId', message });
  if (faults.length === 0) return { userId, deviceId };
  throw queryError(faults);
}

function unavailableError(): HrmError {
  return new HrmError(
    'this queue has no feed of what it accepts: set REDIS_URL beside it, or ask for the minutes again and again',
    {
      kind: 'unavailable',
      code: 'live_unavailable',
    },
  );
}

async function join(
  { queue: { feed }, storage }: WatchComponents,
  watched: Watched,
  afterId: string | null,
  { signal, owner = '' }: CallOptions,
): Promise<Session> {
  throwIfAborted(signal, WHAT);
  if (feed === null) throw unavailableError();
  const secret = await feed.secret({ signal });
  throwIfAborted(signal, WHAT);
  const after = afterId === null ? null : parseLiveId(secret, afterId);
  const watcher: Watcher = {
    ...watched,
    owner,
    runs: [],
    waiting: 0,
    after,
    isBehind: after !== null,
    isTaking: false,
    failure: undefined,
    wake: () => undefined,
  };
  const hub = joinHub(feed, watcher);
  function leave(): void {
    forget();
    leaveHub(hub, watcher);
    watcher.wake();
  }
  const forget = onAbort(signal, leave);
  await hub.started;
  requireGoing({ watcher, signal, leave });
  void catchUp(hub, owner);
  const { erasures } = storage ?? {};
  return { hub, watcher, signal, erasures, taken: after ?? { cursor: hub.position, index: -1 }, inHand: 0, leave };
}

/** @throws HrmError kind `closed` when the signal fired; what ended the reader. */
function requireGoing({ watcher, signal, leave }: Pick<Session, 'watcher' | 'signal' | 'leave'>): void {
  throwIfAborted(signal, WHAT);
  if (watcher.failure === undefined) return;
  leave();
  throw watcher.failure;
}

function positionOf({ hub, watcher, taken, inHand }: Session): LiveCursor {
  const isAtHub = !watcher.isBehind && inHand === 0 && watcher.waiting === 0;
  // Who comes from another process may be ahead of this one's reader.
  return isAtHub && hub.position > taken.cursor ? { cursor: hub.position, index: -1 } : taken;
}

/** One after the other; what was given last is what was taken. */
async function* deliver(begin: () => Promise<Session>): AsyncGenerator<WatchEvent, void, undefined> {
  const session = await begin();
  for await (const run of takeRuns(session)) {
    const events = eventsOf(run, session.hub.secret);
    for (const [i, event] of events.entries()) {
      session.taken = run.items[i]?.at ?? session.taken;
      session.inHand -= 1;
      yield event;
    }
  }
}

async function* deliverRuns(begin: () => Promise<Session>): AsyncGenerator<readonly WatchEvent[], void, undefined> {
  const session = await begin();
  for await (const run of takeRuns(session)) {
    session.taken = run.items.at(-1)?.at ?? session.taken;
    session.inHand = 0;
    yield eventsOf(run, session.hub.secret);
  }
}

async function* takeRuns(session: Session): AsyncGenerator<Run, void, undefined> {
  const { hub, watcher, erasures } = session;
  const yielder = createYielder({ owner: watcher.owner });
  try {
    for (;;) {
      requireGoing(session);
      const run = takeRun(hub.held, watcher);
      session.inHand = run?.items.length ?? 0;
      if (isReady(watcher)) void catchUp(hub, watcher.owner);
      if (run === undefined) await something(session);
      else {
        // Whoever is given a run may be the one who makes its ids.
        await yielder.yieldTurn();
        const left = erasures === undefined ? run : withoutErased(run, watcher.userId, await erasures.current());
        session.inHand = left.items.length;
        if (left.items.length > 0) yield left;
        else session.taken = run.items.at(-1)?.at ?? session.taken;
      }
    }
  } finally {
    session.leave();
  }
}

/** Resolves when there is something to take, or the watch ended. */
async function something({ watcher, signal }: Session): Promise<void> {
  await new Promise<void>((resolve) => {
    watcher.wake = resolve;
    if (watcher.waiting > 0 || watcher.failure !== undefined || signal?.aborted) resolve();
  });
}
