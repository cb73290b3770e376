/** What GET /metrics says, and that nothing keeps it from saying it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { HrmError, type Storage, writePart } from 'hrm-core';
import { createKey } from 'hrm-core/keys';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serve } from '../src/index.js';
import { scrape } from './scrape.js';
import {
  exchangeRaw,
  filesBelow,
  freePort,
  post,
  startTest,
  temporaryDirectory,
  testSettings,
  until,
  wireReading,
} from './support.js';

const SINGLE = '/metrics/heart-rate';
const BATCH = '/metrics/heart-rate/batch';
const DAY = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
const FAST = { batchMaxAgeMs: '0', compactEveryMs: '20', sweepAfterMs: '0' };
const FOREVER = new Promise<never>(() => undefined);

/** Waits until a series has a value: requests are counted when they are over, a moment after their answer. */
async function untilSeries(url: string, series: string, value: number): Promise<void> {
  await until(async () => (await scrape(url)).value(series) === value, `${series} is ${value}`);
}

/** Of each process that gave a sign of life beside the data, whether it has stopped; those that run first. */
async function stoppedProcesses(dataDir: string): Promise<boolean[]> {
  const directory = join(dataDir, '.processes');
  const names = (await readdir(directory)).filter((name) => name !== 'last-compaction.json');
  const records = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return records.map((text) => JSON.parse(text).stopped === true).sort((a, b) => Number(a) - Number(b));
}

describe('GET /metrics', () => {
  test('counts what the whole path does, from the POST to the sweep', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer', 'compacter'], flags: FAST });
    const empty = await scrape(url);
    expect(empty.value('hrm_readings_accepted_total')).toBe(0);
    expect(empty.value('hrm_parts_written_total')).toBe(0);
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
    const more = [1, 2, 3].map((second) => wireReading({ timestamp: `2024-01-15T10:00:0${second}Z` }));
    expect((await post(url + BATCH, more)).status).toBe(202);
    await untilSeries(url, 'hrm_readings_accepted_total', 4);
    await untilSeries(url, 'hrm_readings_stored_total', 4);
    await until(
      async () => Number((await scrape(url)).value('hrm_compaction_files_swept_total')) > 0,
      'the part is swept',
    );
    // The queue is looked at now and then.
    await untilSeries(url, 'hrm_queue_readings{state="waiting"}', 0);
    const after = await scrape(url);
    const parts = Number(after.value('hrm_parts_written_total'));
    expect(parts).toBeGreaterThan(0);
    expect(after.value('hrm_parts_written_bytes_total')).toBeGreaterThan(500);
    expect(after.value('hrm_batch_readings_sum')).toBe(4);
    expect(after.value('hrm_batch_readings_count')).toBe(after.value('hrm_batch_duration_seconds_count'));
    expect(after.value('hrm_batch_lag_seconds_count')).toBe(after.value('hrm_batch_readings_count'));
    expect(after.value('hrm_compaction_partitions_total{outcome="compacted"}')).toBeGreaterThan(0);
    expect(after.value('hrm_compaction_rows_rewritten_total')).toBeGreaterThanOrEqual(4);
    expect(after.value('hrm_compaction_files_merged_total')).toBeGreaterThanOrEqual(parts);
    expect(after.value('hrm_compaction_duration_seconds_count')).toBeGreaterThan(0);
    const ageSeconds = Date.now() / 1_000 - Number(after.value('hrm_compaction_last_run_timestamp_seconds'));
    expect(ageSeconds).toBeGreaterThanOrEqual(0);
    expect(ageSeconds).toBeLessThan(60);
    expect(after.value('hrm_queue_readings{state="waiting"}')).toBe(0);
    expect(after.value('hrm_queue_oldest_age_seconds')).toBe(0);
    expect(after.value('hrm_queue_high_water_readings')).toBe(5_000_000);
    expect(after.value('hrm_space_free_bytes{place="storage"}')).toBeGreaterThan(0);
    expect(after.value('hrm_space_free_inodes{place="storage"}')).toBeGreaterThan(0);
    expect(after.value('hrm_space_total_inodes{place="storage"}')).toBeGreaterThan(0);
  });

  test('counts what was refused by its reason, with all readings of a refused batch', async () => {
    const { url } = await startTest();
    await post(url + SINGLE, wireReading({ heart_rate: 7_000 }));
    await post(url + BATCH, [wireReading(), wireReading(), wireReading({ user_id: '' })]);
    await post(url + BATCH, [wireReading(), '{'].join('\n'), { 'Content-Type': 'application/x-ndjson' });
    await post(url + SINGLE, '{');
    await post(url + SINGLE, wireReading(), { 'Content-Type': 'text/plain' });
    // Not to be refused, or not of readings.
    await post(url + SINGLE, wireReading());
    await fetch(`${url}${SINGLE}?user_id=ana`);
    await untilSeries(url, 'hrm_readings_rejected_total{reason="invalid_readings"}', 6);
    const { value } = await scrape(url);
    expect(value('hrm_readings_rejected_total{reason="not_json"}')).toBe(1);
    expect(value('hrm_readings_rejected_total{reason="unsupported_media_type"}')).toBe(1);
    expect(value('hrm_readings_rejected_total{reason="invalid_query"}')).toBeUndefined();
    expect(value('hrm_readings_accepted_total')).toBe(1);
    expect(value(`hrm_requests_total{method="POST",route="${SINGLE}",status="202"}`)).toBe(1);
    expect(value(`hrm_requests_total{method="POST",route="${BATCH}",status="400"}`)).toBe(2);
    expect(value(`hrm_requests_total{method="GET",route="${SINGLE}",status="400"}`)).toBe(1);
    expect(value(`hrm_request_duration_seconds_count{method="POST",route="${SINGLE}"}`)).toBe(4);
  });

  test('tells queries apart by form and interval, with time and bytes', async () => {
    const { url, storage } = await startTest();
    const reading = {
      userId: 'ana',
      deviceId: 'w',
      timestampMs: Date.UTC(2024, 0, 15, 10),
      heartRate: 70,
      receivedMs: 0,
    };
    await writePart({ storage }, [reading]);
    const ask = (more: string, headers: Record<string, string> = {}) =>
      fetch(`${url}${SINGLE}?${DAY}${more}`, { headers });
    const first = await ask('');
    const bytes = (await first.arrayBuffer()).byteLength;
    await ask('&interval=1m');
    await ask('&interval=1h');
    await ask('', { Accept: 'application/x-ndjson' });
    await ask('&interval=1d', { Accept: 'text/csv' });
    expect((await ask('', { 'If-None-Match': first.headers.get('etag') ?? '' })).status).toBe(304);
    await ask('&interval=2m');
    await untilSeries(url, `hrm_requests_total{method="GET",route="${SINGLE}",status="400"}`, 1);
    const { value } = await scrape(url);
    const counts = { json_minute: 2, json_coarse: 1, ndjson_minute: 1, csv_coarse: 1, not_modified: 1 };
    for (const [kind, count] of Object.entries(counts)) {
      expect([kind, value(`hrm_query_duration_seconds_count{kind="${kind}"}`)]).toEqual([kind, count]);
      expect([kind, value(`hrm_query_response_bytes_count{kind="${kind}"}`)]).toEqual([kind, count]);
    }
    // Two of the same, each with its headers.
    expect(value('hrm_query_response_bytes_sum{kind="json_minute"}')).toBeGreaterThan(2 * bytes);
    expect(value('hrm_query_response_bytes_sum{kind="json_minute"}')).toBeLessThan(2 * bytes + 2_000);
  });

  test('has no label that a client, a user or a device chose', async () => {
    const secret = 'Annabell';
    const { url } = await startTest({ parts: ['api', 'consumer', 'compacter'], flags: FAST });
    await post(url + SINGLE, wireReading({ user_id: secret, device_id: secret }), { 'X-Request-Id': secret });
    for (const path of [`/${secret}`, `/users/${secret}/devices`, `/users/${secret}/latest`, `/assets/${secret}`]) {
      await fetch(url + path);
      await fetch(url + path, { method: 'DELETE' });
    }
    await fetch(
      `${url}${SINGLE}?user_id=${secret}&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z&device_id=${secret}`,
    );
    await untilSeries(url, 'hrm_requests_total{method="DELETE",route="/assets/*",status="404"}', 1);
    const { text, labels } = await scrape(url);
    expect(text).not.toContain(secret);
    expect([...(labels.get('route') ?? [])].sort()).toEqual([
      '/assets/*',
      '/metrics',
      SINGLE,
      '/users/{user_id}/devices',
      '/users/{user_id}/latest',
      'other',
    ]);
  });

  test('has dead letters, damage, failures and what the watchdog did', async () => {
    let failures = 1;
    let hangs = 1;
    const { url, queue, settings, storage } = await startTest({
      parts: ['api', 'consumer', 'compacter'],
      flags: { ...FAST, leaseMs: '100' },
      // The compacter only has to wait for the disk, which may take a second where others sync too.
      watch: { consumerStallMs: 300, compacterStallMs: 60_000, graceMs: 300, restartPauseMs: 10 },
      wrapQueue: (real) => ({ ...real, wait: (ripe, options) => real.wait(ripe, { ...options, timeoutMs: 20 }) }),
      wrapStorage: (real): Storage => ({
        ...real,
        publish(...call) {
          if (failures-- > 0) return Promise.reject(new Error('once'));
          if (hangs-- <= 0) return real.publish(...call);
          return new Promise((_, reject) => {
            call[3]?.signal?.addEventListener('abort', () => {
              reject(new HrmError('aborted', { kind: 'closed', code: 'aborted' }));
            });
          });
        },
      }),
    });
    const reading = { userId: 'ana', deviceId: 'w', timestampMs: Date.UTC(2023, 0, 1), heartRate: 70, receivedMs: 0 };
    await writePart({ storage }, [reading]);
    // Beside it: that part itself the compacter may have merged by now. The question meets it, if not the compacter.
    await writeFile(join(settings.dataDir, '20230101', 'ana', 'part-damaged.parquet'), 'damaged');
    await fetch(`${url}${SINGLE}?user_id=ana&start=2023-01-01T00:00:00Z&end=2023-01-02T00:00:00Z`);
    await queue.push([{ bytes: Buffer.from('no reading'), readings: 1 }]);
    await post(url + SINGLE, wireReading());
    await untilSeries(url, 'hrm_queue_dead_letters', 1);
    await untilSeries(url, 'hrm_dead_letters_total', 1);
    await until(
      async () => Number((await scrape(url)).value('hrm_files_damaged_total{outcome="quarantined"}')) > 0,
      'the damage is counted',
    );
    await until(async () => (await scrape(url)).value('hrm_readings_stored_total') === 1, 'it is stored');
    const { value } = await scrape(url);
    expect(value('hrm_loop_failures_total{loop="consumer"}')).toBeGreaterThan(0);
    // On a busy machine the loop that was begun anew may stand still as long.
    expect(value('hrm_watchdog_actions_total{action="stalled",loop="consumer"}')).toBeGreaterThan(0);
    expect(value('hrm_watchdog_actions_total{action="restarted",loop="consumer"}')).toBeGreaterThan(0);
    expect(value('hrm_watchdog_actions_total{action="stalled",loop="compacter"}')).toBe(0);
    await until(
      async () => (await scrape(url)).value('hrm_health_status{check="queue",status="degraded"}') === 1,
      'dead letters show in the status',
    );
  });

  test('tells depth and age of the queue where nobody consumes', async () => {
    const { url } = await startTest();
    await post(url + BATCH, [wireReading(), wireReading()]);
    await untilSeries(url, 'hrm_queue_readings{state="waiting"}', 2);
    await until(async () => Number((await scrape(url)).value('hrm_queue_oldest_age_seconds')) > 0, 'it ages');
    const { value } = await scrape(url);
    expect(value('hrm_queue_readings{state="claimed"}')).toBe(0);
    // A process without a compacter says nothing of its last run.
    expect(value('hrm_compaction_last_run_timestamp_seconds')).toBeUndefined();
  });

  test.each([
    ['hangs', () => FOREVER],
    ['fails', () => Promise.reject(new HrmError('gone', { kind: 'unavailable', code: 'queue_unavailable' }))],
  ])('answers while the queue %s, without figures of before', async (_, call) => {
    let isGone = false;
    const { url } = await startTest({
      wrapQueue: (queue) => ({ ...queue, depth: () => (isGone ? call() : queue.depth()) }),
    });
    await untilSeries(url, 'hrm_queue_readings{state="waiting"}', 0);
    isGone = true;
    await untilSeries(url, 'hrm_health_status{check="queue",status="unhealthy"}', 1);
    const { value } = await scrape(url);
    expect(value('hrm_queue_readings{state="waiting"}')).toBeUndefined();
    expect(value('hrm_queue_oldest_age_seconds')).toBeUndefined();
    expect(value('hrm_queue_dead_letters')).toBeUndefined();
    expect(value('hrm_space_free_bytes{place="queue"}')).toBeUndefined();
    expect(value('hrm_space_free_bytes{place="storage"}')).toBeGreaterThan(0);
    expect(value('hrm_readings_accepted_total')).toBe(0);
  });

  test('asks the queue no more often than /health does, however often it is scraped', async () => {
    let asked = 0;
    const { url } = await startTest({
      wrapQueue: (queue) => ({
        ...queue,
        depth() {
          asked += 1;
          return queue.depth();
        },
      }),
    });
    const startMs = performance.now();
    await Promise.all(Array.from({ length: 100 }, () => scrape(url)));
    const seconds = (performance.now() - startMs) / 1_000;
    expect(asked).toBeLessThanOrEqual(2 + seconds);
  });

  test('has process, version, and the form that Prometheus reads; two services count apart', async () => {
    const [one, other] = [await startTest(), await startTest()];
    await post(one.url + SINGLE, wireReading());
    await untilSeries(one.url, 'hrm_readings_accepted_total', 1);
    expect((await scrape(other.url)).value('hrm_readings_accepted_total')).toBe(0);
    const response = await fetch(`${one.url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-store');
    const { value, text } = await scrape(one.url);
    expect(text).toMatch(/^hrm_build_info\{version="\d+\.\d+\.\d+",node="\d+\.\d+\.\d+"\} 1$/m);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
    const [half, most, all] = ['p50', 'p99', 'max'].map((name) => value(`nodejs_eventloop_lag_${name}_seconds`) ?? -1);
    expect(half).toBeGreaterThanOrEqual(0);
    expect(most).toBeGreaterThanOrEqual(half ?? 0);
    expect(all).toBeGreaterThanOrEqual(most ?? 0);
  });
});

describe('the routes for those who run it', () => {
  test.each(['/metrics', '/health/live', '/health'])('%s is for GET and HEAD alone', async (path) => {
    const { url } = await startTest();
    const head = await fetch(url + path, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const refused = await post(url + path, {});
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await refused.json()).toMatchObject({ code: 'method_not_allowed' });
  });

  test('/health/live answers without asking anything', async () => {
    let calls = 0;
    const count = <Result>(call: () => Result): Result => {
      calls += 1;
      return call();
    };
    const { url } = await startTest({
      wrapQueue: (queue) => ({ ...queue, check: () => count(() => FOREVER), depth: () => count(() => FOREVER) }),
      wrapStorage: (storage) => ({ ...storage, check: () => count(() => FOREVER) }),
    });
    const before = calls;
    const response = await fetch(`${url}/health/live`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'alive' }]);
    expect(calls).toBe(before);
  });
});

test('scrapes that nobody reads hold up nobody', async () => {
  const { url, port } = await startTest();
  for (let i = 0; i < 20; i += 1) {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('error', () => undefined).pause();
    socket.write(`GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`.repeat(50));
  }
  for (let i = 0; i < 20; i += 1) expect((await post(`${url}/metrics/heart-rate`, wireReading())).status).toBe(202);
  expect((await scrape(url)).value('hrm_readings_accepted_total')).toBe(20);
});

describe('the port for metrics', () => {
  const log = pino({ level: 'silent' });

  test.each([['consumer'], ['compacter'], ['api']] as const)('serves them and health alone, of a %s', async (part) => {
    const metricsPort = await freePort();
    const settings = await testSettings({ ...FAST, metricsPort: String(metricsPort) });
    const service = await serve(settings, { parts: [part], log });
    const url = `http://127.0.0.1:${metricsPort}`;
    try {
      expect((await scrape(url)).value('hrm_readings_accepted_total')).toBe(0);
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'healthy' });
      expect(await (await fetch(`${url}/health/live`)).json()).toEqual({ status: 'alive' });
      for (const path of [`${SINGLE}?${DAY}`, '/']) expect((await fetch(url + path)).status).toBe(404);
      expect((await post(url + SINGLE, wireReading())).status).toBe(404);
      // By another name, as a web page would reach it.
      const foreign = 'GET /metrics HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n';
      expect(await exchangeRaw(metricsPort, foreign)).toMatch(/^HTTP\/1.1 421 /);
    } finally {
      await service.close();
    }
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  });

  test('wants a key of scope admin for the metrics, where there are keys, and none for health', async () => {
    const metricsPort = await freePort();
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const settings = await testSettings({ ...FAST, metricsPort: String(metricsPort), keysFile });
    const forKey = { name: 'key', userIds: null, expiresMs: null };
    const admin = await createKey(keysFile, { ...forKey, scopes: ['admin'] });
    const query = await createKey(keysFile, { ...forKey, name: 'other', scopes: ['query'] });
    const service = await serve(settings, { parts: ['consumer'], log });
    try {
      async function ask(path: string, token?: string): Promise<number> {
        const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
        return (await fetch(`http://127.0.0.1:${metricsPort}${path}`, { headers })).status;
      }
      expect(await ask('/metrics')).toBe(401);
      expect(await ask('/metrics', `${admin.token}x`)).toBe(401);
      expect(await ask('/metrics', query.token)).toBe(403);
      expect(await ask('/metrics', admin.token)).toBe(200);
      expect([await ask('/health'), await ask('/health/live')]).toEqual([200, 200]);
    } finally {
      await service.close();
    }
  });

  test('is none by default, and says so when it is taken', async () => {
    const metricsPort = await freePort();
    const settings = await testSettings({ metricsPort: String(metricsPort) });
    const service = await serve(settings, { parts: ['compacter'], log });
    try {
      const error = await serve(settings, { parts: ['compacter'], log }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'port_in_use', message: expect.stringContaining('HRM_METRICS_PORT') });
      // Nothing of what did not start goes on: the last that it writes is there by then.
      expect(await stoppedProcesses(settings.dataDir)).toEqual([false, true]);
    } finally {
      await service.close();
    }
    const other = { ...settings, host: '0.0.0.0' };
    await expect(serve(other, { parts: ['compacter'], log })).rejects.toMatchObject({ code: 'invalid_settings' });
    expect(await filesBelow(settings.dataDir)).toEqual(expect.any(Array));
  });
});
