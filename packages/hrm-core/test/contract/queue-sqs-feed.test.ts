/** The feed of a queue in SQS, over Redis: what is pushed is there, or there is a gap. */
import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, it, onTestFinished } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import { withRedisFeed } from '../../src/drivers/queue/redis/redis.js';
import { numbered } from '../support/redis-queue.js';
import { openFake } from '../support/sqs-queue.js';

let redis: Redis;
let places = 0;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Opens handles of one queue and its feed. */
function newPlace(options: Parameters<typeof openFake>[0] = {}) {
  places += 1;
  const processingKey = `feed${places}`;
  const { open, sqs } = openFake(options);
  return {
    sqs,
    async openFed() {
      const fed = await withRedisFeed(await open(), { server: redis.url, processingKey });
      onTestFinished(() => fed.close());
      return fed;
    },
  };
}

function numbersIn(entries: readonly { readonly bytes: Uint8Array }[]): number[] {
  return entries.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).timestamp_ms);
}

describe('the feed beside a queue in SQS', () => {
  it('has what any handle pushes while somebody watches, and Redis nothing else', async () => {
    const { openFed, sqs } = newPlace();
    const [queue, other] = [await openFed(), await openFed()];
    await queue.push([numbered(1)]);
    const start = await queue.feed.watch();
    await queue.push([numbered(2)]);
    await other.push([numbered(3)]);
    const { entries, isGap } = await queue.feed.read(start, { timeoutMs: 0 });
    assert.deepEqual([numbersIn(entries), isGap], [[2, 3], false]);
    assert.equal(sqs.actions.filter((action) => action === 'SendMessage').length, 3);
    assert.equal(await redis.cli('EXISTS', 'heartbeat:queue'), '0');
  });

  it('has what was given, though the caller changes it while it is sent', async () => {
    const queue = await newPlace().openFed();
    const start = await queue.feed.watch();
    const { bytes } = numbered(4);
    const pushed = queue.push([{ bytes, readings: 1 }]);
    bytes.fill(0x20);
    await pushed;
    assert.deepEqual(numbersIn((await queue.feed.read(start, { timeoutMs: 0 })).entries), [4]);
  });

  it('has nothing that the queue did not take', async () => {
    let isFailing = false;
    const queue = await newPlace({ faultOf: () => (isFailing ? '500' : undefined) }).openFed();
    const start = await queue.feed.watch();
    isFailing = true;
    await assert.rejects(queue.push([numbered(5)]));
    isFailing = false;
    await queue.push([numbered(6)]);
    assert.deepEqual(numbersIn((await queue.feed.read(start, { timeoutMs: 0 })).entries), [6]);
  });

  it('tells a gap in place of what Redis did not hear, and refuses no reading for it', async () => {
    const queue = await newPlace().openFed();
    const start = await queue.feed.watch();
    await queue.push([numbered(7)]);
    await redis.cli('CLIENT', 'PAUSE', '60000', 'WRITE');
    await queue.push([numbered(8)]);
    await redis.cli('CLIENT', 'UNPAUSE');
    await queue.push([numbered(9)]);
    const { entries, isGap } = await queue.feed.read(start, { timeoutMs: 0 });
    assert.equal(isGap, true);
    assert.deepEqual(numbersIn(entries), [9]);
  });
});
