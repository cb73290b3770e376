import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import { type QueueFixture, queueContract } from '../../src/contract/index.js';
import { openRedisQueue } from '../../src/drivers/queue/redis/redis.js';
import type { Queue } from '../../src/ports/queue.js';

let redis: Redis;
let fixtures = 0;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

async function fixture(): Promise<QueueFixture> {
  fixtures += 1;
  const name = `test${fixtures}`;
  let nowMs = 1_700_000_000_000;
  const clock = { nowMs: () => nowMs };
  const handles: Queue[] = [];
  return {
    open: async () => {
      const queue = await openRedisQueue({
        server: redis.url,
        queueKey: `${name}:queue`,
        processingKey: `${name}:processing`,
        deadKey: `${name}:dead`,
        clock,
        // A push of 20 MB takes a busy machine longer than a service should wait.
        timeoutMs: 60_000,
      });
      handles.push(queue);
      return queue;
    },
    advance: (ms) => {
      nowMs += ms;
    },
    dispose: async () => {
      for (const queue of handles) await queue.close();
    },
  };
}

describe('queue contract', () => queueContract({ test, fixture }));
