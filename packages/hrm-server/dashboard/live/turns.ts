/**
 * Many live streams over few connections. Over HTTP/1.1 a browser has six connections to a host, and other tabs use them, too: where there
 * are more users than {@link MAX_STREAMS}, they take turns. Whoever's turn comes again goes on from the last event that was heard, so
 * nothing is missed meanwhile, and a reading is seen some seconds later. Over HTTP/2 each user has a stream.
 */
import { type HrmError, isHrmError, type LiveEvent } from 'hrm-core/client';
import { openClient } from '../api.js';

/** What is heard. */
export interface TurnEvents {
  onEvent(userId: string, event: LiveEvent): void;
  /** A user is listened to who has not been heard yet: what was accepted before is not told by itself. */
  onDeaf(userId: string): void;
  /** The server does not let us listen to a user. */
  onRefused(userId: string, error: HrmError): void;
}

/** Leaves connections for all else that is asked. */
const MAX_STREAMS = 4;
/** How long a turn is. */
const TURN_MS = 2_000;

/** Listens to all of them until the signal fires. */
export function listenInTurns(userIds: readonly string[], events: TurnEvents, signal: AbortSignal): void {
  const lanes = hasOneConnection() ? userIds.length : Math.min(MAX_STREAMS, userIds.length);
  for (let lane = 0; lane < lanes; lane += 1) {
    const own = userIds.filter((_, at) => at % lanes === lane);
    void takeTurns(own, events, signal);
  }
}

async function takeTurns(userIds: readonly string[], events: TurnEvents, signal: AbortSignal): Promise<void> {
  const lastIds = new Map<string, string>();
  let left = userIds;
  for (let at = 0; !signal.aborted && left.length > 0; at += 1) {
    const userId = left[at % left.length] as string;
    const turnMs = left.length === 1 ? null : TURN_MS;
    if (turnMs !== null && !lastIds.has(userId)) events.onDeaf(userId);
    try {
      await listen(userId, lastIds, events, turnMs, signal);
    } catch (error) {
      if (!isHrmError(error)) throw error;
      if (error.kind === 'closed') continue;
      left = left.filter((one) => one !== userId);
      events.onRefused(userId, error);
    }
  }
}

/** @param turnMs - `null`: as long as it is wanted. */
async function listen(
  userId: string,
  lastIds: Map<string, string>,
  events: TurnEvents,
  turnMs: number | null,
  signal: AbortSignal,
): Promise<void> {
  const turn = new AbortController();
  const end = () => turn.abort();
  const timer = turnMs === null ? undefined : setTimeout(end, turnMs);
  signal.addEventListener('abort', end, { once: true });
  const client = openClient({ retries: Number.POSITIVE_INFINITY });
  try {
    for await (const event of client.live({ userId, lastEventId: lastIds.get(userId) }, { signal: turn.signal })) {
      if (event.type === 'reading') lastIds.set(userId, event.id);
      events.onEvent(userId, event);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

/** Whether all that is asked goes over one connection, as the page itself came. */
function hasOneConnection(): boolean {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return page?.nextHopProtocol === 'h2' || page?.nextHopProtocol === 'h3';
}
