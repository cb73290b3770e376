/**
 * The typed client against the real server, and against servers that fail.
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { query, type Reading, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { createKey } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { accepted, all, failing, HASTY, HOUR, input, problem, START_MS } from './client-support.js';
import { startTest, temporaryDirectory } from './support.js';

function reading(i: number, heartRate = 60 + (i % 40)): Reading {
  return { userId: 'ana', deviceId: 'watch', timestampMs: START_MS + i * 1_000, heartRate, receivedMs: START_MS };
}

describe('the client of a server', () => {
  it('sends, asks, and gives what the SDK gives', async () => {
    const { url, storage, queue } = await startTest();
    const client = createClient({ url: `${url}/` });
    expect(await client.enqueue(input(0))).toEqual({ accepted: 1 });
    expect(await client.enqueue([input(1), input(2)])).toEqual({ accepted: 2 });
    expect(await queue.depth()).toMatchObject({ readings: 3 });
    await writePart(
      { storage },
      Array.from({ length: 3_000 }, (_, i) => reading(i)),
    );
    expect(await all(client.query(HOUR))).toEqual(await query({ storage }, HOUR));
    const coarse = { ...HOUR, interval: '15m', deviceId: 'watch' } as const;
    expect(await all(client.query(coarse))).toEqual(await query({ storage }, coarse));
    expect(await all(client.query({ ...HOUR, userId: 'nobody' }))).toEqual([]);
    const rows = await query({ storage }, HOUR);
    expect(await all(client.query({ ...HOUR, fields: ['count', 'deviceIds'] }))).toEqual(
      rows.map(({ timestamp, count, deviceIds }) => ({ timestamp, count, deviceIds })),
    );
    const wrong = { ...HOUR, fields: ['heart_rate' as 'heartRate'] };
    expect(() => client.query(wrong)).toThrow(expect.objectContaining({ code: 'invalid_query' }));
    const [first, last] = [
      { timestamp: '2024-01-15T10:00:00Z', heartRate: 60 },
      { timestamp: '2024-01-15T10:49:59Z', heartRate: 99 },
    ];
    expect(await client.devices('ana')).toEqual([{ deviceId: 'watch', first, last }]);
    expect(await client.latest('ana')).toEqual({
      latest: { deviceId: 'watch', ...last },
      devices: [{ deviceId: 'watch', ...last }],
    });
    expect(await client.latest('nobody')).toEqual({ latest: null, devices: [] });
    const numbers = { ...HOUR, start: START_MS, end: START_MS + 3_600_000 };
    expect(await all(client.query(numbers))).toEqual(await query({ storage }, HOUR));
    for (const timestamp of [START_MS + 3_000, new Date(START_MS + 4_000)])
      expect(await client.enqueue({ ...input(0), timestamp })).toEqual({ accepted: 1 });
    await expect(client.enqueue([{ ...input(0), timestamp: new Date(Number.NaN) }])).rejects.toMatchObject({
      faults: [{ path: '/0/timestamp' }],
    });
    expect(await client.health()).toMatchObject({ status: 'healthy' });
    expect(await client.session()).toMatchObject({ anonymous: true, userIds: null });
  });

  it('sends its key, and tells what the server refuses, with its code and faults', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(keysFile, { name: 'k', scopes: ['ingest'], userIds: ['ana'], expiresMs: null });
    const { url } = await startTest({ keysFile });
    const refused = { kind: 'invalid', code: 'key_missing' };
    await expect(createClient({ url }).enqueue(input(0))).rejects.toMatchObject(refused);
    const client = createClient({ url, apiKey: token });
    expect(await client.session()).toEqual({ anonymous: false, name: 'k', scopes: ['ingest'], userIds: ['ana'] });
    await client.enqueue(input(0));
    await expect(all(client.query(HOUR))).rejects.toMatchObject({ kind: 'invalid', code: 'scope_missing' });
    await expect(client.enqueue([input(0), input(1, 7)])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'invalid_readings',
      faults: [{ path: '/1/heart_rate' }],
      faultCount: 1,
    });
  });

  it.each(['', 'localhost:8000', 'ftp://x', 'http://user:secret@x', 'http://x/?a=1', 'http://x/#a'])(
    'refuses %s as the url of a server, and does not repeat it',
    (url) => {
      expect(() => createClient({ url })).toThrow(expect.objectContaining({ kind: 'invalid', code: 'invalid_url' }));
      expect(() => createClient({ url })).not.toThrow(/secret/);
    },
  );
});

describe('the client of a server that fails', () => {
  it.each([408, 429, 502, 503, 504])('asks again after a %i', async (status) => {
    const { url, requests } = await failing(problem(status), problem(status, { 'Retry-After': '0' }), accepted);
    expect(await createClient({ url, ...HASTY }).enqueue(input(0))).toEqual({ accepted: 1 });
    expect(requests()).toBe(3);
  });

  it('asks again when the connection breaks', async () => {
    const { url, requests } = await failing((request) => request.socket.destroy(), accepted);
    expect(await createClient({ url, ...HASTY }).enqueue(input(0))).toEqual({ accepted: 1 });
    expect(requests()).toBe(2);
  });

  it.each([
    [400, 'invalid'],
    [401, 'invalid'],
    [403, 'invalid'],
    [409, 'conflict'],
    [413, 'invalid'],
    [500, 'internal'],
  ])('does not ask again after a %i', async (status, kind) => {
    const { url, requests } = await failing(problem(status));
    const told = { kind, code: `code_${status}`, message: `it is ${status}` };
    await expect(createClient({ url, ...HASTY }).enqueue(input(0))).rejects.toMatchObject(told);
    expect(requests()).toBe(1);
  });

  it('gives up after its retries, and at once where it would have to wait for long', async () => {
    const busy = await failing(problem(503));
    const client = createClient({ url: busy.url, ...HASTY, retries: 3 });
    await expect(client.enqueue(input(0))).rejects.toMatchObject({ kind: 'unavailable', code: 'code_503' });
    expect(busy.requests()).toBe(4);
    const long = await failing(problem(429, { 'Retry-After': '3600' }));
    await expect(createClient({ url: long.url, ...HASTY }).enqueue(input(0))).rejects.toMatchObject({
      code: 'code_429',
      retryAfterMs: 3_600_000,
    });
    expect(long.requests()).toBe(1);
    const nobody = createClient({ url: 'http://127.0.0.1:1', ...HASTY, retries: 1 });
    await expect(nobody.enqueue(input(0))).rejects.toMatchObject({ code: 'server_unreachable' });
  });

  it('does not wait for ever, nor after it was told to stop', async () => {
    const { url, requests } = await failing(() => undefined);
    const late = { kind: 'unavailable', code: 'server_silent' };
    await expect(createClient({ url, ...HASTY, retries: 1, timeoutMs: 50 }).health()).rejects.toMatchObject(late);
    expect(requests()).toBe(2);
    const stop = new AbortController();
    const asked = createClient({ url }).health({ signal: stop.signal });
    stop.abort();
    await expect(asked).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
    const waiting = await failing(problem(503, { 'Retry-After': '30' }));
    const patient = createClient({ url: waiting.url }).session({ signal: AbortSignal.timeout(100) });
    await expect(patient).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
  });

  it('takes no answer for whole that was cut, or goes silent', async () => {
    const row = '{"timestamp":"2024-01-15T10:00:00Z","heart_rate":72,"min":72,"max":72,"count":1,"device_ids":["a"]}\n';
    const begin = (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
      response.write(row + row.slice(0, 20));
    };
    const cut = await failing((_, response) => {
      begin(response);
      setTimeout(() => response.destroy(), 50);
    });
    const rows: unknown[] = [];
    async function read(url: string): Promise<void> {
      for await (const one of createClient({ url, ...HASTY, timeoutMs: 500 }).query(HOUR)) rows.push(one);
    }
    await expect(read(cut.url)).rejects.toMatchObject({ kind: 'unavailable', code: 'server_unreachable' });
    expect(rows).toHaveLength(1);
    const silent = await failing((_, response) => begin(response));
    await expect(read(silent.url)).rejects.toMatchObject({ kind: 'unavailable', code: 'server_silent' });
    const stranger = await failing((_, response) => response.end('<html>'));
    await expect(read(stranger.url)).rejects.toMatchObject({ kind: 'unavailable', code: 'bad_answer' });
    await expect(createClient({ url: stranger.url }).session()).rejects.toMatchObject({ code: 'bad_answer' });
  });
});
