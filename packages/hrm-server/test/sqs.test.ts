/** The service over a queue in SQS. */
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startRedis } from '../../../test/support/redis-server.js';
import { startSqs } from '../../../test/support/sqs-server.js';
import { serve } from '../src/serve.js';
import { testSettings, until, wireReading } from './support.js';

async function startOverSqs(flags: Parameters<typeof testSettings>[0] = {}) {
  const sqs = await startSqs();
  for (const [name, value] of Object.entries(sqs.env)) vi.stubEnv(name, value);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await sqs.stop();
  });
  const queueUrl = sqs.create('readings');
  const settings = await testSettings({ queueUrl, batchMaxAgeMs: '50', leaseMs: '3000', ...flags });
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const service = await serve(settings, { parts: ['api', 'consumer', 'compacter'], log });
  onTestFinished(() => service.close());
  return { url: service.url ?? '', queueUrl, sqs, lines };
}

async function post(url: string, body: unknown): Promise<number> {
  const path = Array.isArray(body) ? '/metrics/heart-rate/batch' : '/metrics/heart-rate';
  const headers = { 'Content-Type': 'application/json' };
  return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

async function minutesOf(url: string, userId: string): Promise<unknown[]> {
  const question = { user_id: userId, start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
  const answer = (await (await fetch(`${url}/metrics/heart-rate?${new URLSearchParams(question)}`)).json()) as {
    data: unknown[];
  };
  return answer.data;
}

test('takes readings of its own and of other programs, sets aside what is none, and warns', async () => {
  const { url, queueUrl, sqs, lines } = await startOverSqs();
  expect(await post(url, wireReading({ user_id: 'ana' }))).toBe(202);
  expect(await post(url, [wireReading({ user_id: 'ana', device_id: 'other' })])).toBe(202);
  const foreign = { device_id: 'x', user_id: 'ben', timestamp_ms: Date.UTC(2024, 0, 15, 10), heart_rate: 99 };
  await sqs.send(queueUrl, JSON.stringify(foreign));
  await sqs.send(queueUrl, 'not JSON');
  await until(async () => (await minutesOf(url, 'ana')).length === 1, 'ana is stored');
  await until(async () => (await minutesOf(url, 'ben')).length === 1, 'ben is stored');
  expect(await minutesOf(url, 'ben')).toMatchObject([{ heart_rate: 99, count: 1, device_ids: ['x'] }]);
  const health = async () => (await fetch(`${url}/health`)).json() as Promise<{ checks: { queue: string } }>;
  await until(async () => (await health()).checks.queue.includes('dead letters: 1'), 'there is a letter');
  expect((await health()).checks.queue).toMatch(/until SQS deletes it.*dead-letter queue/);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'starting', sqs: 'readings' });
  expect(lines.join('')).not.toContain('SKTEST');
});

test('answers 503 live_unavailable where a live stream is asked for', async () => {
  const { url } = await startOverSqs();
  const response = await fetch(`${url}/metrics/heart-rate/live?user_id=ana`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: 'live_unavailable' });
});

test('streams what is accepted where Redis has the feed, and goes on accepting where Redis is gone', async () => {
  const redis = await startRedis();
  const { url } = await startOverSqs({ redisUrl: redis.url });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const response = await fetch(`${url}/metrics/heart-rate/live?user_id=ana`, { signal: stop.signal });
  expect(response.status).toBe(200);
  let text = '';
  const reading = (async () => {
    const chunks = response.body as unknown as AsyncIterable<Uint8Array>;
    for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  })().catch(() => undefined);
  expect(await post(url, wireReading({ user_id: 'ana', heart_rate: 133 }))).toBe(202);
  await until(async () => text.includes('133'), 'the reading is streamed');
  await redis.kill();
  expect(await post(url, wireReading({ user_id: 'ben' }))).toBe(202);
  await until(async () => (await minutesOf(url, 'ben')).length === 1, 'ben is stored');
  stop.abort();
  await reading;
});
