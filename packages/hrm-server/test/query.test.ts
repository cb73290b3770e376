import { cpSync } from 'node:fs';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { HrmError, type QuestionInput, query, type Reading, type Row, type Storage, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { openDirectoryStorage } from 'hrm-core/directory';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MEMORY_DIRECTORY } from '../../hrm-core/test/support/temporary-directory.js';
import { MAX_LONG_ANSWERS } from '../src/limits.js';
import {
  type Bearer,
  connectRaw,
  makeKeys,
  post,
  startTest,
  type TestService,
  until,
  wireReading,
  withoutHealth,
} from './support.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2023, 0, 1);

/** One user's readings, one every `everyMs`, of two devices that disagree every tenth time. */
function readings(userId: string, fromMs: number, toMs: number, everyMs: number): Reading[] {
  const all: Reading[] = [];
  for (let timestampMs = fromMs, i = 0; timestampMs < toMs; timestampMs += everyMs, i += 1) {
    const reading = { userId, timestampMs, receivedMs: timestampMs };
    all.push({ ...reading, deviceId: 'watch', heartRate: 40 + (i % 100) });
    if (i % 10 === 0) all.push({ ...reading, deviceId: 'band', heartRate: 41 + (i % 100) });
  }
  return all;
}

/** The body that the contract says rows come to. */
function bodyOf(userId: string, rows: readonly Row[]): unknown {
  const data = rows.map(({ timestamp, end, heartRate, min, max, count, deviceIds }) => {
    return {
      timestamp,
      ...(end === undefined ? {} : { end }),
      heart_rate: heartRate,
      min,
      max,
      count,
      device_ids: deviceIds,
    };
  });
  return { user_id: userId, data, count: data.length };
}

function heartRateUrl(url: string, parameters: Record<string, string>): string {
  return `${url}/metrics/heart-rate?${new URLSearchParams(parameters)}`;
}

/** A storage that counts snapshots of a user's days, and may hold or fail them. The tag looks at what is shared, of all days. */
function watchedStorage(storage: Storage, onSnapshot: (count: number) => void | Promise<void>): Storage {
  let count = 0;
  return {
    ...storage,
    async snapshot(partition, options) {
      if (partition.directory === '_shared') return await storage.snapshot(partition, options);
      count += 1;
      await onSnapshot(count);
      return await storage.snapshot(partition, options);
    },
  };
}

/** A store with a year of minutes of ana, of which tests take days. */
let year: { readonly directory: string; readonly dates: readonly string[] };

beforeAll(async () => {
  const directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-year-'));
  const storage = await openDirectoryStorage({ directory });
  for (let day = 0; day < 365; day += 30) {
    const toMs = START_MS + Math.min(365, day + 30) * DAY_MS;
    await writePart({ storage }, readings('ana', START_MS + day * DAY_MS, toMs, 60_000));
  }
  await storage.close();
  const names = await readdir(directory);
  year = { directory, dates: names.filter((name) => /^\d{8}$/.test(name)).sort() };
});
afterAll(() => rm(year.directory, { recursive: true }));

/** Stores the first days of the year: their files are what this storage would have written. */
function writeDays({ settings }: TestService, days: number): void {
  for (const date of year.dates.slice(0, days)) {
    cpSync(join(year.directory, date), join(settings.dataDir, date), { recursive: true });
  }
}

const YEAR = { user_id: 'ana', start: '2023-01-01T00:00:00Z', end: '2024-01-01T00:00:00Z' };

describe('GET of heart rates', () => {
  test('gives what the SDK gives, byte for byte the JSON of it', async () => {
    const { url, storage } = await startTest({ flags: { devicePriority: '{"watch":1,"band":2}' } });
    const users = ['ana', 'b/é🫀 +&=%"\\'];
    for (const user of users) await writePart({ storage }, readings(user, START_MS, START_MS + 2 * DAY_MS, 7_000));
    const cases: [Record<string, string>, Partial<QuestionInput>][] = [
      [{}, {}],
      [{ device_id: 'band' }, { deviceId: 'band' }],
      [{ device_id: 'nobody' }, { deviceId: 'nobody' }],
      [{ interval: '1h' }, { interval: '1h' }],
      [{ interval: '1d' }, { interval: '1d' }],
      [{ interval: '1w' }, { interval: '1w' }],
      [{ resolve: 'device' }, { resolve: 'device' }],
      [
        { resolve: 'device', interval: '1h', time_zone: '+05:30' },
        { resolve: 'device', interval: '1h', timeZone: '+05:30' },
      ],
      [
        { interval: '1d', time_zone: '+05:30' },
        { interval: '1d', timeZone: '+05:30' },
      ],
      [{ time_zone: 'Europe/Madrid' }, { timeZone: 'Europe/Madrid' }],
      [
        { interval: '15m', device_id: 'watch' },
        { interval: '15m', deviceId: 'watch' },
      ],
    ];
    const ranges = [
      ['2023-01-01T00:00:00Z', '2023-01-03T00:00:00Z'],
      ['2023-01-01T10:00:30.500Z', '2023-01-02T10:00:30.500+05:45'],
      ['2023-01-01T00:00:00Z', '2023-01-01T00:00:00Z'],
      ['2022-01-01T00:00:00Z', '2022-02-01T00:00:00Z'],
    ] as const;
    for (const userId of [...users, 'unknown']) {
      for (const [start, end] of ranges) {
        for (const [parameters, fields] of cases) {
          const response = await fetch(heartRateUrl(url, { user_id: userId, start, end, ...parameters }));
          expect(response.status).toBe(200);
          const priority = { watch: 1, band: 2 };
          const rows = await query({ storage }, { userId, start, end, priority, ...fields });
          expect(await response.text()).toBe(JSON.stringify(bodyOf(userId, rows)));
        }
      }
    }
  });

  test('is of a time zone where one is asked for, and refused where a form has none', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, readings('ana', START_MS, START_MS + DAY_MS, 600_000));
    const asked = { ...YEAR, interval: '1mo', time_zone: 'America/Argentina/Buenos_Aires' };
    const response = await fetch(heartRateUrl(url, asked));
    expect(await response.json()).toMatchObject({
      data: [
        { timestamp: '2022-12-01T00:00:00-03:00', end: '2023-01-01T00:00:00-03:00', count: 18 },
        { timestamp: '2023-01-01T00:00:00-03:00', end: '2023-02-01T00:00:00-03:00', count: 126 },
      ],
      count: 2,
    });
    const tag = response.headers.get('etag') ?? '';
    const again = await fetch(heartRateUrl(url, asked), { headers: { 'If-None-Match': tag } });
    expect(again.status).toBe(304);
    const client = createClient({ url });
    const rows: Row[] = [];
    for await (const row of client.query({
      userId: 'ana',
      start: YEAR.start,
      end: YEAR.end,
      interval: '1d',
      timeZone: '-03:00',
    }))
      rows.push(row);
    expect(rows[0]).toMatchObject({ timestamp: '2022-12-31T00:00:00-03:00', end: '2023-01-01T00:00:00-03:00' });
    for (const [parameters, headers, path] of [
      [{ time_zone: 'Mars/Olympus' }, {}, '/time_zone'],
      [{ time_zone: 'x'.repeat(8_000) }, {}, '/time_zone'],
      [{ fields: 'end' }, {}, '/fields'],
      [{ time_zone: 'UTC' }, { Accept: 'application/fhir+json' }, '/time_zone'],
      [{ interval: '1mo' }, { Accept: 'application/fhir+json' }, '/interval'],
    ] as const) {
      const refused = await fetch(heartRateUrl(url, { ...YEAR, ...parameters }), { headers });
      const problem = (await refused.json()) as { errors: unknown };
      expect([refused.status, problem.errors]).toEqual([400, [expect.objectContaining({ path })]]);
    }
    // A plus that was not escaped is a space.
    const unescaped = await fetch(`${heartRateUrl(url, YEAR)}&time_zone=+02:00`);
    expect(await unescaped.text()).toContain('%2B');
  });

  test('has each minute of one device where that is asked for, in every form', async () => {
    const { url, storage } = await startTest({ flags: { devicePriority: '{"watch":1}' } });
    const seconds = Array.from({ length: 120 }, (_, s) => START_MS + s * 1_000);
    const reading = (deviceId: string, timestampMs: number, heartRate: number) => {
      return { userId: 'ana', deviceId, timestampMs, heartRate, receivedMs: 0 };
    };
    await writePart({ storage }, [
      ...seconds.map((ms) => reading('strap', ms + 7, 90)),
      // Once a minute, and in the first alone.
      reading('watch', START_MS + 30_000, 60),
    ]);
    const asked = { ...YEAR, resolve: 'device' };
    const body = await fetch(heartRateUrl(url, asked));
    expect(await body.json()).toMatchObject({
      data: [
        { heart_rate: 60, count: 1, device_ids: ['watch'] },
        { heart_rate: 90, count: 60, device_ids: ['strap'] },
      ],
    });
    for (const [Accept, text] of [
      ['text/csv', ',60,60,60,1,'],
      ['application/x-ndjson', '"heart_rate":60,'],
      ['application/fhir+json', '60'],
    ] as const)
      expect(await (await fetch(heartRateUrl(url, asked), { headers: { Accept } })).text()).toContain(text);
    const other = await fetch(heartRateUrl(url, YEAR), {
      headers: { 'If-None-Match': body.headers.get('etag') ?? '' },
    });
    expect([other.status, ((await other.json()) as { data: unknown[] }).data[0]]).toMatchObject([200, { count: 61 }]);
    const rows: Row[] = [];
    const question = { userId: 'ana', start: YEAR.start, end: YEAR.end, interval: '5m', resolve: 'device' } as const;
    for await (const row of createClient({ url }).query(question)) rows.push(row);
    expect(rows).toMatchObject([{ heartRate: 89.51, count: 61, deviceIds: ['strap', 'watch'] }]);
    const refused = await fetch(heartRateUrl(url, { ...YEAR, resolve: 'minute' }));
    expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ path: '/resolve' }] }]);
  });

  test('looks as the contract shows it, and is kept by no cache', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, [
      { userId: 'ana', deviceId: 'b', timestampMs: START_MS + 1_000, heartRate: 70, receivedMs: 0 },
      { userId: 'ana', deviceId: 'a', timestampMs: START_MS + 2_000, heartRate: 81, receivedMs: 0 },
    ]);
    const response = await fetch(heartRateUrl(url, { ...YEAR, interval: '5m' }));
    expect(await response.text()).toBe(
      '{"user_id":"ana","data":[{"timestamp":"2023-01-01T00:00:00Z","heart_rate":75.5,"min":70,"max":81,"count":2,"device_ids":["a","b"]}],"count":1}',
    );
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('takes the priority and naive timestamps from the settings', async () => {
    const answers: string[] = [];
    for (const devicePriority of ['{"watch":1}', '{"band":1}']) {
      const { url, storage } = await startTest({ flags: { devicePriority, naiveTimestamps: 'utc' } });
      await writePart({ storage }, readings('ana', START_MS, START_MS + 1_000, 1_000));
      const response = await fetch(
        heartRateUrl(url, { user_id: 'ana', start: '2023-01-01T00:00:00', end: '2023-01-02T00:00:00' }),
      );
      expect(response.status).toBe(200);
      answers.push(await response.text());
    }
    expect(answers[0]).toContain('"heart_rate":40,"min":40,"max":40,"count":1,"device_ids":["watch"]');
    expect(answers[1]).toContain('"heart_rate":41,"min":41,"max":41,"count":1,"device_ids":["band"]');
  });

  test('HEAD answers with the headers alone, also of a long range, and reads no further', async () => {
    let snapshots = 0;
    const service = await startTest({
      wrapStorage: (storage) =>
        watchedStorage(storage, (count) => {
          snapshots = count;
        }),
    });
    const { url } = service;
    writeDays(service, 30);
    const response = await fetch(heartRateUrl(url, YEAR), { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(snapshots).toBeGreaterThan(0);
    expect(snapshots).toBeLessThan(10);
    expect((await fetch(`${url}/metrics/heart-rate`, { method: 'HEAD' })).status).toBe(400);
  });
});

describe('a year of minutes', () => {
  test('is streamed whole and right, while others are served', async () => {
    const service = await startTest();
    const { url, storage } = service;
    writeDays(service, 365);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const startMs = performance.now();
    const response = await fetch(heartRateUrl(url, YEAR));
    const firstMs = performance.now() - startMs;
    expect(response.headers.get('content-length')).toBeNull();
    let bytes = 0;
    let servedAtBytes = Number.POSITIVE_INFINITY;
    const other = post(`${url}/metrics/heart-rate`, wireReading()).then(({ status }) => {
      servedAtBytes = bytes;
      return status;
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      chunks.push(chunk);
    }
    const allMs = performance.now() - startMs;
    delay.disable();
    console.log(
      `a year: ${(bytes / 1e6).toFixed(1)} MB, headers after ${firstMs.toFixed(0)} ms, all after ${allMs.toFixed(0)} ms, event loop held at most ${(delay.max / 1e6).toFixed(0)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms`,
    );
    expect(await other).toBe(202);
    expect(servedAtBytes).toBeLessThan(bytes);
    const rows = await query({ storage }, { userId: 'ana', start: YEAR.start, end: YEAR.end });
    expect(rows).toHaveLength(365 * 1440);
    expect(Buffer.concat(chunks).toString('utf8') === JSON.stringify(bodyOf('ana', rows))).toBe(true);
  });

  test('is not read on when the client goes away, neither before the first byte nor after it', async () => {
    let snapshots = 0;
    const service = await startTest({
      wrapStorage: (storage) =>
        watchedStorage(storage, async (count) => {
          snapshots = count;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }),
    });
    const { port, url, log } = service;
    writeDays(service, 120);
    // Of days the whole answer is put together before it is sent, of minutes only the beginning.
    for (const [interval, minBytes] of [
      ['1d', 0],
      ['1m', 400_000],
    ] as const) {
      snapshots = 0;
      const target = new URL(heartRateUrl(url, { ...YEAR, interval }));
      const { socket, received, closed } = await connectRaw(port);
      socket.write(`GET ${target.pathname}${target.search} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await until(() => snapshots > 0 && received().length >= minBytes, 'the answer has begun');
      socket.resetAndDestroy();
      await closed;
      await until(() => quietFor(() => snapshots), 'reading has stopped');
      expect([interval, snapshots < 100]).toEqual([interval, true]);
    }
    expect(withoutHealth(log).filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  test('is given however late it begins: it is the client who waits', async () => {
    const service = await startTest({
      limits: { stalledMs: 100, checkEveryMs: 20 },
      wrapStorage: (storage) =>
        watchedStorage(storage, async (count) => {
          if (count === 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
        }),
    });
    writeDays(service, 1);
    const response = await fetch(heartRateUrl(service.url, YEAR));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ count: 1_440 });
  });

  test('is not read faster than the client takes it, and given up when it takes nothing', async () => {
    let snapshots = 0;
    const service = await startTest({
      limits: { stalledMs: 500, checkEveryMs: 50 },
      wrapStorage: (storage) =>
        watchedStorage(storage, (count) => {
          snapshots = count;
        }),
    });
    const { url, port } = service;
    // 30 MB, which is more than sockets buffer.
    writeDays(service, 200);
    const { socket, closed } = await connectRaw(port);
    socket.pause();
    const target = new URL(heartRateUrl(url, YEAR));
    socket.write(`GET ${target.pathname}${target.search} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => snapshots > 0, 'the answer has begun');
    await until(() => quietFor(() => snapshots), 'the socket is full');
    expect(snapshots).toBeLessThan(150);
    const before = snapshots;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    socket.resume();
    const answer = await closed;
    // Compared here, since a failure would print all of it.
    expect(answer.includes('"count":288000}')).toBe(false);
    expect(snapshots).toBe(before);
  });

  test('is given to so many of one client at once, and to others all the while', async () => {
    const { keysFile, headers: keys } = await makeKeys(2);
    const [headers, others] = keys as [Bearer, Bearer];
    const service = await startTest({ keysFile });
    const { url } = service;
    writeDays(service, 200);
    const aborts = new AbortController();
    const long = heartRateUrl(url, YEAR);
    // Nobody reads them.
    const responses = await Promise.all(
      Array.from({ length: MAX_LONG_ANSWERS / 4 + 3 }, async () => {
        const response = await fetch(long, { signal: aborts.signal, headers });
        if (response.status === 503) {
          expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
          expect(await response.json()).toMatchObject({ code: 'too_busy' });
        }
        return response;
      }),
    );
    expect(responses.filter(({ status }) => status === 503)).toHaveLength(3);
    const short = heartRateUrl(url, { ...YEAR, end: '2023-01-02T00:00:00Z' });
    expect((await fetch(short, { signal: aborts.signal, headers })).status).toBe(200);
    const other = await fetch(long, { signal: aborts.signal, headers: others });
    expect(other.status).toBe(200);
    aborts.abort();
    await expect
      .poll(async () => {
        const response = await fetch(long, { headers });
        await response.body?.cancel();
        return response.status;
      })
      .toBe(200);
  });
});

/** Whether a figure stands still for 200 ms. */
async function quietFor(figure: () => number): Promise<boolean> {
  const before = figure();
  await new Promise((resolve) => setTimeout(resolve, 200));
  return figure() === before;
}

describe('a storage that fails', () => {
  const error = () => new HrmError('cannot read 20230101/ana', { kind: 'unavailable', code: 'storage_unavailable' });

  test('before the first byte is a problem', async () => {
    const service = await startTest({
      wrapStorage: (storage) =>
        watchedStorage(storage, (count) => {
          if (count === 2) throw error();
        }),
    });
    const { url, log } = service;
    writeDays(service, 30);
    const response = await fetch(heartRateUrl(url, YEAR));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'storage_unavailable' });
    expect(text).not.toContain('ana');
    const lines = withoutHealth(log);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('ana');
  });

  test('after it cuts the connection, so that half an answer is not taken for one', async () => {
    const service = await startTest({
      wrapStorage: (storage) =>
        watchedStorage(storage, (count) => {
          if (count === 20) throw error();
        }),
    });
    const { url, port, log } = service;
    writeDays(service, 30);
    const target = new URL(heartRateUrl(url, YEAR));
    const { socket, closed } = await connectRaw(port);
    socket.write(`GET ${target.pathname}${target.search} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const text = await closed;
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(text).not.toContain('\r\n0\r\n\r\n');
    expect(text).not.toContain('Error');
    const response = fetch(heartRateUrl(url, { ...YEAR, start: '2023-01-29T00:00:00Z' }));
    expect((await response).status).toBe(200);
    const lines = withoutHealth(log).map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([{ level: 40, code: 'storage_unavailable' }]);
  });

  test('without a damaged file is of the rest, not to be kept, and the log and /health say so', async () => {
    const service = await startTest();
    const { url, settings, log } = service;
    writeDays(service, 2);
    const directory = `${settings.dataDir}/20230101/ana`;
    for (const name of await readdir(directory)) await truncate(`${directory}/${name}`, 100);
    const response = await fetch(heartRateUrl(url, YEAR));
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ count: 1_440, data: { 0: { timestamp: '2023-01-02T00:00:00Z' } } });
    expect(await readdir(directory)).toEqual([]);
    const again = await fetch(heartRateUrl(url, YEAR));
    expect(again.headers.get('etag')).not.toBeNull();
    expect(await again.json()).toMatchObject({ count: 1_440 });
    expect(withoutHealth(log).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      {
        level: 40,
        date: '20230101',
        file: expect.stringMatching(/^part-[0-9a-f]{32}\.parquet$/),
        code: 'file_damaged',
        outcome: 'quarantined',
      },
    ]);
    expect(log.join('')).not.toContain('ana');
    const storageCheck = async () => {
      const { checks } = (await (await fetch(`${url}/health`)).json()) as { checks: { storage: string } };
      return checks.storage;
    };
    const told = 'files in quarantine: 1 (run hrm verify; delete them when that is dealt with)';
    await expect.poll(storageCheck).toBe(told);
    // That is over when somebody has dealt with it, and not before.
    await rm(`${settings.dataDir}/.quarantine`, { recursive: true });
    await expect.poll(storageCheck).toBe('healthy');
  });
});
