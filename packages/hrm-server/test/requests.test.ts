/** Ids of requests, and the log by request. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HrmError, writePart } from 'hrm-core';
import { describe, expect, test } from 'vitest';
import { exchangeRaw, post, startTest, until, wireReading, withoutHealth } from './support.js';

const SINGLE = '/metrics/heart-rate';
const NEW_ID = /^[0-9a-f]{24}$/;

function parsed(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('X-Request-Id', () => {
  test.each([
    ['POST', SINGLE, 400],
    ['GET', SINGLE, 400],
    ['GET', '/health', 200],
    ['GET', '/metrics', 200],
    ['GET', '/nothing', 404],
    ['DELETE', SINGLE, 405],
  ])('of %s %s is kept, or a new one', async (method, path, status) => {
    const { url } = await startTest();
    const body = method === 'POST' ? '{' : undefined;
    const init = { method, ...(body === undefined ? {} : { body }), headers: { 'Content-Type': 'application/json' } };
    const kept = await fetch(url + path, { ...init, headers: { ...init.headers, 'X-Request-Id': 'a.B_9-' } });
    expect([kept.status, kept.headers.get('x-request-id')]).toEqual([status, 'a.B_9-']);
    const fresh = [await fetch(url + path, init), await fetch(url + path, init)].map((answer) =>
      answer.headers.get('x-request-id'),
    );
    for (const id of fresh) expect(id).toMatch(NEW_ID);
    expect(fresh[0]).not.toBe(fresh[1]);
  });

  test.each(['', 'a b', 'ä', 'a"b', 'a,b', 'x'.repeat(65)])('%j is no id, so a new one is made', async (id) => {
    const { port } = await startTest();
    const head = `GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: ${id}\r\n\r\n`;
    const [, answered] = /\r\nX-Request-Id: (.*)\r\n/i.exec(await exchangeRaw(port, head)) ?? [];
    expect(answered).toMatch(NEW_ID);
  });

  test('that is new tells nothing of how many requests there are', async () => {
    const { url } = await startTest();
    const ids: string[] = [];
    // More than are drawn at once.
    for (let i = 0; i < 300; i += 1) ids.push((await fetch(`${url}/health/live`)).headers.get('x-request-id') ?? '');
    expect(new Set(ids).size).toBe(300);
    for (const half of [0, 12]) expect(new Set(ids.map((id) => id.slice(half, half + 12))).size).toBe(300);
  });

  test('of two in one request is a new one', async () => {
    const { port } = await startTest();
    const head =
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n';
    expect(await exchangeRaw(port, head)).toMatch(/\r\nX-Request-Id: [0-9a-f]{24}\r\n/i);
  });

  test('is in an answer to a foreign host, too', async () => {
    const { port, log } = await startTest();
    const head = 'GET /health HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nX-Request-Id: abc\r\n\r\n';
    const answer = await exchangeRaw(port, head);
    expect(answer).toMatch(/^HTTP\/1.1 421 [\s\S]*\r\nX-Request-Id: abc\r\n/i);
    expect(parsed(withoutHealth(log))).toMatchObject([{ requestId: 'abc', status: 421, msg: 'request refused' }]);
  });
});

describe('the log', () => {
  test('says at debug what became of each request, and names nobody', async () => {
    const { url, accessLog } = await startTest();
    await post(url + SINGLE, wireReading({ user_id: 'Annabell' }), { 'X-Request-Id': 'one' });
    await fetch(`${url}${SINGLE}?user_id=Annabell&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z`);
    await fetch(`${url}/users/Annabell/latest`);
    await until(() => accessLog.length === 3, 'each is logged');
    expect(parsed(accessLog)).toMatchObject([
      { level: 20, requestId: 'one', method: 'POST', route: SINGLE, status: 202 },
      { level: 20, requestId: expect.stringMatching(NEW_ID), method: 'GET', route: SINGLE, status: 200 },
      { level: 20, method: 'GET', route: '/users/{user_id}/latest', status: 200 },
    ]);
    for (const line of parsed(accessLog)) {
      expect(line.durationMs).toBeGreaterThanOrEqual(0);
      expect(line.bytes).toBeGreaterThan(100);
      expect(line).not.toHaveProperty('traceId');
    }
    expect(accessLog.join('')).not.toContain('Annabell');
  });

  test('has the id in every line of a request: when it fails, and when it meets damage', async () => {
    const { url, log, storage, settings } = await startTest({
      wrapQueue: (queue) => ({
        ...queue,
        push: () => Promise.reject(new HrmError('full', { kind: 'unavailable', code: 'queue_full' })),
      }),
    });
    await post(url + SINGLE, wireReading(), { 'X-Request-Id': 'pushed' });
    const reading = { userId: 'ana', deviceId: 'w', timestampMs: Date.UTC(2024, 0, 15), heartRate: 70, receivedMs: 0 };
    const [part] = await writePart({ storage }, [reading]);
    await writeFile(join(settings.dataDir, '20240115', 'ana', part?.name ?? ''), 'damaged');
    const query = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    await (await fetch(`${url}${SINGLE}?${query}`, { headers: { 'X-Request-Id': 'asked' } })).text();
    expect(parsed(withoutHealth(log))).toMatchObject([
      { requestId: 'pushed', code: 'queue_full', msg: 'request failed' },
      { requestId: 'asked', code: 'file_damaged' },
    ]);
  });
});
