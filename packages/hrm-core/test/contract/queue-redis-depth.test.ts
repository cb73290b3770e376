/** The depth of the queue in Redis is the truth: whoever pushes and takes, in whatever order, and whoever dies meanwhile. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Redis as Client } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, it, onTestFinished } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import type { Claim, Queue } from '../../src/ports/queue.js';
import { encodeElements } from '../../src/pure/reading/element.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { randomFrom, testSeed } from '../support/random.js';
import { LIMITS, numbered, openQueue } from '../support/redis-queue.js';
import { trueReadings } from '../support/redis-truth.js';

const WORKER = fileURLToPath(new URL('../crash/redis-worker.mjs', import.meta.url));
const QUEUE = 'heartbeat:queue';

let redis: Redis;
let client: Client;
beforeAll(async () => {
  redis = await startRedis({ appendfsync: 'no' });
  client = new Client(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
});

/** So many readings. */
function make(readings: number, idOf: (index: number) => string = () => 'ana') {
  return Array.from({ length: readings }, (_, index) => ({
    userId: idOf(index),
    deviceId: idOf(index + 1),
    timestampMs: 1_705_312_800_000 + index,
    heartRate: 60 + (index % 100),
    receivedMs: 1_705_312_801_234,
  }));
}

/** One element of so many readings, as `enqueue` makes it. */
function batchOf(readings: number, idOf?: (index: number) => string) {
  const [element] = encodeElements(queuedFrom(make(readings, idOf)));
  assert.ok(element !== undefined);
  return element;
}

/** The same as an array of JSON, as an older version made it. */
function arrayOf(readings: number, idOf?: (index: number) => string) {
  const items = make(readings, idOf).map(({ userId, deviceId, timestampMs, heartRate, receivedMs }) => {
    const wire = { device_id: deviceId, user_id: userId, timestamp_ms: timestampMs, heart_rate: heartRate };
    return { ...wire, received_ms: receivedMs };
  });
  return { bytes: Buffer.from(JSON.stringify(items)), readings };
}

async function depthOf(queue: Queue): Promise<number> {
  const { readings, claimedReadings } = await queue.depth();
  return readings + claimedReadings;
}

async function assertTrue(queue: Queue, after: string): Promise<void> {
  assert.equal(await depthOf(queue), await trueReadings(client), `after ${after}`);
}

describe('the depth of the queue in Redis', () => {
  it('is right where batches lie among single readings, wherever they lie', async () => {
    const queue = await openQueue(redis.url);
    const singles = Array.from({ length: 10_000 }, (_, index) => numbered(index));
    const batch = batchOf(1_000);
    for (let i = 0; i < 2; i += 1) await queue.push(singles);
    await queue.push(Array.from({ length: 10 }, () => batch));
    assert.equal(await depthOf(queue), 30_000);
    // Of both ends only single readings were looked at, and so each batch counted as one.
    await client.flushall();
    await queue.push(singles.slice(0, 1_312));
    for (let i = 0; i < 4; i += 1) await queue.push(Array.from({ length: 100 }, () => batch));
    await queue.push(singles.slice(0, 1_312));
    assert.equal(await depthOf(queue), 402_624);
  });

  it('counts each reading of a batch once, whatever its ids', async () => {
    const queue = await openQueue(redis.url);
    const ids = [
      'a',
      'é'.repeat(100),
      '},{"device_id":"',
      '}',
      '\\"},{"device_id":\\"',
      '😀'.repeat(30),
      'z'.repeat(128),
    ];
    for (let readings = 1; readings <= 60; readings += 1) {
      const idOf = (index: number) => ids[(index * readings) % ids.length] ?? '';
      await queue.push([batchOf(readings, idOf), arrayOf(readings, idOf)]);
    }
    assert.equal(await depthOf(queue), 60 * 61);
    const claim = await queue.claim(LIMITS);
    assert.equal((await queue.depth()).claimedReadings, 60 * 61);
    await queue.release(claim?.token ?? '');
  });

  it('is right of a queue that an older version left, and comes to be right of a very long one', async () => {
    const singles = Array.from({ length: 5_000 }, (_, index) => Buffer.from(numbered(index).bytes));
    const array = arrayOf(700).bytes;
    for (let i = 0; i < 60; i += 1) {
      await client.rpush(QUEUE, ...singles);
      await client.rpush(QUEUE, array);
    }
    const queue = await openQueue(redis.url);
    const truth = 60 * 5_700;
    const estimate = await depthOf(queue);
    assert.ok(estimate >= 300_060 && estimate < 60 * 1_000 * 1_000, `${estimate}`);
    assert.equal(await depthOf(queue), truth);
    // What was counted once is known: nothing is read again.
    await client.config('RESETSTAT');
    assert.equal(await depthOf(queue), truth);
    assert.doesNotMatch(await client.info('commandstats'), /cmdstat_lrange/);
  });

  const seed = testSeed();
  it(`is right through a random mix of all that happens to a queue, seed ${seed}`, async () => {
    const mix = await openMix(seed);
    for (let step = 0; step < 600; step += 1) {
      const action = mix.actions[mix.upTo(mix.actions.length)];
      assert.ok(action !== undefined);
      await action();
      if (mix.upTo(3) === 0) await assertTrue(mix.queue(), `step ${step}: ${action.name}`);
    }
    // Everything taken: nothing is left of the count either.
    mix.pass(LIMITS.leaseMs);
    for (let claim = await mix.queue().claim(LIMITS); claim !== null; claim = await mix.queue().claim(LIMITS)) {
      await mix.queue().ack(claim.token);
    }
    assert.equal(await depthOf(mix.queue()), 0);
    assert.equal(await client.exists('heartbeat:processing:count'), 0);
  });

  it('is right whenever several processes were killed in the middle of their work', async () => {
    const queue = await openQueue(redis.url);
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([1, 2, 3].map(() => killWhenBusy()));
      await assertTrue(queue, `round ${round}`);
    }
    assert.ok((await trueReadings(client)) > 0, 'nothing was left to be counted');
  });
});

/** Starts a worker, and kills it when it has done some work. */
async function killWhenBusy(): Promise<void> {
  const worker = spawn(process.execPath, [WORKER, redis.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    worker.kill('SIGKILL');
  });
  const exit = once(worker, 'exit');
  let [pushed, acked] = [0, 0];
  for await (const line of createInterface({ input: worker.stdout })) {
    if (line === 'pushed') pushed += 1;
    else acked += 1;
    if (pushed >= 100 && acked >= 10) break;
  }
  assert.ok(pushed >= 100, 'it ended by itself');
  worker.kill('SIGKILL');
  await exit;
}

/** Three handles whose clock is the test's, and what happens to them. */
async function openMix(seed: number) {
  const random = randomFrom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs };
  const handles = await Promise.all([1, 2, 3].map(() => openQueue(redis.url, { clock })));
  const queue = () => handles[upTo(handles.length)] as Queue;
  const held: Claim[] = [];
  const takeHeld = () => held.splice(upTo(held.length), 1)[0];
  const anElement = () =>
    (upTo(3) === 0 ? arrayOf : batchOf)(1 + upTo(upTo(2) === 0 ? 1 : 80), (index) =>
      'x'.repeat(1 + ((index * 7 + upTo(9)) % 100)),
    );
  const bytesOf = () => Buffer.from(anElement().bytes);
  const actions = [
    async function push() {
      await queue().push(Array.from({ length: 1 + upTo(20) }, anElement));
    },
    async function pushByStrangers() {
      const spaced = JSON.stringify(
        Array.from({ length: 1 + upTo(20) }, () => ({ user_id: 'bob', device_id: 'd' })),
        null,
        1,
      );
      await client.rpush(QUEUE, spaced, 'no json', '{}', '#no envelope', bytesOf());
    },
    async function claim() {
      const limits = { maxReadings: 1 + upTo(400), maxElements: 1 + upTo(30), maxBytes: 1 + upTo(100_000) };
      const claimed = await queue().claim({ ...LIMITS, ...limits });
      if (claimed !== null) held.push(claimed);
    },
    async function ack() {
      const claimed = takeHeld();
      if (claimed === undefined) return;
      const deadLetter = { reason: 'test', bytes: Buffer.from('bad'), stampMs: 1, attempts: 1 };
      const deadLetters = upTo(3) === 0 ? [deadLetter] : [];
      const requeue = upTo(3) === 0 ? [{ ...anElement(), stampMs: 1 }] : [];
      await queue().ack(claimed.token, { deadLetters, requeue });
    },
    async function release() {
      await queue().release(takeHeld()?.token ?? '');
    },
    async function leasesEnd() {
      if (upTo(4) === 0) nowMs += LIMITS.leaseMs;
    },
    async function redriveAndPurge() {
      const ids = (await queue().deadLetters.list({ limit: 4 })).map(({ id }) => id);
      await queue().deadLetters.redrive(ids.slice(0, 2));
      await queue().deadLetters.purge(ids.slice(2, 3));
    },
    /** As a consumer of a version without the count does, which knows nothing of it. */
    async function claimByAnOlderVersion() {
      for (let left = upTo(4); left > 0; left -= 1)
        await client.lmove(QUEUE, 'heartbeat:processing:old', 'LEFT', 'RIGHT');
      await client.del('heartbeat:processing:old');
    },
    async function takeByTheOriginalSystem() {
      if (upTo(2) === 0) await client.rpoplpush(QUEUE, 'heartbeat:elsewhere');
      else await client.lrem(QUEUE, 1, (await client.lindexBuffer(QUEUE, -1 - upTo(5))) ?? '');
    },
    async function takeByHand() {
      if (upTo(10) === 0) await client.ltrim(QUEUE, upTo(50), -1 - upTo(50));
      else await client.lpush(QUEUE, bytesOf());
    },
  ];
  return { actions, queue, upTo, pass: (ms: number) => (nowMs += ms) };
}
