/**
 * The readings of a user as they are accepted. Events are read from a fetched stream, since the browser's own EventSource
 * can send no key; what that does is done here: it comes back after a break, and says where it stood.
 */
import { call, isRefusal } from './api.js';

/** A reading as it was accepted. */
export interface LiveReading {
  readonly device_id: string;
  readonly timestamp: string;
  readonly heart_rate: number;
}

/** What a stream tells. */
export interface LiveEvents {
  onReading(reading: LiveReading): void;
  /** Readings were lost on the way, or may have been: what is stored has them. */
  onGap(): void;
  onState(state: 'connected' | 'waiting'): void;
}

const FIRST_RETRY_MS = 2_000;
/** Without a sign of life for this long, three heartbeats, the connection is dead. */
const SILENCE_MS = 45_000;
/** Refusals that asking again does not change. */
const FINAL = [400, 401, 403, 404, 405];

/**
 * Listens until the signal fires. @throws Refusal when the server does not let us, or has no such call.
 */
export async function listen(userId: string, events: LiveEvents, signal: AbortSignal): Promise<void> {
  const state = { lastEventId: '', retryMs: FIRST_RETRY_MS };
  while (!signal.aborted) {
    try {
      await readStream(userId, state, events, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isRefusal(error) && FINAL.includes(error.status)) throw error;
    }
    if (signal.aborted) return;
    events.onState('waiting');
    await sleep(state.retryMs, signal);
  }
}

async function readStream(
  userId: string,
  state: { lastEventId: string; retryMs: number },
  events: LiveEvents,
  signal: AbortSignal,
): Promise<void> {
  const silence = new AbortController();
  const both = AbortSignal.any([signal, silence.signal]);
  const resume = state.lastEventId === '' ? {} : { 'Last-Event-ID': state.lastEventId };
  const headers = { Accept: 'text/event-stream', ...resume };
  const response = await call(`metrics/heart-rate/live?${new URLSearchParams({ user_id: userId })}`, {
    headers,
    signal: both,
  });
  const reader = response.body?.getReader();
  const parser = createEventParser((field) => {
    if (field.retryMs !== null) state.retryMs = field.retryMs;
    if (field.id !== null) state.lastEventId = field.id;
    if (field.event === 'reading') events.onReading(JSON.parse(field.data) as LiveReading);
    else if (field.event === 'gap') events.onGap();
  });
  events.onState('connected');
  const decoder = new TextDecoder();
  for (;;) {
    const timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const piece = await reader?.read().finally(() => clearTimeout(timer));
    if (piece?.value === undefined) return;
    parser(decoder.decode(piece.value, { stream: true }));
  }
}

/** What one event says. */
interface EventFields {
  readonly event: string;
  readonly data: string;
  /** `null`: as before. */
  readonly id: string | null;
  readonly retryMs: number | null;
}

/**
 * Reads server-sent events from text in pieces cut anywhere.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createEventParser(onEvent: (fields: EventFields) => void): (text: string) => void {
  // The line that is not over yet, in pieces.
  let open: string[] = [];
  let endsInReturn = false;
  let event = '';
  let data: string[] = [];
  let id: string | null = null;
  let retryMs: number | null = null;

  function endEvent(): void {
    onEvent({ event: data.length === 0 ? '' : event || 'message', data: data.join('\n'), id, retryMs });
    event = '';
    data = [];
    id = null;
    retryMs = null;
  }

  function takeLine(line: string): void {
    if (line === '') {
      endEvent();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retryMs = Number(value);
  }

  return (text) => {
    open.push(text);
    if (!endsInReturn && !/[\r\n]/.test(text)) return;
    const all = open.join('');
    // A piece may end between the two characters of a line's end.
    endsInReturn = all.endsWith('\r');
    const usable = endsInReturn ? all.length - 1 : all.length;
    const lines = all.slice(0, usable).split(/\r\n|\r|\n/);
    open = [(lines.pop() ?? '') + all.slice(usable)];
    for (const line of lines) takeLine(line);
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
