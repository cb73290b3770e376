/**
 * The live view over HTTP: server-sent events, read with `fetch`, since the browser's own EventSource can send no key.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { HrmError } from '../errors.js';
import { linesOf, MAX_LINE_LENGTH } from './lines.js';
import { checkEventId, checkId } from './options.js';
import {
  type Caller,
  type ClientCallOptions,
  type ClientOptions,
  isPassing,
  sleep,
  throwIfAborted,
} from './request.js';
import { badAnswerError, parseJson, toDeviceReading, toFields, toNumber, toText } from './wire.js';

/** What to listen to. */
export interface LiveQuestion {
  readonly userId: string;
  /** Only this device's readings. */
  readonly deviceId?: string | undefined;
  /** The id of the last event that is known: what came after it is told first. */
  readonly lastEventId?: string | undefined;
}

/** What happened: to the user, or to the connection. */
export type LiveEvent =
  | {
      readonly type: 'reading';
      /** To go on from. */
      readonly id: string;
      readonly deviceId: string;
      /** ISO 8601, UTC. */
      readonly timestamp: string;
      /** bpm. */
      readonly heartRate: number;
      /** Of its device, 1 best; `null`: after all that have one. At the same millisecond the best counts. */
      readonly rank: number | null;
    }
  /**
   * An alert opened, or ended. Those that are open are told when a stream begins, and again with each new connection: drop what you have had,
   * by `id` and `isOver`.
   */
  | {
      readonly type: 'alert';
      /** The alert: the same for its beginning and its end. */
      readonly id: string;
      readonly isOver: boolean;
      /** The rule's name, and what kind it is: `above`, `below`, `silent`, `resting`. */
      readonly rule: string;
      readonly kind: string;
      /** ISO 8601, UTC; `end` is `null` while it is open. */
      readonly start: string;
      readonly end: string | null;
      /** The furthest rate, bpm; `null`: it is about none. */
      readonly bpm: number | null;
    }
  /** Readings may have been missed: ask for them with a query. */
  | { readonly type: 'gap' }
  /** From here on readings are told as they are accepted. */
  | { readonly type: 'connected' }
  /** The connection is lost, or could not be made; it is tried again after a moment. Nothing is missed by that alone. */
  | {
      readonly type: 'waiting';
      /** Why; `null`: the server ended the stream in order, as one that stops does. */
      readonly error: HrmError | null;
    };

/** Three heartbeats of the server. */
const SILENT_MS = 45_000;
/** Before a stream that has ended is asked for again, if the server says nothing else. */
const RETRY_MS = 2_000;
/** What a server may ask to wait at most. */
const MAX_RETRY_MS = 60_000;

/** Listens until it is aborted or left; it connects again as often as it must, and throws what does not pass by itself. */
export async function* watchLive(
  call: Caller,
  options: ClientOptions,
  { userId, deviceId, lastEventId }: LiveQuestion,
  { signal }: ClientCallOptions,
): AsyncGenerator<LiveEvent, void, undefined> {
  checkId('userId', userId);
  if (deviceId !== undefined) checkId('deviceId', deviceId);
  checkEventId(lastEventId);
  const parameters = new URLSearchParams({
    user_id: userId,
    ...(deviceId === undefined ? {} : { device_id: deviceId }),
  });
  const path = `/metrics/heart-rate/live?${parameters}`;
  let lastId = lastEventId;
  let retryMs = RETRY_MS;
  for (let failures = 0; ; ) {
    const headers = { Accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }) };
    let isConnected = false;
    let error: HrmError | null = null;
    try {
      const { response, end } = await call.beginOnce({ path, headers, signal });
      isConnected = true;
      try {
        yield { type: 'connected' };
        for await (const block of eventsOf(response, { ...options, signal, timeoutMs: SILENT_MS })) {
          lastId = block.id ?? lastId;
          retryMs = block.retryMs ?? retryMs;
          if (block.event !== null) yield block.event;
        }
      } finally {
        end();
      }
    } catch (thrown) {
      // Cut or silent: that is what going on is for.
      if (!isPassing(thrown)) throw thrown;
      error = thrown;
    }
    failures = isConnected ? 0 : failures + 1;
    const waitMs = error === null || isConnected ? retryMs : call.waitAfter(error, failures);
    yield { type: 'waiting', error };
    await sleep(waitMs, signal);
  }
}

interface Block {
  readonly id: string | null;
  /** To wait before coming back; `null`: as before. */
  readonly retryMs: number | null;
  /** `null`: nothing but a place to go on from. */
  readonly event: LiveEvent | null;
}

/** The events of a stream; an event that is cut is none. */
async function* eventsOf(
  response: Response,
  options: ClientOptions & ClientCallOptions,
): AsyncGenerator<Block, void, undefined> {
  let fields = new Map<string, string>();
  let length = 0;
  for await (const lines of linesOf(response, options)) {
    for (const line of lines) {
      if (line === '') {
        throwIfAborted(options.signal);
        if (fields.size > 0) yield blockOf(fields);
        fields = new Map();
        length = 0;
        continue;
      }
      length += line.length;
      if (length > MAX_LINE_LENGTH) throw badAnswerError();
      const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
      if (name !== '') fields.set(name, fields.has(name) && name === 'data' ? `${fields.get(name)}\n${value}` : value);
    }
  }
}

function blockOf(fields: ReadonlyMap<string, string>): Block {
  const retry = fields.get('retry') ?? '';
  const place = {
    id: fields.get('id') ?? null,
    retryMs: /^\d+$/.test(retry) ? Math.min(MAX_RETRY_MS, Number(retry)) : null,
  };
  const type = fields.get('event');
  if (type === 'gap') return { ...place, event: { type } };
  if (type === 'alert') return { ...place, event: toAlert(parseJson(fields.get('data') ?? '')) };
  if (type !== 'reading') return { ...place, event: null };
  const data = parseJson(fields.get('data') ?? '');
  const { rank = null } = toFields(data);
  const reading = { ...toDeviceReading(data), rank: rank === null ? null : toNumber(rank) };
  return { ...place, event: { type, id: place.id ?? '', ...reading } };
}

function toAlert(message: unknown): LiveEvent {
  const { type, data } = toFields(message);
  const { id, rule, kind, start, end, bpm } = toFields(data);
  return {
    ...{ type: 'alert', isOver: type === 'alert.ended' },
    ...{ id: toText(id), rule: toText(rule), kind: toText(kind), start: toText(start) },
    end: end === null ? null : toText(end),
    bpm: bpm === null ? null : toNumber(bpm),
  };
}
