import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { drainBatch } from '../../src/flow/write/drain-batch.js';
import { enqueue } from '../../src/flow/write/enqueue.js';
import { openStorage } from '../support/redis-queue.js';
import { openFake } from '../support/sqs-queue.js';

const START_MS = Date.parse('2023-11-14T00:00:00Z');

function readingsOf(count: number, userOf: (index: number) => string) {
  return Array.from({ length: count }, (_, index) => ({
    userId: userOf(index),
    deviceId: 'watch',
    timestamp: START_MS + index * 1_000,
    heartRate: 60 + (index % 100),
  }));
}

/** How often each action was asked for. */
function countsOf(actions: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const action of actions) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}

describe('requests to SQS', () => {
  it('are one for a push of 5,000 readings, below the 64 KiB that are billed as one', async () => {
    const { open, sqs, url } = openFake();
    const queue = await open();
    const before = sqs.actions.length;
    await enqueue(
      { queue },
      readingsOf(5_000, (index) => `user-${index % 17}`),
    );
    assert.deepEqual(countsOf(sqs.actions.slice(before)), { SendMessage: 1 });
    const [body = ''] = sqs.bodies(url());
    assert.ok(body.length < 64 * 1024, `${body.length} characters`);
  });

  it('are few for 500 pushes at once', async () => {
    const { open, sqs } = openFake();
    const queue = await open();
    const before = sqs.actions.length;
    await Promise.all(readingsOf(500, () => 'ana').map((reading) => enqueue({ queue }, reading)));
    const { SendMessage = 0 } = countsOf(sqs.actions.slice(before));
    assert.ok(SendMessage <= 10, `${SendMessage} messages`);
  });

  it('are a receive, one in vain and a delete for a batch of 50,000 readings, ten messages of them', async () => {
    const { open, sqs } = openFake();
    const queue = await open();
    const storage = await openStorage();
    for (let batch = 0; batch < 10; batch += 1) {
      await enqueue(
        { queue },
        readingsOf(5_000, () => `user-${batch}`),
      );
    }
    // The first batch of a queue also makes known which store it belongs to.
    await queue.store.remember((await storage.identity()) ?? 'none');
    const before = sqs.actions.length;
    const { claimed, outcome } = await drainBatch({ queue, storage });
    assert.deepEqual([claimed, outcome], [50_000, 'acked']);
    const counts = countsOf(sqs.actions.slice(before));
    assert.ok((counts.ReceiveMessage ?? 0) <= 3, JSON.stringify(counts));
    assert.equal(counts.DeleteMessageBatch, 1);
    assert.equal(counts.ChangeMessageVisibilityBatch, undefined);
    assert.ok(sqs.actions.length - before <= 6, JSON.stringify(counts));
  });
});
