import { gzipSync } from 'node:zlib';
import { createClient, type ReadingSeries } from 'hrm-core/client';
import { describe, expect, it } from 'vitest';
import { post, startTest } from './support.js';

const BATCH = '/metrics/heart-rate/batch';
const START = '2024-01-15T10:00:00Z';
const START_MS = Date.parse(START);
const SERIES = { user_id: 'ana', device_id: 'watch', timestamps: [START, START_MS + 1_000], heart_rates: [70, 72] };
const COUNTED = { user_id: 'ben', device_id: 'watch', start: START_MS, interval_ms: 60_000, heart_rates: [80, 82, 84] };

function send(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const all = { 'Content-Type': 'application/json', ...headers };
  return fetch(`${url}${BATCH}`, { method: 'POST', headers: all, body });
}

describe('series', () => {
  it('are accepted as an array, as one, as lines and packed', async () => {
    const { url } = await startTest();
    const lines = `${JSON.stringify(SERIES)}\n${JSON.stringify(COUNTED)}\n`;
    const answers = [
      await send(url, JSON.stringify([SERIES, COUNTED])),
      await send(url, JSON.stringify({ ...SERIES, note: 'not plain' })),
      await send(url, JSON.stringify(COUNTED)),
      await send(url, lines, { 'Content-Type': 'application/x-ndjson' }),
      await send(url, gzipSync(lines), { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': 'gzip' }),
    ];
    const counts = [5, 2, 3, 5, 5];
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(202);
      expect(await answer.json()).toEqual({ status: 'accepted', count: counts[i] });
    }
  });

  it('are refused as a whole, each fault with its path', async () => {
    const { url } = await startTest();
    const bad = { ...SERIES, timestamps: [START, 'x'], heart_rates: [70, 300] };
    const plain = { user_id: 'ana', device_id: 'watch', timestamp: START, heart_rate: 72 };
    const lines = `${JSON.stringify(SERIES)}\nno JSON\n${JSON.stringify(bad)}`;
    const cases: [Response, string[]][] = [
      [await send(url, JSON.stringify(bad)), ['/timestamps/1', '/heart_rates/1']],
      [await send(url, JSON.stringify([SERIES, bad])), ['/1/timestamps/1', '/1/heart_rates/1']],
      [await send(url, JSON.stringify([SERIES, plain])), ['/1']],
      [
        await send(url, lines, { 'Content-Type': 'application/x-ndjson' }),
        ['/1', '/2/timestamps/1', '/2/heart_rates/1'],
      ],
    ];
    for (const [answer, paths] of cases) {
      expect(answer.status).toBe(400);
      const { code, errors } = (await answer.json()) as { code: string; errors: { path: string }[] };
      expect(code).toBe('invalid_readings');
      expect(errors.map(({ path }) => path)).toEqual(paths);
    }
    const single = await post(`${url}/metrics/heart-rate`, SERIES);
    expect(single.status).toBe(400);
    expect(await single.json()).toMatchObject({ code: 'not_a_reading' });
  });

  it('of 100,000 readings are judged whole, wherever their lists are cut', async () => {
    const { url } = await startTest();
    const timestamps = Array.from({ length: 100_000 }, (_, i) => new Date(START_MS + i).toISOString());
    const heart_rates = timestamps.map((_, i) => 60 + (i % 90));
    const long = { user_id: 'ana', device_id: 'watch', timestamps, heart_rates };
    expect(await (await send(url, JSON.stringify([long]))).json()).toEqual({ status: 'accepted', count: 100_000 });
    const noted = JSON.stringify([{ note: '1,2', ...long }]);
    expect(await (await send(url, noted)).json()).toEqual({ status: 'accepted', count: 100_000 });
    const one = JSON.stringify({ ...long, heart_rates: heart_rates.with(77_777, 7) });
    expect(await (await send(url, one)).json()).toMatchObject({ errors: [{ path: '/heart_rates/77777' }] });
    const shorter = { ...COUNTED, heart_rates: heart_rates.slice(0, 90_000).with(77_777, 7) };
    const torn = JSON.stringify({ ...COUNTED, heart_rates: heart_rates.slice(0, 40_000) }).replace(',61,', ',,');
    const lines = `${JSON.stringify(COUNTED)}\n${torn}\n${JSON.stringify(shorter)}`;
    const refused = await send(url, lines, { 'Content-Type': 'application/x-ndjson' });
    const { errors } = (await refused.json()) as { errors: { path: string; message: string }[] };
    expect(errors).toMatchObject([{ path: '/1', message: 'the line is not JSON' }, { path: '/2/heart_rates/77777' }]);
    const tornArray = await send(url, noted.replace('T10:00:00.000Z",', 'T10:00:00.000Z",,'));
    expect(await tornArray.json()).toMatchObject({ code: 'not_json' });
    const over = { ...COUNTED, heart_rates: [...heart_rates, 70] };
    const tooMany = await send(url, JSON.stringify(over));
    expect(tooMany.status).toBe(413);
    expect(await tooMany.json()).toMatchObject({ code: 'too_many_readings' });
    const flood = await send(url, JSON.stringify({ ...COUNTED, heart_rates: Array(300_000).fill(1) }));
    expect(await flood.json()).toMatchObject({ code: 'body_too_large' });
  });

  it('are sent by the client, by the names of JavaScript and of the wire', async () => {
    const { url } = await startTest();
    const client = createClient({ url });
    const series: ReadingSeries = {
      userId: 'ana',
      deviceId: 'watch',
      start: new Date(START),
      intervalMs: 1_000,
      heartRates: [70, 71],
    };
    expect(await client.enqueue(series)).toEqual({ accepted: 2 });
    const listed: ReadingSeries = {
      userId: 'ana',
      deviceId: 'watch',
      timestamps: [new Date(START), START_MS + 1, START],
      heartRates: [70, 71, 72],
    };
    expect(await client.enqueue([listed, COUNTED])).toEqual({ accepted: 6 });
    await expect(client.enqueue([{ ...listed, heartRates: [70] }])).rejects.toMatchObject({
      kind: 'invalid',
      faults: [{ path: '/0/timestamps' }],
    });
  });
});
