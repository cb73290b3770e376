import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { elementText, HrmError, type Queue } from 'hrm-core';
import { describe, expect, test } from 'vitest';
import { connectRaw, post, startTest, until, wireReading, withoutHealth } from './support.js';

const SINGLE = '/metrics/heart-rate';
const BATCH = '/metrics/heart-rate/batch';
const NDJSON = { 'Content-Type': 'application/x-ndjson' };
const CLAIM = { maxReadings: 100_000, maxBytes: 1e9, maxElements: 100_000, leaseMs: 60_000 };

/** Every reading in the queue, as its elements say it. */
async function queuedReadings(queue: Queue): Promise<Record<string, unknown>[]> {
  const claim = await queue.claim(CLAIM);
  const values = (claim?.elements ?? []).map(({ bytes }) => JSON.parse(elementText(bytes) ?? '') as unknown);
  return values.flat() as Record<string, unknown>[];
}

/** A queue that fails to take anything until it is told to work. */
function failingQueue(queue: Queue, error: () => Error): Queue & { work(): void } {
  let works = false;
  return {
    ...queue,
    push: (elements, options) => (works ? queue.push(elements, options) : Promise.reject(error())),
    depth: () => (works ? queue.depth() : Promise.reject(error())),
    work() {
      works = true;
    },
  };
}

describe('POST of one reading', () => {
  test('is accepted once the queue has it, stamped by the server', async () => {
    const { url, queue } = await startTest();
    const beforeMs = Date.now();
    const response = await post(url + SINGLE, wireReading({ extra: 'ignored' }));
    expect(response.status).toBe(202);
    expect(await response.text()).toBe('{"status":"accepted"}');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin'])
      expect(response.headers.get(name)).toBeNull();
    const [reading, ...others] = await queuedReadings(queue);
    expect(others).toEqual([]);
    expect(reading).toMatchObject({
      user_id: 'ana',
      device_id: 'watch',
      timestamp_ms: 1_705_312_800_000,
      heart_rate: 72,
    });
    expect(reading?.received_ms).toBeGreaterThanOrEqual(beforeMs);
    expect(reading?.received_ms).toBeLessThanOrEqual(Date.now());
  });

  test('takes UTF-8 in any of its spellings, and gzip', async () => {
    const { url, queue } = await startTest();
    const json = JSON.stringify(wireReading({ user_id: 'añа🫀' }));
    const spellings: [string | Uint8Array, Record<string, string>][] = [
      [json, { 'Content-Type': 'application/json; charset=utf-8' }],
      [json, { 'Content-Type': 'Application/JSON ; foo=bar; Charset="UTF-8"' }],
      [`\ufeff${json}`, {}],
      [json, { 'Content-Encoding': 'identity' }],
      [gzipSync(json), { 'Content-Encoding': 'gzip' }],
      [gzipSync(json), { 'Content-Encoding': 'X-GZIP' }],
      [Buffer.concat([gzipSync(json.slice(0, 9)), gzipSync(json.slice(9))]), { 'Content-Encoding': 'gzip' }],
    ];
    // The two members of the last one are cut between characters of ASCII.
    for (const [body, headers] of spellings) {
      expect([headers, (await post(url + SINGLE, body, headers)).status]).toEqual([headers, 202]);
    }
    const ids = (await queuedReadings(queue)).map((reading) => reading.user_id);
    expect(ids).toEqual(Array(spellings.length).fill('añа🫀'));
  });

  test('takes a timestamp without an offset only where the settings say so', async () => {
    const naive = wireReading({ timestamp: '2024-01-15T10:00:00' });
    const strict = await startTest();
    expect((await post(strict.url + SINGLE, naive)).status).toBe(400);
    const lenient = await startTest({ flags: { naiveTimestamps: 'utc', maxFutureMs: '0' } });
    expect((await post(lenient.url + SINGLE, naive)).status).toBe(202);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    expect((await post(lenient.url + SINGLE, wireReading({ timestamp: soon }))).status).toBe(400);
    expect((await post(strict.url + SINGLE, wireReading({ timestamp: soon }))).status).toBe(202);
    const recent = await startTest({ flags: { maxPastMs: '3600000' } });
    const old = wireReading({ timestamp: new Date(Date.now() - 7_200_000).toISOString() });
    expect((await post(recent.url + SINGLE, old)).status).toBe(400);
    expect((await post(strict.url + SINGLE, old)).status).toBe(202);
  });
});

describe('POST of a batch', () => {
  test('takes JSON and NDJSON, packed or not, of 1 to 10,000 readings', async () => {
    const { url, queue } = await startTest();
    let sent = 0;
    for (const size of [1, 2, 10_000]) {
      const readings = Array.from({ length: size }, (_, i) => wireReading({ heart_rate: 30 + (i % 190) }));
      const json = JSON.stringify(readings);
      const ndjson = readings.map((reading) => JSON.stringify(reading)).join('\n');
      for (const [body, headers] of [
        [json, {}],
        [gzipSync(json), { 'Content-Encoding': 'gzip' }],
        [ndjson, NDJSON],
        [`${ndjson}\r\n\n`, NDJSON],
        [gzipSync(ndjson), { ...NDJSON, 'Content-Encoding': 'gzip' }],
      ] as const) {
        const response = await post(url + BATCH, body, headers);
        expect([size, headers, response.status]).toEqual([size, headers, 202]);
        expect(await response.json()).toEqual({ status: 'accepted', count: size });
        sent += size;
      }
    }
    expect((await queue.depth()).readings).toBe(sent);
  });

  test('takes 10,000 readings of the longest ids, every character escaped', async () => {
    const { url } = await startTest();
    const id = '\\u00e9'.repeat(128);
    const reading = `{"user_id":"${id}","device_id":"${id}","timestamp":"2024-01-15T10:00:00.123456789+01:00","heart_rate":100}`;
    const response = await post(url + BATCH, `[${Array(10_000).fill(reading).join(',')}]`);
    expect(await response.json()).toEqual({ status: 'accepted', count: 10_000 });
  });

  test('takes a body whose length nobody told, and stops reading one that is too long', async () => {
    const { url, port, queue } = await startTest();
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = request(url + BATCH, { method: 'POST', headers: { 'Content-Type': 'application/json' } });
      outgoing.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      for (const piece of ['[', JSON.stringify(wireReading()), ',', JSON.stringify(wireReading()), ']'])
        outgoing.write(piece);
      outgoing.end();
    });
    expect(answer).toBe(202);
    const { socket, received, closed } = await connectRaw(port);
    const head = `POST ${BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    socket.write(head);
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 0x20), Buffer.from('\r\n')]);
    let sentBytes = 0;
    while (!received().includes('413') && sentBytes < 64 * 1024 * 1024) {
      await new Promise((resolve) => socket.write(chunk, resolve));
      sentBytes += chunk.length;
    }
    expect(received()).toMatch(/^HTTP\/1.1 413 /);
    expect(sentBytes).toBeLessThan(40 * 1024 * 1024);
    socket.destroy();
    await closed;
    expect((await queue.depth()).readings).toBe(2);
  });
});

describe('a body that is a bomb', () => {
  test('of 1 GB in 1 MB costs no more than its limit', async () => {
    const { url } = await startTest();
    // Members of 1 MiB of zeros: gzip may be concatenated, and so the test need not hold the gigabyte either.
    const bomb = Buffer.concat(Array(1024).fill(gzipSync(Buffer.alloc(1024 * 1024), { level: 9 })));
    expect(bomb.length).toBeLessThan(1_100_000);
    let peakBytes = 0;
    const startBytes = process.memoryUsage.rss();
    const timer = setInterval(() => {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss() - startBytes);
    }, 2);
    // As it was sent, the second is not too large.
    const small = Buffer.concat(Array(60).fill(gzipSync(Buffer.alloc(1024 * 1024), { level: 9 })));
    expect(small.length).toBeLessThan(64 * 1024);
    for (const [path, body] of [
      [BATCH, bomb],
      [SINGLE, small],
      [SINGLE, bomb],
    ] as const) {
      const startMs = performance.now();
      const response = await post(url + path, body, { 'Content-Encoding': 'gzip' });
      expect(response.status).toBe(413);
      console.log(
        `gzip bomb to ${path}: ${(performance.now() - startMs).toFixed(0)} ms, RSS at most +${(peakBytes / 1e6).toFixed(0)} MB`,
      );
    }
    clearInterval(timer);
    expect(peakBytes).toBeLessThan(128 * 1024 * 1024);
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });

  test('by number: more bytes than may be held at once are refused for now, then taken again', async () => {
    const { url, port, queue } = await startTest();
    const head = `POST ${BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${16 * 1024 * 1024}\r\n\r\n`;
    const most = Buffer.alloc(16 * 1024 * 1024 - 1, 0x20);
    const connections = [];
    for (let i = 0; i < 16; i += 1) {
      const connection = await connectRaw(port);
      connection.socket.write(head);
      await new Promise((resolve) => connection.socket.write(most, resolve));
      connections.push(connection);
    }
    // 16 bytes are left of 256 MiB, once the server has read what is on its way.
    let accepted = 0;
    async function isAccepted(): Promise<boolean> {
      const { status } = await post(url + BATCH, [wireReading()]);
      if (status === 202) accepted += 1;
      return status === 202;
    }
    await until(async () => !(await isAccepted()), 'the server is full');
    const refused = await post(url + BATCH, [wireReading()]);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ status: 503, code: 'too_busy' });
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
    accepted += 1;
    for (const { socket } of connections) socket.destroy();
    await until(isAccepted, 'the server has room again');
    expect((await queue.depth()).readings).toBe(accepted);
  });
});

describe('a queue that fails', () => {
  test('is 503 with Retry-After, and 202 again when it works', async () => {
    let failing: (Queue & { work(): void }) | undefined;
    const { url, log } = await startTest({
      wrapQueue: (queue) => {
        const cause = Object.assign(new Error('/var/queue/secret'), { code: 'ENOSPC' });
        const error = () =>
          new HrmError('cannot write /var/queue/secret', { kind: 'unavailable', code: 'queue_full', cause });
        failing = failingQueue(queue, error);
        return failing;
      },
    });
    for (const [path, body] of [
      [SINGLE, wireReading()],
      [BATCH, [wireReading()]],
    ] as const) {
      const response = await post(url + path, body);
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ code: 'queue_full', title: 'Service Unavailable' });
      expect(text).not.toContain('secret');
    }
    const failed = { level: 40, status: 503, code: 'queue_full', system: 'ENOSPC', msg: 'request failed' };
    expect(withoutHealth(log).map((line) => JSON.parse(line))).toMatchObject([failed, failed]);
    expect(log.join('')).not.toContain('secret');
    failing?.work();
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });

  test('with a defect is 500 without a stack, and the log has the places of the stack', async () => {
    const { url, log } = await startTest({
      wrapQueue: (queue) => failingQueue(queue, () => new TypeError('a defect')),
    });
    const response = await post(url + SINGLE, wireReading());
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status: 500, code: 'internal' });
    expect(text).not.toContain('defect');
    expect(withoutHealth(log).map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 50,
        kind: 'internal',
        stack: expect.stringMatching(/^TypeError\n {4}at post\.test\.ts:\d+:\d+\n/),
        msg: 'request failed',
      },
    ]);
    expect(log.join('')).not.toContain('a defect');
  });
});

describe('a client that goes away in the middle of a body', () => {
  test.each(['identity', 'gzip'])('enqueues nothing (%s)', async (encoding) => {
    const { port, queue, url, log } = await startTest();
    const json = Buffer.from(JSON.stringify(wireReading()));
    const body = encoding === 'gzip' ? gzipSync(json) : json;
    for (const [reset, missing] of [
      [false, 1],
      [true, 1],
      [false, body.length],
      [true, 5],
    ] as const) {
      const { socket, closed } = await connectRaw(port);
      socket.write(
        `POST ${SINGLE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise((resolve) => socket.write(body.subarray(0, body.length - missing), resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (reset) socket.resetAndDestroy();
      else socket.end();
      await closed;
    }
    await until(() => withoutHealth(log).length >= 4, 'the server has noticed');
    expect((await queue.depth()).readings).toBe(0);
    expect(log.join('')).not.toContain('"level":50');
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });
});

describe('devices of a user on one day', () => {
  const devices = (count: number, from = 0, day = '2024-01-15') =>
    Array.from({ length: count }, (_, i) =>
      wireReading({ device_id: `device ${from + i}`, timestamp: `${day}T10:00:00Z` }),
    );

  test('are so many and no more, in one batch and in several, and what is refused is told', async () => {
    const { url } = await startTest({ flags: { maxDevices: '5' } });
    const batch = `${url}/metrics/heart-rate/batch`;
    const tooMany = await post(batch, devices(7));
    expect([tooMany.status, await tooMany.json()]).toMatchObject([
      400,
      {
        code: 'invalid_readings',
        error_count: 2,
        errors: [5, 6].map((i) => {
          return { path: `/${i}/device_id`, message: expect.stringMatching(/may have 5 on a day.*HRM_MAX_DEVICES/) };
        }),
      },
    ]);
    // Nothing of it was accepted, so nothing of it counts.
    expect((await post(batch, devices(4, 10))).status).toBe(202);
    const last = await post(`${url}/metrics/heart-rate`, devices(1, 20)[0]);
    expect(last.status).toBe(202);
    const sixth = await post(`${url}/metrics/heart-rate`, devices(1, 21)[0]);
    expect([sixth.status, await sixth.json()]).toMatchObject([400, { errors: [{ path: '/device_id' }] }]);
    expect((await post(batch, [...devices(4, 10), ...devices(4, 10)])).status).toBe(202);
    expect((await post(batch, devices(5, 0, '2024-01-16'))).status).toBe(202);
  });

  test('are by default as many as one batch can have', async () => {
    const { url } = await startTest();
    expect((await post(`${url}/metrics/heart-rate/batch`, devices(10_000))).status).toBe(202);
    expect((await post(`${url}/metrics/heart-rate/batch`, devices(1, 10_000))).status).toBe(400);
  });
});
