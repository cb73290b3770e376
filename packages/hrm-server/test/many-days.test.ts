import { join } from 'node:path';
import { createKey } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { post, startTest, temporaryDirectory, wireReading } from './support.js';

const DAY_MS = 86_400_000;

/** Readings that each lie on a day of their own. */
function onDays(first: number, count: number): unknown[] {
  return Array.from({ length: count }, (_, i) =>
    wireReading({ timestamp: new Date((first + i) * DAY_MS).toISOString() }),
  );
}

const now = () => wireReading({ timestamp: new Date().toISOString() });

describe('a client that sends readings of very many days', () => {
  it('is told to wait with 429, by key, and everything else is taken meanwhile', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const keyOf = async (name: string) =>
      (await createKey(keysFile, { name, scopes: ['ingest'], userIds: null, expiresMs: null })).token;
    const [flood, other] = [await keyOf('flood'), await keyOf('other')];
    const { url, queue } = await startTest({ keysFile });
    const send = (token: string, readings: unknown) =>
      post(`${url}/metrics/heart-rate/batch`, readings, { Authorization: `Bearer ${token}` });
    // More than a client may begin at once, and still taken whole.
    expect((await send(flood, onDays(0, 10_000))).status).toBe(202);
    const refused = await send(flood, onDays(10_000, 10));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(await refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    const invalid = await send(flood, [...onDays(10_000, 10), wireReading({ heart_rate: 500 })]);
    expect(invalid.status).toBe(400);
    expect((await queue.depth()).readings).toBe(10_000);
    expect((await send(flood, [now()])).status).toBe(202);
    expect((await send(flood, onDays(9_999, 1))).status).toBe(202);
    expect((await send(other, onDays(0, 100))).status).toBe(202);
  });

  it('is told so by its address where there are no keys, of single readings too', async () => {
    const { url } = await startTest({});
    expect((await post(`${url}/metrics/heart-rate/batch`, onDays(0, 10_000))).status).toBe(202);
    const [reading] = onDays(10_500, 1);
    expect((await post(`${url}/metrics/heart-rate`, reading)).status).toBe(429);
    expect((await post(`${url}/metrics/heart-rate`, now())).status).toBe(202);
  });
});
