/**
 * A queue filled by the version before is drained by this one. test/data/queue-of-json.lmdb.gz was written when batches were JSON: 1,200
 * readings in a claim whose consumer died, 300 that were put back, 1,000 after them, the first one again, and a dead letter.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Redis as Client } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRedis } from '../../../../test/support/redis-server.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openRedisQueue } from '../../src/drivers/queue/redis/redis.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { drainBatches, type Queue, redriveAll, type Storage } from '../../src/index.js';
import { expectStored } from '../support/bad-data.js';

const FILE = fileURLToPath(new URL('../../../../test/data/queue-of-json.lmdb.gz', import.meta.url));
const START_MS = Date.parse('2024-01-15T09:00:00Z');
const RECEIVED_MS = Date.parse('2024-01-15T10:00:00.250Z');
const USERS = ['ana', 'ben', '😀 \ufeff'];
const CLAIM = { maxReadings: 5_000, maxBytes: 1e8, maxElements: 100, leaseMs: 60_000 };

let directory = '';
let nowMs = 0;
const clock = { nowMs: () => nowMs };
beforeEach(() => {
  nowMs = RECEIVED_MS + 60_000;
  directory = mkdtempSync(path.join(tmpdir(), 'hrm-before-'));
  mkdirSync(path.join(directory, 'queue'));
  writeFileSync(path.join(directory, 'queue', 'queue.lmdb'), gunzipSync(readFileSync(FILE)));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Everything in the storage is what the version before had accepted, and the queue is empty. */
async function expectDrained(queue: Queue, storage: Storage, isDeadThere: boolean): Promise<void> {
  const total = await drainBatches({ queue, storage, clock });
  expect(total).toMatchObject({ claimed: 2_501 + Number(isDeadThere), deadLettered: 0, stale: 0, failures: [] });
  expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0, deadLetters: 0 });
  const readings = Array.from({ length: 2_500 }, (_, i) => ({
    userId: USERS[i % 3] as string,
    deviceId: i % 2 === 0 ? 'strap"' : 'watch',
    timestampMs: START_MS + i * 1_000,
    heartRate: 60 + (i % 100),
    receivedMs: RECEIVED_MS,
  }));
  const dead = {
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: START_MS - 1_000,
    heartRate: 50,
    receivedMs: RECEIVED_MS,
  };
  await expectStored({ queue, storage }, isDeadThere ? [...readings, dead] : readings);
}

it('of the embedded queue', async () => {
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  const storage = await openDirectoryStorage({ directory: path.join(directory, 'data') });
  expect(await queue.depth()).toMatchObject({ readings: 2_501, endedClaims: 1, deadLetters: 1 });
  expect(await redriveAll({ queue })).toBe(1);
  await expectDrained(queue, storage, true);
  await queue.close();
  await storage.close();
});

it('of Redis, with the same elements', async () => {
  const redis = await startRedis();
  const client = new Client(redis.url);
  const before = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  for (let claim = await before.claim(CLAIM); claim !== null; claim = await before.claim(CLAIM)) {
    await client.rpush('heartbeat:queue', ...claim.elements.map(({ bytes }) => Buffer.from(bytes)));
    await before.ack(claim.token);
  }
  await before.close();
  const queue = await openRedisQueue({ server: redis.url });
  const storage = await openDirectoryStorage({ directory: path.join(directory, 'data') });
  expect((await queue.depth()).readings).toBe(2_501);
  await expectDrained(queue, storage, false);
  await queue.close();
  await storage.close();
  client.disconnect();
  await redis.stop();
});
