/** The live view of the client: what it makes of a stream, and what it tells of its connection. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientOptions, createClient, type LiveEvent } from '../../../src/client/index.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Answer = () => Response | Promise<Response>;

/** A stream that says this, in these pieces, and then ends in order, breaks or says nothing more. */
function stream(pieces: readonly (string | Uint8Array)[], end: 'ends' | 'breaks' | 'is silent' = 'ends'): Answer {
  const encoder = new TextEncoder();
  return () => {
    const left = pieces.map((piece) => (typeof piece === 'string' ? encoder.encode(piece) : piece));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = left.shift();
        if (piece !== undefined) controller.enqueue(piece);
        else if (end === 'ends') controller.close();
        else if (end === 'breaks') controller.error(new TypeError('broken'));
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  };
}

function refusal(status: number, headers: Record<string, string> = {}): Answer {
  return () => Response.json({ detail: 'no', code: `code_${status}` }, { status, headers });
}

const unreachable: Answer = () => Promise.reject(new TypeError('fetch failed'));

function reading(id: number): string {
  return `id: ${id}\nevent: reading\ndata: {"device_id":"watch","timestamp":"2024-01-15T10:00:00Z","heart_rate":72}\n\n`;
}

/** Listens to a server that gives these answers, the last of them for ever. */
function listen(answers: readonly Answer[], options: Partial<ClientOptions> = {}, lastEventId?: string) {
  const stop = new AbortController();
  /** `Last-Event-ID` of each request; `null`: none. */
  const asked: (string | null)[] = [];
  async function send(...[, init]: Parameters<typeof fetch>): Promise<Response> {
    asked.push(new Headers(init?.headers).get('last-event-id'));
    const answer = answers[Math.min(asked.length, answers.length) - 1] as Answer;
    return await answer();
  }
  const client = createClient({ url: 'http://a', fetch: send, random: () => 1, ...options });
  const events = client.live({ userId: 'ana', lastEventId }, { signal: stop.signal });
  /** The next events, without what is waited for. */
  async function next(count: number): Promise<LiveEvent[]> {
    const taken: LiveEvent[] = [];
    while (taken.length < count) {
      const { value } = await events.next();
      if (value === undefined) break;
      taken.push(value);
    }
    return taken;
  }
  return { asked, events, next, stop: () => stop.abort() };
}

const types = (events: readonly LiveEvent[]) => events.map(({ type }) => type);

describe('what is made of a stream', () => {
  it.each(['\n', '\r\n'])('events, cut at every byte, where a line ends in %j', async (end) => {
    const lines = [
      ...['retry: 50', 'id: 1', '', ': heartbeat', 'id: 2', '', 'id:3', 'event: reading'],
      ...['data: {"device_id":"ñ",', 'data:"timestamp":"2024-01-15T10:00:00Z","heart_rate":72,"rank":2}', '', ''],
      ...['event: unheard-of', 'data: x', '', 'id: 4', 'event: gap', 'data: {}', '', ''],
    ];
    const bytes = new TextEncoder().encode(lines.join(end));
    const told = [
      { type: 'connected' },
      { type: 'reading', id: '3', deviceId: 'ñ', timestamp: '2024-01-15T10:00:00Z', heartRate: 72, rank: 2 },
      { type: 'gap' },
      { type: 'waiting', error: null },
    ];
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const { next, asked, events } = listen([stream([bytes.slice(0, cut), bytes.slice(cut)])]);
      expect(await next(4)).toEqual(told);
      const again = events.next();
      await vi.advanceTimersByTimeAsync(50);
      expect(await again).toMatchObject({ value: { type: 'connected' } });
      expect(asked).toEqual([null, '4']);
      await events.return();
    }
  });

  it.each([
    ['at the end of a line', -1, null],
    ['in a line', -10, { code: 'server_unreachable' }],
  ])('no event of one that is cut %s, nor its id', async (_, end, error) => {
    const { next, events, asked } = listen([stream([reading(1), reading(2).slice(0, end)])]);
    expect(await next(3)).toMatchObject([{ type: 'connected' }, { id: '1' }, { type: 'waiting', error }]);
    const again = events.next();
    await vi.advanceTimersByTimeAsync(2_000);
    await again;
    expect(asked).toEqual([null, '1']);
  });
});

describe('what is told of a connection', () => {
  it('that it waits and is there again, and goes on after the last id, be it of a heartbeat', async () => {
    const first = stream([reading(1), ': heartbeat\nid: 1b\n\n'], 'breaks');
    const { next, events, asked } = listen([first, stream([reading(2)], 'is silent')], {}, '0');
    const told = await next(3);
    expect(types(told)).toEqual(['connected', 'reading', 'waiting']);
    expect(told[2]).toMatchObject({ error: { kind: 'unavailable', code: 'server_unreachable' } });
    const again = events.next();
    await vi.advanceTimersByTimeAsync(1_999);
    expect(asked).toEqual(['0']);
    await vi.advanceTimersByTimeAsync(1);
    expect(await again).toMatchObject({ value: { type: 'connected' } });
    expect(await next(1)).toMatchObject([{ type: 'reading', id: '2' }]);
    expect(asked).toEqual(['0', '1b']);
  });

  it.each([
    ['what the server says', 'retry: 7000', 7_000],
    ['a minute where it says more', 'retry: 3600000', 60_000],
    ['as before where it says nonsense', 'retry: soon', 2_000],
  ])('and waits %s', async (_, field, waitMs) => {
    const { next, events, asked } = listen([stream([`${field}\n\n`])]);
    expect(await next(2)).toEqual([{ type: 'connected' }, { type: 'waiting', error: null }]);
    const again = events.next();
    await vi.advanceTimersByTimeAsync(waitMs - 1);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await again;
    expect(asked).toHaveLength(2);
  });

  it('that it is dead after three heartbeats of silence', async () => {
    const { next, events } = listen([stream([reading(1)], 'is silent')]);
    await next(2);
    const waiting = events.next();
    await vi.advanceTimersByTimeAsync(45_000);
    expect(await waiting).toMatchObject({ value: { type: 'waiting', error: { code: 'server_silent' } } });
  });

  it('each try that fails, until `retries` of them have failed in a row', async () => {
    const { events, asked } = listen([unreachable, refusal(503), stream([]), unreachable], { retries: 2 });
    const told: LiveEvent[] = [];
    const all = (async () => {
      for await (const event of events) told.push(event);
    })();
    const ended = expect(all).rejects.toMatchObject({ kind: 'unavailable', code: 'server_unreachable' });
    await vi.runAllTimersAsync();
    await ended;
    expect(told.map((event) => (event.type === 'waiting' ? (event.error?.code ?? null) : event.type))).toEqual([
      'server_unreachable',
      'code_503',
      'connected',
      null,
      'server_unreachable',
      'server_unreachable',
    ]);
    expect(asked).toHaveLength(6);
  });

  it('for ever, where `retries` has no end, 10 s apart at most', async () => {
    const { next, events, asked, stop } = listen([unreachable], { retries: Number.POSITIVE_INFINITY });
    const told = next(2_000);
    await vi.advanceTimersByTimeAsync(2_000 * 10_000);
    expect(new Set(types(await told))).toEqual(new Set(['waiting']));
    expect(asked).toHaveLength(2_000);
    const last = expect(events.next()).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
    stop();
    await last;
  });

  it('how long a server asks to wait, which is done', async () => {
    const { next, events, asked } = listen([refusal(503, { 'Retry-After': '20' }), stream([])]);
    expect(await next(1)).toMatchObject([{ type: 'waiting', error: { code: 'code_503', retryAfterMs: 20_000 } }]);
    const again = events.next();
    await vi.advanceTimersByTimeAsync(19_999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await again).toMatchObject({ value: { type: 'connected' } });
  });

  it.each([400, 401, 403, 404, 500])('nothing, and it ends, where a try is refused for good: %i', async (status) => {
    const { next, asked } = listen([refusal(status)], { retries: Number.POSITIVE_INFINITY });
    await expect(next(1)).rejects.toMatchObject({ code: `code_${status}` });
    expect(asked).toHaveLength(1);
  });
});
