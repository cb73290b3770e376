/** The forms of an answer, how it is packed, and when a client may keep it. */
import { get, type IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { compact, HrmError, READING_FORMS, type Reading, type Storage, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { describe, expect, test } from 'vitest';
import { startTest, until, withoutHealth } from './support.js';

const START_MS = Date.UTC(2024, 0, 15);
const DEVICES = ['watch', 'a "quoted", one'];
const READINGS: Reading[] = Array.from({ length: 3_000 }, (_, i) => ({
  userId: 'ana',
  deviceId: DEVICES[i % 2] as string,
  timestampMs: START_MS + Math.floor(i / 2) * 10_000,
  heartRate: 60 + (i % 91),
  receivedMs: START_MS,
}));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** As it comes over the wire: `fetch` would ask for packing, and unpack. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

function questionUrl(url: string, parameters: Record<string, string> = {}): string {
  const day = { user_id: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
  return `${url}/metrics/heart-rate?${new URLSearchParams({ ...day, ...parameters })}`;
}

async function startWithReadings(wrapStorage?: (storage: Storage) => Storage) {
  const started = await startTest(wrapStorage === undefined ? {} : { wrapStorage });
  await writePart({ storage: started.storage }, READINGS);
  return { ...started, day: questionUrl(started.url) };
}

describe('the columns', () => {
  test('are those that were chosen, and have a tag of their own', async () => {
    const { day, url } = await startWithReadings();
    const chosen = questionUrl(url, { fields: 'count,heart_rate' });
    const all = JSON.parse((await ask(day)).body.toString());
    const some = await ask(chosen);
    const data = all.data.map(({ timestamp, heart_rate, count }: Record<string, unknown>) => {
      return { timestamp, heart_rate, count };
    });
    expect(some.body.toString()).toBe(JSON.stringify({ ...all, data }));
    const csv = (await ask(chosen, { Accept: 'text/csv' })).body.toString();
    expect(csv).toMatch(/^timestamp,heart_rate,count\r\n2024-01-15T00:00:00Z,/);
    const tags = [await ask(day), some, await ask(questionUrl(url, { fields: 'count' }))].map(
      ({ headers }) => headers.etag,
    );
    expect(new Set(tags).size).toBe(3);
    expect((await ask(chosen, { 'If-None-Match': tags[1] ?? '' })).status).toBe(304);
    expect(
      (await ask(questionUrl(url, { fields: 'heart_rate,count,count' }), { 'If-None-Match': tags[1] ?? '' })).status,
    ).toBe(304);
  });

  test('that are none are refused', async () => {
    const { url } = await startWithReadings();
    const { status, body } = await ask(questionUrl(url, { fields: 'bpm' }));
    expect(status).toBe(400);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'invalid_query', errors: [{ path: '/fields' }] });
  });
});

describe('the form', () => {
  test('is the one asked for, of the same rows', async () => {
    const { day, url } = await startWithReadings();
    const { data } = JSON.parse((await ask(day)).body.toString());
    expect(data).toHaveLength(250);
    const ndjson = await ask(day, { Accept: 'application/x-ndjson' });
    expect(ndjson.headers['content-type']).toBe('application/x-ndjson');
    expect(
      ndjson.body
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(data);
    const csv = await ask(day, { Accept: 'text/csv' });
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    const [header, first] = csv.body.toString().split('\r\n');
    expect(header).toBe('timestamp,heart_rate,min,max,count,device_ids');
    expect(first).toMatch(/^2024-01-15T00:00:00Z,[\d.]+,\d+,\d+,6,"\[""a \\""quoted\\"", one""(,""watch"")?]"$/);
    const nobody = questionUrl(url, { user_id: 'nobody' });
    expect((await ask(nobody, { Accept: 'application/x-ndjson' })).body.toString()).toBe('');
    expect((await ask(nobody, { Accept: 'text/csv' })).body.toString()).toBe(`${header}\r\n`);
  });

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/*', 'text/csv; charset=utf-8'],
    ['text/html, text/csv;q=0.2, application/json;q=0.1', 'text/csv; charset=utf-8'],
    ['application/json;q=0, */*', 'application/x-ndjson'],
    ['APPLICATION/X-NDJSON; q=0.9, application/json; Q=0.8', 'application/x-ndjson'],
  ])('of Accept: %s is %s', async (accept, type) => {
    const { url } = await startTest();
    const { status, headers } = await ask(questionUrl(url), accept === undefined ? {} : { Accept: accept });
    expect([status, headers['content-type']]).toEqual([200, type]);
    expect(headers.vary).toBe('Accept, Accept-Encoding');
  });

  test.each(['application/fhir+json', 'application/fhir+ndjson', 'application/vnd.openmhealth+json'])(
    'for health systems is %s, of the same rows',
    async (accept) => {
      const { day, url } = await startWithReadings();
      const { data } = JSON.parse((await ask(day)).body.toString());
      const { headers, body } = await ask(day, { Accept: accept });
      expect(headers['content-type']).toBe(accept);
      const values = [...body.toString().matchAll(/"value":([\d.]+),"unit"/g)].map(([, value]) => Number(value));
      expect(values).toEqual(data.map((row: Record<string, unknown>) => row.heart_rate));
      const again = await ask(day, { Accept: accept, 'If-None-Match': headers.etag ?? '' });
      expect([again.status, again.headers.vary]).toEqual([304, 'Accept, Accept-Encoding']);
      const packed = await ask(day, { Accept: accept, 'Accept-Encoding': 'gzip' });
      expect(gunzipSync(packed.body).equals(body)).toBe(true);
      const refused = await ask(questionUrl(url, { fields: 'count' }), { Accept: accept });
      expect([refused.status, JSON.parse(refused.body.toString()).errors[0].path]).toEqual([400, '/fields']);
    },
  );

  test('that does not exist is 406', async () => {
    const { day } = await startWithReadings();
    for (const accept of ['text/html', 'application/json;q=0', 'image/*, text/csv;q=nonsense', 'json']) {
      const { status, headers, body } = await ask(day, { Accept: accept });
      expect([accept, status, headers['content-type']]).toEqual([accept, 406, 'application/problem+json']);
      expect(JSON.parse(body.toString())).toMatchObject({ code: 'not_acceptable' });
    }
  });
});

describe('the readings themselves', () => {
  const READINGS_PATH = '/metrics/heart-rate/readings';

  test.each(READING_FORMS)('leave as $mediaType', async ({ mediaType, name, export: write }) => {
    const { day, storage, url } = await startWithReadings();
    const address = day.replace('/metrics/heart-rate', READINGS_PATH);
    const { status, headers, body } = await ask(address, { Accept: mediaType });
    expect([status, headers['content-type']]).toEqual([200, name === 'csv' ? 'text/csv; charset=utf-8' : mediaType]);
    const range = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
    const pieces: Uint8Array[] = [];
    for await (const piece of write({ storage }, range)) pieces.push(piece);
    expect(body.equals(Buffer.concat(pieces))).toBe(true);
    const etag = headers.etag ?? '';
    expect((await ask(address, { Accept: mediaType, 'If-None-Match': etag })).status).toBe(304);
    expect(etag).not.toBe((await ask(day, { Accept: mediaType })).headers.etag);
    const client = createClient({ url });
    const asked: Uint8Array[] = [];
    for await (const piece of client.exportReadings(range, name)) asked.push(piece);
    expect(Buffer.concat(asked).equals(body)).toBe(true);
  });

  test('are a line each where nothing is said, by which they can be sent again', async () => {
    const { day, storage, url } = await startWithReadings();
    const { body } = await ask(day.replace('/metrics/heart-rate', READINGS_PATH));
    expect(body.toString().trimEnd().split('\n')).toHaveLength(3_000);
    const sent = await fetch(`${url}/metrics/heart-rate/batch`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body,
    });
    expect(sent.status).toBe(202);
    await writePart({ storage }, [{ ...(READINGS[0] as Reading), timestampMs: START_MS + 1 }]);
    const only = await ask(`${day.replace('/metrics/heart-rate', READINGS_PATH)}&device_id=watch`, {
      Accept: 'text/csv',
    });
    expect(only.body.toString().split('\r\n')).toHaveLength(1 + 1_501 + 1);
  });

  test('are refused as rows are', async () => {
    const { day, url } = await startWithReadings();
    const address = day.replace('/metrics/heart-rate', READINGS_PATH);
    expect((await ask(address, { Accept: 'text/html' })).status).toBe(406);
    expect((await ask(`${address}&interval=1h`)).status).toBe(400);
    expect((await ask(`${url}${READINGS_PATH}?user_id=ana&start=x&end=y`)).status).toBe(400);
    const client = createClient({ url });
    const range = { userId: 'ana', start: 0, end: 1 };
    await expect(client.exportReadings(range, 'xml' as 'gpx').next()).rejects.toMatchObject({ code: 'invalid_query' });
  });
});

describe('packing', () => {
  test('is gzip or br where that is asked for, of the same bytes', async () => {
    const { day, url } = await startWithReadings();
    const { body: plain } = await ask(day);
    const unpack = { gzip: gunzipSync, br: brotliDecompressSync };
    for (const [accepted, encoding] of [
      ['gzip', 'gzip'],
      ['br', 'br'],
      ['deflate, br, gzip', 'gzip'],
      ['gzip;q=0.5, br', 'br'],
      ['gzip;q=0, *', 'br'],
    ] as const) {
      const { headers, body } = await ask(day, { 'Accept-Encoding': accepted });
      expect([accepted, headers['content-encoding']]).toEqual([accepted, encoding]);
      expect(unpack[encoding](body).equals(plain)).toBe(true);
      expect(body.length).toBeLessThan(plain.length / 2);
    }
    for (const accepted of ['identity', 'deflate', 'gzip;q=0', '']) {
      const { headers, body } = await ask(day, { 'Accept-Encoding': accepted });
      expect(headers['content-encoding']).toBeUndefined();
      expect(body.equals(plain)).toBe(true);
    }
    const small = await ask(questionUrl(url, { user_id: 'nobody' }), { 'Accept-Encoding': 'gzip' });
    expect(small.headers['content-encoding']).toBeUndefined();
  });

  /** Days of minutes, 150 kB each, that do not pack well; more than is put together before it is sent. */
  async function startLong(days: number, onSnapshot: (count: number) => void) {
    let count = 0;
    const started = await startTest({
      wrapStorage: (storage) => ({
        ...storage,
        snapshot(...call) {
          // A day has a shared partition besides, which is looked at for the tag, too.
          if (call[0].directory !== '_shared') {
            count += 1;
            onSnapshot(count);
          }
          return storage.snapshot(...call);
        },
      }),
    });
    const readings = Array.from({ length: days * 1_440 }, (_, i) => ({
      ...(READINGS[0] as Reading),
      heartRate: 40 + ((i * i * 7_919) % 149),
      timestampMs: START_MS + i * 60_000,
    }));
    await writePart({ storage: started.storage }, readings);
    return { ...started, range: questionUrl(started.url, { end: '2024-12-31T00:00:00Z' }), snapshots: () => count };
  }

  test('streams, and fails visibly in the middle', async () => {
    let failAt = Number.POSITIVE_INFINITY;
    const { range, log } = await startLong(40, (count) => {
      if (count === failAt) throw new HrmError('no disk', { kind: 'unavailable', code: 'storage_unavailable' });
    });
    const { body: plain } = await ask(range);
    const { headers, body } = await ask(range, { 'Accept-Encoding': 'gzip' });
    expect(headers['content-length']).toBeUndefined();
    expect(gunzipSync(body).equals(plain)).toBe(true);
    failAt = 80 + 30;
    await expect(ask(range, { 'Accept-Encoding': 'gzip' })).rejects.toThrow();
    expect(withoutHealth(log).filter((line) => line.includes('storage_unavailable'))).toHaveLength(1);
  });

  test('stops when the client goes away', async () => {
    const { range, snapshots, log } = await startLong(150, () => {
      const untilMs = performance.now() + 5;
      while (performance.now() < untilMs);
    });
    await new Promise<void>((resolve) => {
      const request = get(range, { headers: { 'Accept-Encoding': 'gzip' }, agent: false }, (response) => {
        response.once('data', () => {
          request.destroy();
          resolve();
        });
      });
      request.on('error', () => undefined);
    });
    let before = -1;
    await until(async () => {
      const isQuiet = before === snapshots();
      before = snapshots();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isQuiet;
    }, 'reading has stopped');
    expect(snapshots()).toBeLessThan(150);
    // A machine that is busy may be late with its health.
    const failures = log.filter((line) => !line.includes('"msg":"health'));
    expect(failures.join('')).not.toContain('"level":50');
  });
});

describe('the tag', () => {
  test('lets a client keep an answer until something about it changes', async () => {
    const { day, url, storage } = await startWithReadings();
    const first = await ask(day);
    const tag = first.headers.etag ?? '';
    expect(tag).toMatch(/^"[0-9a-f]{32}-json"$/);
    for (const given of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const kept = await ask(day, { 'If-None-Match': given });
      expect([given, kept.status, kept.body.length, kept.headers.etag]).toEqual([given, 304, 0, tag]);
      expect(kept.headers['cache-control']).toBe('private, no-cache');
    }
    expect((await ask(day, { 'If-None-Match': tag }, 'HEAD')).status).toBe(304);
    expect((await ask(day, { 'If-None-Match': '"other"' })).status).toBe(200);
    // Another form, another packing, another question, a longer range: other tags.
    const tags = [
      tag,
      (await ask(day, { Accept: 'text/csv' })).headers.etag,
      (await ask(day, { 'Accept-Encoding': 'gzip' })).headers.etag,
      (await ask(questionUrl(url, { interval: '1h' }))).headers.etag,
      (await ask(questionUrl(url, { device_id: 'watch' }))).headers.etag,
      (await ask(questionUrl(url, { end: '2024-01-17T00:00:00Z' }))).headers.etag,
    ];
    expect(new Set(tags).size).toBe(tags.length);
    // Late data, and its compaction.
    await writePart({ storage }, [{ ...(READINGS[1] as Reading), heartRate: 200, receivedMs: START_MS + 60_000 }]);
    const second = await ask(day, { 'If-None-Match': tag });
    expect(second.status).toBe(200);
    expect(second.body.equals(first.body)).toBe(false);
    await compact({ storage }, { all: true });
    const third = await ask(day, { 'If-None-Match': second.headers.etag ?? '' });
    expect(third.status).toBe(200);
    expect(third.body.equals(second.body)).toBe(true);
    expect(new Set([tag, second.headers.etag, third.headers.etag]).size).toBe(3);
    // Of another user's day nothing changes.
    await writePart({ storage }, [{ ...(READINGS[0] as Reading), userId: 'ben' }]);
    expect((await ask(day, { 'If-None-Match': third.headers.etag ?? '' })).status).toBe(304);
  });

  test('is of the priorities too', async () => {
    const tags = [];
    for (const devicePriority of ['{}', '{"watch":1}', '{"watch":2}']) {
      const { url } = await startTest({ flags: { devicePriority } });
      tags.push((await ask(questionUrl(url))).headers.etag);
    }
    expect(new Set(tags).size).toBe(3);
  });

  test('is not on what went wrong', async () => {
    const { url } = await startTest();
    const { status, headers } = await ask(questionUrl(url, { interval: '7m' }), { 'If-None-Match': '*' });
    expect([status, headers.etag, headers['cache-control']]).toEqual([400, undefined, 'private, no-store']);
  });
});
