/**
 * The live view over HTTP: server-sent events, read with `fetch`, since the browser's own EventSource can send no key.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import { isHrmError } from '../errors.js';
import { linesOf, MAX_LINE_LENGTH } from './lines.js';
import { checkEventId, checkId } from './options.js';
import { type Caller, type ClientCallOptions, type ClientOptions, sleep } from './request.js';
import { badAnswerError, parseJson, toDeviceReading } from './wire.js';

/** What to listen to. */
export interface LiveQuestion {
  readonly userId: string;
  /** Only this device's readings. */
  readonly deviceId?: string | undefined;
  /** The id of the last event that is known: what came after it is told first. */
  readonly lastEventId?: string | undefined;
}

/** What happened. */
export type LiveEvent =
  | {
      readonly type: 'reading';
      /** To go on from. */
      readonly id: string;
      readonly deviceId: string;
      readonly timestamp: string;
      readonly heartRate: number;
    }
  /** Readings may have been missed: ask for them with a query. */
  | { readonly type: 'gap' };

/** Three heartbeats of the server. */
const SILENT_MS = 45_000;
const RETRY_MS = 2_000;

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
  let lastId = lastEventId;
  for (;;) {
    const headers = { Accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }) };
    const { response, end } = await call.begin({ path: `/metrics/heart-rate/live?${parameters}`, headers, signal });
    try {
      for await (const { id, event } of eventsOf(response, { ...options, signal, timeoutMs: SILENT_MS })) {
        lastId = id ?? lastId;
        if (event !== null) yield event;
      }
    } catch (error) {
      // Cut or silent: that is what going on is for. The call itself has waited in vain by then if it throws.
      if (!isHrmError(error) || error.kind !== 'unavailable' || error.code === 'bad_answer') throw error;
    } finally {
      end();
    }
    await sleep(RETRY_MS, signal);
  }
}

interface Block {
  readonly id: string | null;
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
  for await (const line of linesOf(response, options)) {
    if (line === '') {
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

function blockOf(fields: ReadonlyMap<string, string>): Block {
  const id = fields.get('id') ?? null;
  const type = fields.get('event');
  if (type === 'gap') return { id, event: { type } };
  if (type !== 'reading') return { id, event: null };
  return { id, event: { type, id: id ?? '', ...toDeviceReading(parseJson(fields.get('data') ?? '')) } };
}
