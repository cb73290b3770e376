import { describe, expect, test } from 'vitest';
import { post, startTest, until, wireReading } from './support.js';

const QUESTION = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

describe('over the high-water mark', () => {
  test('both POST routes answer 503 with Retry-After, GET and /health answer, and POST is taken again by itself', async () => {
    const { url, queue } = await startTest({ flags: { queueHighWater: '2' } });
    const single = `${url}/metrics/heart-rate`;
    expect((await post(`${single}/batch`, [wireReading(), wireReading({ device_id: 'ring' })])).status).toBe(202);
    for (const [path, body] of [
      [single, wireReading()],
      [`${single}/batch`, [wireReading()]],
    ] as const) {
      const response = await post(path, body);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ status: 503, code: 'queue_full' });
    }
    expect((await queue.depth()).readings).toBe(2);
    expect(await (await fetch(`${single}?${QUESTION}`)).json()).toEqual({ user_id: 'ana', data: [], count: 0 });
    // What it found at the start is given again for a second.
    await until(async () => (await (await fetch(`${url}/health`)).text()).includes('high-water'), '/health tells');
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      status: 'degraded',
      checks: { queue: expect.stringContaining('high-water mark') },
    });
    const claim = await queue.claim({ maxReadings: 10, maxBytes: 1e6, maxElements: 10, leaseMs: 60_000 });
    // Claimed is not stored yet.
    expect((await post(single, wireReading())).status).toBe(503);
    await queue.ack(claim?.token ?? '');
    await until(async () => (await post(single, wireReading())).status === 202, 'POST is taken again');
    await until(
      async () => (await (await fetch(`${url}/health`)).text()).includes('"status":"healthy"'),
      'all is well',
    );
  });

  test('a bad reading is still told what is wrong with it', async () => {
    const { url } = await startTest({ flags: { queueHighWater: '1' } });
    const single = `${url}/metrics/heart-rate`;
    expect((await post(single, wireReading())).status).toBe(202);
    expect((await post(single, wireReading())).status).toBe(503);
    expect((await post(single, wireReading({ heart_rate: 500 }))).status).toBe(400);
  });
});
