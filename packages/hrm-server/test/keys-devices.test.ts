/** A key that is bound to devices: what it may send, by every way in, and that it may do nothing else. */
import { join } from 'node:path';
import { createKey, readKeys } from 'hrm-core/keys';
import { expect, it } from 'vitest';
import { oneRow } from '../../hrm-core/test/support/one-row.js';
import { post, startTest, temporaryDirectory, wireReading } from './support.js';

const INSTANT = '2024-01-15T10:00:00Z';

it('a key that is bound to devices sends of those alone', async () => {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const input = { name: 'strap', scopes: ['ingest'] as const, userIds: null, deviceIds: ['strap'], expiresMs: null };
  const { token } = await createKey(keysFile, input);
  const { url, queue } = await startTest({ keysFile });
  const headers = { Authorization: `Bearer ${token}` };
  const [one, batch] = [`${url}/metrics/heart-rate`, `${url}/metrics/heart-rate/batch`];
  const lines = { ...headers, 'Content-Type': 'application/x-ndjson' };
  const tables = { ...headers, 'Content-Type': 'application/vnd.apache.parquet' };
  const series = (device_id: string) => ({ user_id: 'ana', device_id, timestamps: [INSTANT], heart_rates: [70] });
  const csv = (device: string) => `user_id,device_id,timestamp,heart_rate\nana,${device},${INSTANT},70\n`;
  const ways = {
    reading: (device: string) => post(one, wireReading({ device_id: device }), headers),
    batch: (device: string) =>
      post(batch, [wireReading({ device_id: 'strap' }), wireReading({ device_id: device })], headers),
    'batch that is not plain': (device: string) =>
      post(batch, [{ ...wireReading({ device_id: device }), more: [1] }], headers),
    lines: (device: string) => post(batch, `${JSON.stringify(wireReading({ device_id: device }))}\n`, lines),
    series: (device: string) => post(batch, series(device), headers),
    'several series': (device: string) => post(batch, [series('strap'), series(device)], headers),
    parquet: (device: string) => post(batch, oneRow(device, INSTANT), tables),
    import: (device: string) =>
      post(`${url}/imports?user_id=ana`, csv(device), { ...headers, 'Content-Type': 'text/csv' }),
  };
  for (const [name, send] of Object.entries(ways)) {
    const before = (await queue.depth()).readings;
    const refused = await send('watch');
    expect([refused.status, ((await refused.json()) as { code: string }).code], name).toEqual([403, 'foreign_device']);
    expect((await queue.depth()).readings, name).toBe(before);
    const taken = await send('strap');
    expect(taken.ok, `${name}: ${await taken.text()}`).toBe(true);
    expect((await queue.depth()).readings, name).toBeGreaterThan(before);
  }
  const settings = { method: 'PUT', headers: { ...headers, 'Content-Type': 'application/json' }, body: '{}' };
  expect((await fetch(`${url}/users/ana/settings`, settings)).status).toBe(403);
  expect((await fetch(`${url}/users/ana/devices`, { headers })).status).toBe(403);
  expect(readKeys(keysFile)).toHaveLength(1);
});

it('a key has its own budgets', async () => {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const limits = { requests: 6, body_bytes: 1024 * 1024, streams: 1 };
  const input = { name: 'a', scopes: ['ingest', 'query'] as const, userIds: null, limits, expiresMs: null };
  const { token } = await createKey(keysFile, input);
  const { url } = await startTest({ keysFile });
  const headers = { Authorization: `Bearer ${token}` };
  const large = await post(`${url}/metrics/heart-rate/batch`, `[${' '.repeat(1_100_000)}]`, headers);
  expect(large.status).toBe(503);
  const first = await fetch(`${url}/metrics/heart-rate/live?user_id=ana`, { headers });
  const second = await fetch(`${url}/metrics/heart-rate/live?user_id=ana`, { headers });
  expect([first.status, second.status]).toEqual([200, 503]);
  await first.body?.cancel();
  const statuses = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await fetch(`${url}/users/ana/latest`, { headers })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});
