/** The service over a real Redis. */
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { type Redis, startRedis } from '../../../test/support/redis-server.js';
import { type ServicePart, serve } from '../src/serve.js';
import { testSettings, until, wireReading } from './support.js';

async function startOver(redis: Redis, parts: readonly ServicePart[], flags: Parameters<typeof testSettings>[0] = {}) {
  const settings = await testSettings({ redisUrl: redis.url, batchMaxAgeMs: '50', ...flags });
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const service = await serve(settings, { parts, log });
  onTestFinished(() => service.close());
  return { url: service.url ?? '', lines };
}

async function post(url: string, body: unknown): Promise<Response> {
  const path = Array.isArray(body) ? '/metrics/heart-rate/batch' : '/metrics/heart-rate';
  const headers = { 'Content-Type': 'application/json' };
  return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function minutesOf(url: string, userId: string): Promise<unknown[]> {
  const question = { user_id: userId, start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
  const answer = (await (await fetch(`${url}/metrics/heart-rate?${new URLSearchParams(question)}`)).json()) as {
    data: unknown[];
  };
  return answer.data;
}

test('takes readings, stores them, and leaves nothing in Redis but which store it was', async () => {
  const redis = await startRedis({ user: { name: 'hrm', password: 'kept-secret' } });
  const { url, lines } = await startOver(redis, ['api', 'consumer', 'compacter']);
  expect((await post(url, wireReading({ user_id: 'ana' }))).status).toBe(202);
  expect((await post(url, [wireReading({ user_id: 'ana', device_id: 'other' })])).status).toBe(202);
  const foreign = { device_id: 'x', user_id: 'ben', timestamp_ms: Date.UTC(2024, 0, 15, 10), heart_rate: 99 };
  await redis.cli('RPUSH', 'heartbeat:queue', JSON.stringify(foreign));
  await until(
    async () => (await redis.cli('KEYS', '*')) === 'heartbeat:processing:store',
    'everything is acknowledged',
  );
  expect(await minutesOf(url, 'ana')).toMatchObject([{ count: 1 }]);
  expect(await minutesOf(url, 'ben')).toMatchObject([{ heart_rate: 99, count: 1, device_ids: ['x'] }]);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'healthy' });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'starting', redis: `127.0.0.1:${redis.port}` });
  expect(lines.join('')).not.toContain('kept-secret');
});

test('warns in the log and in /health of what its settings could lose, until they are mended', async () => {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const { url, lines } = await startOver(redis, ['api']);
  await until(() => lines.join('').includes('set appendfsync always'), 'the log warns');
  const health = async () => (await fetch(`${url}/health`)).json() as Promise<{ status: string; checks: object }>;
  expect(await health()).toMatchObject({
    status: 'degraded',
    checks: { queue: expect.stringMatching(/last second.*set appendfsync always/) },
  });
  await redis.cli('CONFIG', 'SET', 'appendfsync', 'always');
  await until(async () => (await health()).status === 'healthy', '/health follows');
});

test('answers 503 with Retry-After while Redis is gone, and goes on by itself', async () => {
  const redis = await startRedis();
  const { url } = await startOver(redis, ['api', 'consumer']);
  await redis.kill();
  for (const body of [wireReading({ user_id: 'ana' }), [wireReading({ user_id: 'ana' })]]) {
    const response = await post(url, body);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ code: 'queue_unavailable' });
  }
  await until(async () => (await fetch(`${url}/health`)).status === 503, '/health tells');
  expect(await minutesOf(url, 'ana')).toEqual([]);
  await redis.restart();
  await until(async () => (await post(url, wireReading({ user_id: 'ana' }))).status === 202, 'it takes readings');
  await until(async () => (await minutesOf(url, 'ana')).length === 1, 'it stores them');
});

test('refuses readings above the high-water mark, and takes them again when a consumer made room', async () => {
  const redis = await startRedis();
  const { url } = await startOver(redis, ['api'], { queueHighWater: '500' });
  const batch = Array.from({ length: 100 }, (_, i) => wireReading({ user_id: `user-${i}` }));
  let status = 202;
  for (let sent = 0; status === 202 && sent < 20; sent += 1) status = (await post(url, batch)).status;
  expect(status).toBe(503);
  await startOver(redis, ['consumer']);
  await until(async () => (await post(url, batch)).status === 202, 'there is room');
});
