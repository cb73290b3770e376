/**
 * The readings of a user as they are accepted: server-sent events, for as long as the client stays.
 *
 * A client that takes them too slowly loses some and is told; one that takes nothing is cut by the socket's own time-out, which
 * a heartbeat keeps from all others. When the server closes, every stream ends at once, as those of a key do that counts no
 * more: the client comes back with the id of its last event, to this server or another one, and misses nothing.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeAlert,
  encodeBeginning,
  encodeEvents,
  encodeHeartbeat,
  HrmError,
  isHrmError,
  type Queue,
  type Storage,
  userPriority,
  type Watch,
  type WatchEvent,
  watch,
  within,
} from 'hrm-core';
import { type AlertFeed, NO_ALERTS, type WatchedAlerts } from 'hrm-core/alerts';
import { requireValid } from 'hrm-core/keys';
import { LAST_EVENT_ID, LIVE_PARAMETERS, readQuery, valuesOf } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { createQuota, type Quota, tooBusyError } from 'hrm-core/shares';
import { invalidError } from '../api/problem.js';
import { cutAnswer } from '../http/connections/cut.js';
import { headerValues } from '../http/header-values.js';
import { LIVE_LIMITS, type LiveLimits, MAX_LIVE_CHUNK_BYTES } from '../limits.js';
import { type Call, clientOf } from './handler.js';

/** The streams of one server. */
export interface Live {
  /**
   * Begins a stream.
   * @throws HrmError kind `invalid`, code `foreign_user`, `invalid_query` or `invalid_cursor`; kind `unavailable`, code `too_busy`, or what the
   *   queue says; kind `closed` after {@link Live.close}.
   */
  answer(call: Call): Promise<Response>;
  /** Ends all streams at once, and lets none begin. */
  close(): void;
}

interface Stream {
  readonly call: Call;
  /** Ends the watch. */
  readonly stop: AbortController;
  readonly live: Watch;
  readonly runs: AsyncIterator<readonly WatchEvent[], void>;
  readonly alerts: WatchedAlerts;
  readonly heartbeatMs: number;
  readonly priority: Settings['devicePriority'];
  /** The next events, while a heartbeat comes first. */
  next: Promise<IteratorResult<readonly WatchEvent[], void>> | null;
  /** Whether the client waits for more; otherwise it has not taken what was sent. */
  isAwaited: boolean;
  isCancelled: boolean;
}

/** @param limits - what a server bears. */
export function createLive(
  {
    queue,
    storage,
    alerts = NO_ALERTS,
  }: {
    readonly queue: Pick<Queue, 'feed'>;
    readonly storage: Pick<Storage, 'settingsFile' | 'erasures'>;
    readonly alerts?: AlertFeed;
  },
  { devicePriority: priority }: Pick<Settings, 'devicePriority'>,
  limits: LiveLimits = LIVE_LIMITS,
): Live {
  const streams = new Set<Stream>();
  const places = createQuota(limits.maxStreams, limits.maxStreamsPerKey);
  let isClosed = false;
  function forget(stream: Stream, unheard: () => void): void {
    streams.delete(stream);
    places.release(stream.call.access.keyId, 1);
    unheard();
  }
  return {
    async answer(call) {
      const target = call.incoming.url ?? '';
      for (const user of valuesOf(target, 'user_id')) call.access.requireUser(user);
      const { user_id: userId, device_id: deviceId } = readQuery(target, LIVE_PARAMETERS);
      const ranks = await userPriority({ storage }, userId, priority);
      const stop = new AbortController();
      const after = readLastEventId(call);
      const options = { signal: stop.signal, owner: clientOf(call), wireNames: true };
      const live = watch({ queue, storage }, { userId, deviceId, after }, options);
      const headers = { ...call.headers, ...EVENT_HEADERS };
      if (call.incoming.method === 'HEAD') return new Response(null, { headers });
      if (isClosed) throw closedError();
      acquirePlace(places.atMost(call.access.limits.streams), call.access.keyId);
      const runs = live.runs()[Symbol.asyncIterator]();
      const { heartbeatMs } = limits;
      const own = { call, stop, live, runs, heartbeatMs, priority: ranks, alerts: alerts.watch(userId, stop.signal) };
      const stream: Stream = { ...own, next: null, isAwaited: true, isCancelled: false };
      streams.add(stream);
      const unheard = call.access.onEnd(() => endEarly(stream));
      stop.signal.addEventListener('abort', () => forget(stream, unheard), { once: true });
      function onGone(): void {
        stop.abort();
      }
      call.signal.addEventListener('abort', onGone, { once: true });
      if (call.signal.aborted) stop.abort();
      try {
        const position = await live.position();
        const beginning = encodeBeginning(after === undefined ? position : null, limits.retryMs);
        return new Response(toBody(stream, beginning), { headers });
      } catch (error) {
        stop.abort();
        requireValid(call.access);
        throw error;
      }
    },
    close() {
      isClosed = true;
      for (const stream of streams) endEarly(stream);
    },
  };
}

/** Ends a stream whose client has not left. */
function endEarly({ stop, call, isAwaited }: Stream): void {
  stop.abort();
  // It would take nothing of an end either.
  if (!isAwaited) cutAnswer(call.outgoing);
}

/** @throws HrmError kind `unavailable`, code `too_busy`. */
function acquirePlace(places: Quota, keyId: string | null): void {
  if (places.acquire(keyId, 1)) return;
  throw tooBusyError(
    places.hasRoom(null, 1) ? 'the API key has too many live streams' : 'there are too many live streams',
  );
}

/** No proxy may hold events back, and nobody keep them. */
const EVENT_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
} as const;

/** Events as bytes, made when they are asked for. */
function toBody(stream: Stream, beginning: Uint8Array): ReadableStream<Uint8Array> {
  let next: Uint8Array | null = beginning;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        stream.isAwaited = true;
        try {
          const chunk: Uint8Array | null = next ?? (await readChunk(stream));
          next = null;
          if (chunk === null) end(stream, controller);
          else if (!stream.isCancelled) controller.enqueue(chunk);
        } catch (error) {
          if (!isHrmError(error) || error.kind !== 'closed') stream.call.onLateError(error);
          end(stream, controller);
        }
        stream.isAwaited = false;
      },
      cancel() {
        stream.isCancelled = true;
        stream.stop.abort();
      },
    },
    // Nothing is taken that nobody has asked for.
    { highWaterMark: 0 },
  );
}

/** Every end is a clean one: what came before it is whole, and the client knows how to come back. */
function end(stream: Stream, controller: ReadableStreamDefaultController): void {
  stream.stop.abort();
  // Whoever went away has closed it.
  if (!stream.isCancelled) controller.close();
}

/** What has happened, as far as it is there, or a heartbeat; `null` when there will be no more. */
async function readChunk(stream: Stream): Promise<Uint8Array | null> {
  const first = await within(stream.heartbeatMs, Promise.race([takeNext(stream), stream.alerts.wait()]), () => null);
  // A key that was revoked meanwhile sees nothing more.
  if (!stream.call.access.isValid()) return null;
  if (first === null) return encodeHeartbeat(await stream.live.position());
  if (first === 'alert') return encodeAlert(stream.alerts.take());
  stream.next = null;
  if (first.done === true) return null;
  const pieces = [encodeEvents(first.value, stream.priority)];
  let length = pieces[0]?.length ?? 0;
  const turnOver = nextTurn(null);
  while (length < MAX_LIVE_CHUNK_BYTES) {
    const more = await Promise.race([takeNext(stream), turnOver]);
    if (more === null) break;
    stream.next = null;
    if (more.done === true) break;
    const piece = encodeEvents(more.value, stream.priority);
    pieces.push(piece);
    length += piece.length;
  }
  return pieces.length === 1 ? (pieces[0] ?? null) : Buffer.concat(pieces, length);
}

function takeNext(stream: Stream): Promise<IteratorResult<readonly WatchEvent[], void>> {
  if (stream.next === null) {
    stream.next = stream.runs.next();
    // Also when nobody asks for it any more.
    stream.next.catch(() => undefined);
  }
  return stream.next;
}

/** An empty one is none: so a client says that it has seen no event. */
function readLastEventId({ incoming }: Pick<Call, 'incoming'>): string | undefined {
  const { name } = LAST_EVENT_ID;
  const [id = '', ...others] = headerValues(incoming, name.toLowerCase());
  if (others.length === 0) return id === '' ? undefined : id;
  const message = 'is given more than once';
  throw invalidError('invalid_cursor', `${name} ${message}`, [{ path: `/${name}`, message }]);
}

function closedError(): HrmError {
  return new HrmError('the server is stopping', { kind: 'closed', code: 'server_closed' });
}
