/**
 * The client and what it is answered and given: answers that stop half-way, have no end or are nonsense; questions and
 * options that TypeScript would have refused.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Client, type ClientOptions, createClient, type LiveEvent } from 'hrm-core/client';
import { describe, expect, it } from 'vitest';
import { accepted, all, failing, HASTY, HOUR, input, problem } from './client-support.js';

const ACCEPTED = '{"status":"accepted"}';
const ROW = { timestamp: '2024-01-15T10:00:00Z', heart_rate: 72, min: 72, max: 72, count: 1, device_ids: ['a'] };

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** Sends headers and a half of the body, and then what `next` does. */
function half(status: number, next: (response: ServerResponse) => void = () => undefined): Respond {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': ACCEPTED.length });
    response.write(ACCEPTED.slice(0, 10), () => next(response));
  };
}

const cut = half(202, (response) => response.destroy());

/** Says this, as this type. */
function says(body: string, type: string): Respond {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': type });
    response.end(body);
  };
}

/** A body that goes on for as long as somebody reads. */
function endless(status: number): Respond {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/problem+json' });
    const piece = Buffer.alloc(1024 * 1024, ' ');
    function write(): void {
      while (!response.destroyed && response.write(piece));
    }
    response.on('drain', write);
    write();
  };
}

describe('an answer that does not come whole', () => {
  it.each([202, 400])('is not waited for for ever: a %i that stops half-way', async (status) => {
    const { url, requests } = await failing(half(status));
    const client = createClient({ url, ...HASTY, retries: 1, timeoutMs: 750 });
    const late = status === 202 ? { code: 'server_silent' } : { kind: 'invalid', code: 'http_400' };
    await expect(client.enqueue(input(0))).rejects.toMatchObject(late);
    expect(requests()).toBe(status === 202 ? 2 : 1);
  });

  it('is asked for again when it is cut', async () => {
    const { url, requests } = await failing(cut, cut, accepted);
    expect(await createClient({ url, ...HASTY }).enqueue(input(0))).toEqual({ accepted: 1 });
    expect(requests()).toBe(3);
    const broken = await failing(cut);
    const told = { kind: 'unavailable', code: 'server_unreachable' };
    await expect(createClient({ url: broken.url, ...HASTY, retries: 1 }).session()).rejects.toMatchObject(told);
    expect(broken.requests()).toBe(2);
  });

  it.each([200, 503])('is left when the call is aborted in the middle of a %i', async (status) => {
    const stop = new AbortController();
    const { url, requests } = await failing(half(status));
    async function abortAfterHead(...request: Parameters<typeof fetch>): Promise<Response> {
      const response = await fetch(...request);
      setImmediate(() => stop.abort());
      return response;
    }
    const asked = createClient({ url, ...HASTY, fetch: abortAfterHead }).session({ signal: stop.signal });
    await expect(asked).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
    expect(requests()).toBe(1);
  });

  it('gives no more rows once the call is aborted', async () => {
    const { url } = await failing(says(`${JSON.stringify(ROW)}\n`.repeat(3), 'application/x-ndjson'));
    const stop = new AbortController();
    const rows: unknown[] = [];
    async function read(): Promise<void> {
      for await (const row of createClient({ url }).query(HOUR, { signal: stop.signal })) {
        rows.push(row);
        stop.abort();
      }
    }
    await expect(read()).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
    expect(rows).toHaveLength(1);
  });

  it('is not held beyond a bound, be it a success or a refusal', async () => {
    const success = await failing(endless(200));
    const told = { kind: 'unavailable', code: 'bad_answer' };
    await expect(createClient({ url: success.url }).session()).rejects.toMatchObject(told);
    expect(success.requests()).toBe(1);
    const refusal = await failing(endless(400));
    await expect(createClient({ url: refusal.url }).session()).rejects.toMatchObject({ code: 'http_400' });
  });
});

describe('an answer that is none of this system', () => {
  const bad = { kind: 'unavailable', code: 'bad_answer' };
  const row = (change: object) => JSON.stringify({ ...ROW, ...change });

  it.each([
    'not JSON',
    'null',
    '[]',
    '{}',
    row({ timestamp: 'yesterday' }),
    row({ timestamp: 5 }),
    row({ device_ids: null }),
    row({ device_ids: [1] }),
    row({ heart_rate: '72' }),
    row({ count: undefined }),
  ])('is refused where rows enter: %s', async (line) => {
    const { url, requests } = await failing(says(`${JSON.stringify(ROW)}\n${line}\n`, 'application/x-ndjson'));
    const rows: unknown[] = [];
    async function read(): Promise<void> {
      for await (const one of createClient({ url, ...HASTY }).query(HOUR)) rows.push(one);
    }
    await expect(read()).rejects.toMatchObject(bad);
    expect(rows).toHaveLength(1);
    expect(requests()).toBe(1);
  });

  it.each<[string, (client: Client) => Promise<unknown>]>([
    ['enqueue', (client) => client.enqueue(input(0))],
    ['enqueue of a batch', (client) => client.enqueue([input(0)])],
    ['query', (client) => all(client.query(HOUR))],
    ['devices', (client) => client.devices('ana')],
    ['latest', (client) => client.latest('ana')],
    ['live', (client) => all(client.live({ userId: 'ana' }))],
    ['health', (client) => client.health()],
    ['session', (client) => client.session()],
  ])('is refused by %s', async (_, ask) => {
    for (const body of ['{}', 'null', '<html>', '{"status":"healthy","devices":[{}],"latest":{},"checks":3}']) {
      const { url } = await failing(says(body, 'application/json'));
      await expect(ask(createClient({ url, ...HASTY, retries: 0 }))).rejects.toMatchObject(bad);
    }
  });

  it('ends a live view, which would otherwise ask for ever', async () => {
    const stream = (text: string) => failing(says(text, 'text/event-stream'));
    const event = (data: string) => `event: reading\nid: a\ndata: ${data}\n\n`;
    const good = '{"device_id":"a","timestamp":"2024-01-15T10:00:00Z","heart_rate":72}';
    const long = await stream('data: x\n'.repeat(400_000));
    await expect(all(createClient({ url: long.url }).live({ userId: 'ana' }))).rejects.toMatchObject(bad);
    const { url } = await stream(event(good) + event('{"device_id":"a"}'));
    const events: LiveEvent[] = [];
    async function listen(): Promise<void> {
      for await (const one of createClient({ url }).live({ userId: 'ana' })) events.push(one);
    }
    await expect(listen()).rejects.toMatchObject(bad);
    expect(events).toMatchObject([{ type: 'connected' }, { type: 'reading', id: 'a', heartRate: 72 }]);
  });

  it('may be unhealthy, but not a refusal of the call', async () => {
    const report = { status: 'unhealthy', checks: { service: 'healthy', queue: 'full', storage: 'healthy' } };
    const ill = await failing((_, response) => {
      response.writeHead(503, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(report));
    });
    expect(await createClient({ url: ill.url }).health()).toEqual(report);
    expect(ill.requests()).toBe(1);
    const busy = await failing(problem(503));
    const asked = createClient({ url: busy.url, ...HASTY, retries: 1 }).health();
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable', code: 'code_503' });
    expect(busy.requests()).toBe(2);
  });
});

describe('what plain JavaScript can give a client', () => {
  it.each(['hrm_x\n', ' hrm_x', 'hrm_ä', '', 7, null])('is no key: %j, and is not repeated', async (apiKey) => {
    const make = () => createClient({ url: 'http://127.0.0.1:1', apiKey: apiKey as string });
    expect(make).toThrow(expect.objectContaining({ kind: 'invalid', code: 'invalid_api_key' }));
    expect(make).not.toThrow(/hrm_[xä]/);
  });

  it.each<Partial<ClientOptions>>([
    { retries: Number.NaN },
    { retries: -1 },
    { retries: 1.5 },
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
    { timeoutMs: Number.POSITIVE_INFINITY },
    { timeoutMs: 2 ** 31 },
  ])('is no option: %j', (options) => {
    const faults = [expect.objectContaining({ path: `/${Object.keys(options)[0]}` })];
    const told = expect.objectContaining({ kind: 'invalid', code: 'invalid_options', faults });
    expect(() => createClient({ url: 'http://127.0.0.1:1', ...options })).toThrow(told);
  });

  it('is no user, device, instant or event', async () => {
    const { url, requests } = await failing(problem(400));
    const client = createClient({ url });
    const invalid = { kind: 'invalid', code: 'invalid_query' };
    for (const no of [{ userId: 'ana' }, undefined, null, 7, ['ana'], '\ud800']) {
      const userId = no as string;
      await expect(client.latest(userId)).rejects.toMatchObject(invalid);
      await expect(client.devices(userId)).rejects.toMatchObject(invalid);
      await expect(all(client.query({ ...HOUR, userId }))).rejects.toMatchObject(invalid);
      await expect(all(client.live({ userId }))).rejects.toMatchObject(invalid);
      if (no === undefined) continue;
      await expect(all(client.query({ ...HOUR, deviceId: userId }))).rejects.toMatchObject(invalid);
      await expect(all(client.live({ userId: 'ana', deviceId: userId }))).rejects.toMatchObject(invalid);
    }
    for (const no of [new Date(Number.NaN), 5.5, Number.NaN, {}, undefined])
      await expect(all(client.query({ ...HOUR, start: no as Date }))).rejects.toMatchObject(invalid);
    const cursor = { kind: 'invalid', code: 'invalid_cursor' };
    await expect(all(client.live({ userId: 'ana', lastEventId: 'a\n' }))).rejects.toMatchObject(cursor);
    expect(requests()).toBe(0);
  });

  it('is a user whom no path can name', async () => {
    const { url, requests } = await failing(problem(400));
    for (const userId of ['.', '..', '']) {
      const told = { kind: 'invalid', code: 'invalid_query', faults: [{ path: '/userId' }] };
      await expect(createClient({ url }).latest(userId)).rejects.toMatchObject(told);
      await expect(createClient({ url }).devices(userId)).rejects.toMatchObject(told);
    }
    expect(requests()).toBe(0);
  });

  it('is a reading that JSON cannot say, which is not sent', async () => {
    const { url, requests } = await failing(accepted);
    const bad = { ...input(1), heartRate: 72n as unknown as number };
    const told = { kind: 'invalid', code: 'invalid_readings', faultCount: 1 };
    await expect(createClient({ url }).enqueue([input(0), bad])).rejects.toMatchObject({
      ...told,
      faults: [{ path: '/1' }],
    });
    await expect(createClient({ url }).enqueue(bad)).rejects.toMatchObject({ ...told, faults: [{ path: '' }] });
    expect(requests()).toBe(0);
  });
});
