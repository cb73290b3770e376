/** What is found in real queues, said by /health and by the log. */
import type { Clock, Queue } from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHealth } from '../src/ops/health.js';
import { startTest, testSettings, until } from './support.js';

const LIMITS = { maxReadings: 1_000, maxBytes: 1e6, maxElements: 1, leaseMs: 30_000 };

/** A health check over real drivers, with a clock that the test moves. */
async function startHealth(queueHighWater: number) {
  const settings = await testSettings();
  const queue = await openQueue(settings);
  const storage = await openStorage(settings);
  onTestFinished(async () => {
    await queue.close();
    await storage.close();
  });
  let aheadMs = 0;
  const clock: Clock = { nowMs: () => Date.now() + aheadMs };
  // Only of the room: others write to this disk too.
  const roomy = { check: async () => ({ ...(await storage.check()), freeBytes: null }) };
  const ofQueue = { depth: () => queue.depth(), check: async () => ({ ...(await queue.check()), freeBytes: null }) };
  const health = createHealth(
    { queue: ofQueue, storage: roomy, clock },
    { batchMaxAgeMs: 5_000, leaseMs: 30_000, queueHighWater },
  );
  return {
    queue,
    /** What is found `ms` later. */
    async codesAfter(ms: number): Promise<string[]> {
      aheadMs += ms;
      return (await health.inspect()).map(({ check, code, severity }) => `${check} ${code} ${severity}`);
    },
    check: () => health.check(),
  };
}

function push(queue: Queue, readings: number): Promise<void> {
  return queue.push([{ bytes: Buffer.from('any'), readings }]);
}

describe('the queue', () => {
  test('comes near its high-water mark, and is over it, with what consumers have in hand', async () => {
    const { queue, codesAfter, check } = await startHealth(1_000);
    await push(queue, 799);
    expect(await codesAfter(0)).toEqual([]);
    await push(queue, 1);
    await queue.claim(LIMITS);
    expect(await codesAfter(1_000)).toEqual(['queue backlog degraded']);
    expect((await check()).checks.queue).toBe(
      'the queue is at 80 % of its high-water mark: run more consumers before it refuses readings',
    );
    await push(queue, 200);
    expect(await codesAfter(1_000)).toEqual(['queue high_water degraded']);
  });

  test('has claims that nobody takes over', async () => {
    const { queue, codesAfter, check } = await startHealth(1_000);
    await push(queue, 1);
    const claim = await queue.claim(LIMITS);
    expect(await codesAfter(70_000)).toEqual([]);
    await queue.release(claim?.token ?? '');
    expect(await codesAfter(1_000)).toEqual([]);
    expect(await codesAfter(50_000)).not.toContain('queue expired_claims degraded');
    expect(await codesAfter(10_001)).toContain('queue expired_claims degraded');
    expect((await check()).checks.queue).toContain(
      'claims of dead consumers wait to be taken over: 1 (is a consumer running?)',
    );
    const again = await queue.claim(LIMITS);
    expect(await codesAfter(1_000)).toEqual([]);
    await queue.release(again?.token ?? '');
    expect(await codesAfter(1_000)).not.toContain('queue expired_claims degraded');
  });
});

describe('the log', () => {
  test('tells when something begins and when it is over, once each, also without an API', async () => {
    const { queue, log } = await startTest({
      parts: ['consumer'],
      flags: { batchMaxAgeMs: '0' },
      watch: { everyMs: 50 },
    });
    const lines = () => log.map((line) => JSON.parse(line)).filter(({ check }) => check !== undefined);
    await queue.push([{ bytes: Buffer.from('not json'), readings: 1 }]);
    await until(() => lines().length > 0, 'it is told');
    await queue.push([{ bytes: Buffer.from('nor is this'), readings: 1 }]);
    await until(async () => (await queue.depth()).deadLetters === 2, 'both are dead');
    // Checks are a second apart.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const deadLetters = await queue.deadLetters.list({ limit: 10 });
    await queue.deadLetters.purge(deadLetters.map(({ id }) => id));
    await until(() => lines().length > 1, 'the end is told');
    expect(lines().map(({ level, code, msg }) => [level, code, msg])).toEqual([
      [40, 'dead_letters', 'health: dead letters: 1 (see hrm dlq list)'],
      [30, 'dead_letters', 'health: this is over'],
    ]);
  });

  test('and /health tell what the driver of the queue warns of', async () => {
    const warnings = [
      { code: 'redis_not_durable', message: 'a second of readings can be lost', advice: 'set appendfsync always' },
      { code: 'redis_may_evict', message: 'readings may be evicted', advice: 'set maxmemory-policy noeviction' },
    ];
    const { url, log } = await startTest({
      wrapQueue: (queue) => ({ ...queue, check: async () => ({ ...(await queue.check()), warnings }) }),
    });
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'degraded',
      checks: { queue: warnings.map(({ message, advice }) => `${message}: ${advice}`).join('; ') },
    });
    await until(() => warnings.every(({ message }) => log.join('').includes(message)), 'the log tells');
  });
});
