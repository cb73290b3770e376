import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openRedisQueue, type RedisQueueOptions } from '../../src/drivers/queue/redis/redis.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import type { Claim, Queue } from '../../src/ports/queue.js';

/** Limits that nothing here reaches. */
export const LIMITS = { maxReadings: 1_000_000, maxBytes: 1_000_000_000, maxElements: 1_000_000, leaseMs: 30_000 };

/** Opens a queue that is closed when the test ends. */
export async function openQueue(server: RedisQueueOptions['server'], options: Partial<RedisQueueOptions> = {}) {
  const queue = await openRedisQueue({ server, ...options });
  onTestFinished(() => queue.close());
  return queue;
}

/** An empty storage that goes when the test ends. */
export async function openStorage() {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-core-'));
  const storage = await openDirectoryStorage({ directory });
  onTestFinished(async () => {
    await storage.close();
    await rm(directory, { recursive: true, force: true });
  });
  return storage;
}

/** An element of one reading with a number of its own. */
export function numbered(number: number): { bytes: Buffer; readings: number } {
  const reading = { device_id: 'd', user_id: 'u', timestamp_ms: number, heart_rate: 60, received_ms: 1 };
  return { bytes: Buffer.from(JSON.stringify(reading)), readings: 1 };
}

/** The numbers of a claim's elements. */
export function numbersOf(claim: Claim | null): number[] {
  return (claim?.elements ?? []).map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).timestamp_ms);
}

/** Claims, and acknowledges, until there is nothing left; the numbers in the order of their delivery. */
export async function drainNumbers(queue: Queue, limits: Partial<typeof LIMITS> = {}): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const claim = await queue.claim({ ...LIMITS, ...limits });
    if (claim === null) return numbers;
    numbers.push(...numbersOf(claim));
    if ((await queue.ack(claim.token)) !== 'acked') throw new Error('the claim was lost');
  }
}
