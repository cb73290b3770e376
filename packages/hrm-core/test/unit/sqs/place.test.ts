import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { openSqsQueue } from '../../../src/drivers/queue/sqs/sqs.js';
import { createFakeS3 } from '../../support/fake-s3.js';
import { createFakeSqs, FAKE_ENV } from '../../support/fake-sqs.js';
import { LIMITS } from '../../support/redis-queue.js';
import { openFakeLetters } from '../../support/s3-storage.js';

describe('a queue of SQS whose letters are in S3', () => {
  it('tells when they cannot be kept or counted, and its depth all the same, until they can', async () => {
    const s3 = createFakeS3();
    const sqs = createFakeSqs({ nowMs: Date.now });
    const url = sqs.create('readings');
    const queue = await openSqsQueue({
      url,
      deadLetters: openFakeLetters(s3),
      env: FAKE_ENV,
      exchange: sqs.exchange,
      waitSeconds: 0,
    });
    const codes = async () => (await queue.check()).warnings.map(({ code }) => code);
    sqs.send(url, 'no reading');
    const claim = await queue.claim(LIMITS);
    assert.ok(claim !== null);
    const [element] = claim.elements;
    assert.ok(element !== undefined);
    const letter = { ...element, reason: 'bad: no reading' };
    s3.plan = () => ({ status: 403, code: 'AccessDenied' });
    await assert.rejects(queue.ack(claim.token, { deadLetters: [letter] }), { code: 'dead_letters_unavailable' });
    assert.deepEqual(await codes(), ['sqs_no_dlq', 'dead_letters_unavailable']);
    assert.equal((await queue.depth()).deadLetters, null);
    s3.plan = () => null;
    // Others count well, and the batch has still nowhere to go.
    await queue.depth();
    assert.deepEqual(await codes(), ['sqs_no_dlq', 'dead_letters_unavailable']);
    assert.equal(await queue.ack(claim.token, { deadLetters: [letter] }), 'acked');
    assert.deepEqual(await codes(), ['sqs_no_dlq']);
    assert.equal((await queue.depth()).deadLetters, 1);
    const [kept] = await queue.deadLetters.list({ limit: 10 });
    assert.equal(await queue.deadLetters.redrive([kept?.id ?? '']), 1);
    assert.equal((await queue.claim(LIMITS))?.elements.length, 1);
    await queue.close();
  });
});
