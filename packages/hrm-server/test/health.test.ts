import { type Clock, HrmError, type Queue, type QueueDepth, type Storage, type StorageCheck } from 'hrm-core';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createHealth } from '../src/ops/health.js';
import { consumerListener } from '../src/ops/log-steps.js';
import { startTest, until } from './support.js';

const SETTINGS = { batchMaxAgeMs: 5_000, leaseMs: 30_000 };
const UNKNOWN: StorageCheck = { freeBytes: null, totalBytes: null, quarantinedFiles: 0 };
const EMPTY: QueueDepth = { readings: 0, claimedReadings: 0, deadLetters: 0, endedClaims: 0, oldestMs: null };

/** A watch over drivers of which only the checked calls are there, and a clock that the test moves. */
function createTestHealth(depth: () => Promise<QueueDepth>, check: () => Promise<StorageCheck>) {
  let nowMs = 1_000_000;
  const clock: Clock = { nowMs: () => nowMs };
  const components = { queue: { depth, check: async () => ({ ...UNKNOWN, warnings: [] }) }, storage: { check }, clock };
  const health = createHealth(components, SETTINGS);
  return {
    ...health,
    advance(ms: number) {
      nowMs += ms;
    },
  };
}

function unavailable(code: string): HrmError {
  return new HrmError('cannot write /secret/place', { kind: 'unavailable', code });
}

describe('GET /health', () => {
  test('is healthy when queue and storage are, and is kept by no cache', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer', 'compacter'] });
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(
      '{"status":"healthy","checks":{"service":"healthy","queue":"healthy","storage":"healthy"}}',
    );
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect((await fetch(`${url}/health`, { method: 'HEAD' })).status).toBe(200);
  });

  test('is 503 with a reason when one of them fails, and 200 again', async () => {
    let fails: 'queue' | 'queue check' | 'storage' | null = 'queue';
    const { url, log } = await startTest({
      wrapQueue: (queue): Queue => ({
        ...queue,
        depth: () => (fails === 'queue' ? Promise.reject(unavailable('queue_unavailable')) : queue.depth()),
        check: () => (fails === 'queue check' ? Promise.reject(unavailable('queue_full')) : queue.check()),
      }),
      wrapStorage: (storage): Storage => ({
        ...storage,
        check: () => (fails === 'storage' ? Promise.reject(unavailable('storage_full')) : storage.check()),
      }),
    });
    async function bodyWhen(status: number): Promise<unknown> {
      await until(async () => (await fetch(`${url}/health`)).status === status, `/health is ${status}`);
      const text = await (await fetch(`${url}/health`)).text();
      expect(text).not.toContain('secret');
      return JSON.parse(text);
    }
    expect(await bodyWhen(503)).toEqual({
      status: 'unhealthy',
      checks: { service: 'healthy', queue: 'queue unavailable', storage: 'healthy' },
    });
    fails = null;
    expect(await bodyWhen(200)).toMatchObject({ status: 'healthy' });
    // Its depth can be read all the same.
    fails = 'queue check';
    expect(await bodyWhen(503)).toEqual({
      status: 'unhealthy',
      checks: { service: 'healthy', queue: 'queue full', storage: 'healthy' },
    });
    fails = null;
    expect(await bodyWhen(200)).toMatchObject({ status: 'healthy' });
    fails = 'storage';
    expect(await bodyWhen(503)).toMatchObject({
      status: 'unhealthy',
      checks: { service: 'healthy', queue: 'healthy', storage: 'storage full' },
    });
    expect(log.join('')).not.toContain('secret');
  });

  test('is degraded while there are dead letters, and after a step of a loop failed', async () => {
    let isFull = true;
    const { url, queue } = await startTest({
      parts: ['api', 'consumer'],
      flags: { batchMaxAgeMs: '0' },
      wrapStorage: (storage): Storage => ({
        ...storage,
        publish: (...call) => (isFull ? Promise.reject(unavailable('storage_full')) : storage.publish(...call)),
      }),
    });
    async function checks(): Promise<{ service: string; queue: string }> {
      return ((await (await fetch(`${url}/health`)).json()) as { checks: { service: string; queue: string } }).checks;
    }
    const good = JSON.stringify({ user_id: 'ana', device_id: 'w', timestamp_ms: 1, heart_rate: 70 });
    await queue.push([
      { bytes: Buffer.from('not json'), readings: 1 },
      { bytes: Buffer.from(good), readings: 1 },
    ]);
    await until(async () => (await checks()).service !== 'healthy', 'the failure shows');
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'degraded',
      checks: { service: 'the last step of the consumer failed: storage full' },
    });
    isFull = false;
    await until(async () => (await checks()).queue !== 'healthy', 'the dead letter shows');
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'degraded',
      checks: { service: 'healthy', queue: 'dead letters: 1 (see hrm dlq list)', storage: 'healthy' },
    });
  });
});

describe('health', () => {
  test('looks again when the clock was set back, and forgets no failure that has no end', async () => {
    let fails = true;
    const health = createTestHealth(
      async () => EMPTY,
      async () => (fails ? Promise.reject(unavailable('storage_full')) : UNKNOWN),
    );
    health.record('consumer', { reason: 'a step failed', lastsMs: 1_000 });
    expect((await health.check()).status).toBe('unhealthy');
    fails = false;
    health.advance(-3_600_000);
    expect((await health.check()).status).toBe('healthy');
    health.record('compacter', { reason: 'files that cannot be read', lastsMs: Number.POSITIVE_INFINITY });
    health.advance(-3_600_000);
    expect((await health.check()).checks.service).toBe('files that cannot be read');
  });

  test('checks once however many ask, and again after a second', async () => {
    let checks = 0;
    const health = createTestHealth(
      async () => EMPTY,
      async () => {
        checks += 1;
        return UNKNOWN;
      },
    );
    await Promise.all(Array.from({ length: 1000 }, () => health.check()));
    expect(checks).toBe(1);
    health.advance(999);
    await health.check();
    expect(checks).toBe(1);
    health.advance(1);
    await health.check();
    expect(checks).toBe(2);
  });

  test('does not wait for a disk that hangs, and starts no second check on it', async () => {
    let checks = 0;
    let answer = () => {};
    const health = createTestHealth(
      async () => EMPTY,
      () => {
        checks += 1;
        return new Promise((resolve) => {
          answer = () => resolve(UNKNOWN);
        });
      },
    );
    const startMs = performance.now();
    const report = await health.check();
    expect(performance.now() - startMs).toBeGreaterThan(1_900);
    expect(report).toMatchObject({
      status: 'unhealthy',
      checks: { queue: 'healthy', storage: 'no answer within 2000 ms' },
    });
    health.advance(10_000);
    await health.check();
    expect(checks).toBe(1);
    answer();
    await until(async () => (await health.check()).status === 'healthy', 'the disk is back');
  });

  test('is degraded while readings wait longer than batch age and lease allow', async () => {
    const health = createTestHealth(
      async () => ({ ...EMPTY, readings: 1, oldestMs: 1_000_000 }),
      async () => UNKNOWN,
    );
    health.advance(95_000);
    expect(await health.check()).toMatchObject({ status: 'healthy' });
    health.advance(1_001);
    expect(await health.check()).toMatchObject({
      status: 'degraded',
      checks: { queue: expect.stringContaining('consumer') },
    });
  });

  test('forgets a failure of an idle loop in time, and at once after a success', async () => {
    const health = createTestHealth(
      async () => EMPTY,
      async () => UNKNOWN,
    );
    health.record('consumer', { reason: 'the disk is full', lastsMs: 5_000 });
    health.record('compacter', { reason: 'a file is damaged', lastsMs: Number.POSITIVE_INFINITY });
    expect((await health.check()).checks.service).toBe('the disk is full; a file is damaged');
    health.advance(5_000);
    expect((await health.check()).checks.service).toBe('a file is damaged');
    health.record('compacter', null);
    expect(await health.check()).toMatchObject({ status: 'healthy' });
  });

  test('hears of readings put back until the queue is idle, not only until the next batch', async () => {
    const reports: string[] = [];
    const log: Record<string, unknown>[] = [];
    const health = createTestHealth(
      async () => EMPTY,
      async () => UNKNOWN,
    );
    const postponed = {
      claimed: 2,
      parts: [],
      deadLettered: 0,
      erased: 0,
      expired: 0,
      postponed: 2,
      undecided: 0,
      left: 0,
      failures: [
        { partition: { date: '20240115', directory: 'secret' }, code: 'storage_unavailable', message: 'open /secret' },
      ],
      lagMs: 0,
      outcome: 'acked',
    } as const;
    const onEvent = consumerListener({
      health,
      log: pino({}, { write: (line: string) => log.push(JSON.parse(line)) }),
    });
    for (const event of [
      { type: 'drained', summary: postponed, durationMs: 1 },
      { type: 'drained', summary: { ...postponed, postponed: 0, failures: [] }, durationMs: 1 },
      { type: 'idle' },
    ] as const) {
      onEvent(event);
      health.advance(1_000);
      reports.push((await health.check()).checks.service);
    }
    expect(reports).toEqual(['some readings cannot be stored now', 'some readings cannot be stored now', 'healthy']);
    expect(log).toMatchObject([
      { level: 40, postponed: 2, failures: 1, failed: [{ date: '20240115', code: 'storage_unavailable' }] },
      { level: 30, claimed: 2 },
    ]);
    expect(JSON.stringify(log)).not.toContain('secret');
  });

  test('gives no message of an error away, not even of a defect', async () => {
    const health = createTestHealth(
      () => Promise.reject(new TypeError('/secret')),
      () => Promise.reject(unavailable('storage_full')),
    );
    expect(await health.check()).toEqual({
      status: 'unhealthy',
      checks: { service: 'healthy', queue: 'internal', storage: 'storage full' },
    });
  });
});
