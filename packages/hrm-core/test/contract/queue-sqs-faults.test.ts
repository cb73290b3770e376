import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { describeSqs } from '../../src/drivers/queue/sqs/sqs.js';
import { isHrmError } from '../../src/errors.js';
import { pause } from '../../src/waits.js';
import { FAKE_ENV, fakeArn } from '../support/fake-sqs.js';
import { randomFrom, testSeed } from '../support/random.js';
import { LIMITS, numbered, numbersOf } from '../support/redis-queue.js';
import { openFake } from '../support/sqs-queue.js';

/** A lease that no test outlives. */
const WIDE = { ...LIMITS, leaseMs: 60_000 };

describe('the queue in SQS, where requests fail', () => {
  it('loses nothing, whatever reply is lost, and however batches fail in part', async () => {
    const random = randomFrom(testSeed());
    const faults = ['lost_request', 'lost_reply', '500', '500_after', 'throttled', 'part_fails'] as const;
    const { open, sqs } = openFake({
      doubles: 0.1,
      countsOff: 5,
      faultOf: () => (random() < 0.12 ? faults[Math.floor(random() * faults.length)] : undefined),
    });
    const queue = await open();
    const pushed = Array.from({ length: 40 }, (_, index) => index);
    await Promise.all(
      pushed.map(async (number) => {
        while (!(await queue.push([numbered(number)]).then(() => true, isUnavailable)));
      }),
    );
    const stored = new Set<number>();
    for (let vain = 0; vain < 5; ) {
      const claim = await queue.claim(WIDE).catch(() => null);
      vain = claim === null ? vain + 1 : 0;
      if (claim === null) continue;
      for (const number of numbersOf(claim)) stored.add(number);
      await queue.ack(claim.token).catch(() => undefined);
    }
    assert.deepEqual(
      [...stored].sort((a, b) => a - b),
      pushed,
    );
    assert.ok(sqs.actions.length > 10);
  });

  it('keeps a letter once, though the reply to the acknowledgement was lost and the batch comes again', async () => {
    const { open, advance } = openFake({ faultOf: () => (isFailing ? '500' : undefined) });
    let isFailing = false;
    const queue = await open();
    await queue.push([numbered(1), numbered(2)]);
    for (const isLast of [false, true]) {
      const claim = await queue.claim(WIDE);
      const deadLetters = (claim?.elements ?? []).map((element) => ({ ...element, reason: 'bad' }));
      assert.equal(deadLetters.length, 2);
      const acked = queue.ack(claim?.token ?? '', { deadLetters });
      // The letters are on the disk before the first request.
      isFailing = !isLast;
      if (isLast) assert.equal(await acked, 'acked');
      else await assert.rejects(acked, (error) => isHrmError(error) && error.code === 'queue_unavailable');
      isFailing = false;
      advance(WIDE.leaseMs);
    }
    assert.equal((await queue.deadLetters.list({ limit: 10 })).length, 2);
    assert.equal(await queue.claim(WIDE), null);
  });

  it('keeps what it puts back before it deletes: killed between the two, it is there twice', async () => {
    let isFailing = false;
    const { open, advance } = openFake({
      faultOf: (action) => (isFailing && action === 'DeleteMessageBatch' ? '500' : undefined),
    });
    const queue = await open();
    await queue.push([numbered(1)]);
    const claim = await queue.claim(WIDE);
    isFailing = true;
    const requeue = [{ ...numbered(1), stampMs: 5 }];
    await assert.rejects(queue.ack(claim?.token ?? '', { requeue }));
    isFailing = false;
    advance(WIDE.leaseMs);
    assert.deepEqual(numbersOf(await queue.claim(WIDE)), [1, 1]);
  });

  it('says stale of a claim whose lease has ended, and asks nobody', async () => {
    const { open, advance, sqs } = openFake();
    const queue = await open();
    await queue.push([numbered(1)]);
    const claim = await queue.claim(WIDE);
    advance(WIDE.leaseMs);
    const { length } = sqs.actions;
    assert.equal(await queue.ack(claim?.token ?? ''), 'stale');
    assert.equal(sqs.actions.length, length);
    assert.deepEqual(numbersOf(await queue.claim(WIDE)), [1]);
  });

  it('counts deliveries anew after a redrive, and keeps the stamp', async () => {
    const { open } = openFake();
    const queue = await open();
    await queue.push([numbered(1)]);
    const first = await queue.claim(WIDE);
    await queue.release(first?.token ?? '');
    const second = await queue.claim(WIDE);
    assert.equal(second?.elements[0]?.attempts, 2);
    const deadLetters = (second?.elements ?? []).map((element) => ({ ...element, reason: 'bad' }));
    await queue.ack(second?.token ?? '', { deadLetters });
    const [letter] = await queue.deadLetters.list({ limit: 2 });
    assert.equal(await queue.deadLetters.redrive([letter?.id ?? '']), 1);
    const [again] = (await queue.claim(WIDE))?.elements ?? [];
    assert.deepEqual([again?.attempts, again?.stampMs], [1, first?.elements[0]?.stampMs]);
  });

  it('keeps the letter of what was redriven and is bad again, before the old one is deleted', async () => {
    const { open } = openFake();
    const queue = await open();
    await queue.push([numbered(1)]);
    for (let round = 0; round < 3; round += 1) {
      const claim = await queue.claim(WIDE);
      await queue.ack(claim?.token ?? '', {
        deadLetters: (claim?.elements ?? []).map((one) => ({ ...one, reason: 'bad' })),
      });
      const letters = await queue.deadLetters.list({ limit: 10 });
      assert.equal(letters.length, 1);
      if (round < 2) assert.equal(await queue.deadLetters.redrive(letters.map(({ id }) => id)), 1);
    }
  });

  it('adopts what SQS itself has set aside, each element a letter, and once', async () => {
    const { open, sqs, url } = openFake({ attributes: redriveAfter(2), queues: ['readings-dead'] });
    const queue = await open();
    await queue.push([numbered(1), numbered(2)]);
    for (let round = 0; round < 2; round += 1) await queue.release((await queue.claim(WIDE))?.token ?? '');
    assert.equal(await queue.claim(WIDE), null);
    const letters = await queue.deadLetters.list({ limit: 10 });
    assert.deepEqual(
      letters.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).timestamp_ms),
      [1, 2],
    );
    assert.ok(letters.every(({ reason }) => /^received_too_often: .*\d times/.test(reason)));
    assert.deepEqual(sqs.bodies(url('readings-dead')), []);
    assert.equal(await queue.deadLetters.redrive(letters.map(({ id }) => id)), 2);
    assert.deepEqual(numbersOf(await queue.claim(WIDE)), [1, 2]);
  });

  it('warns of a short retention, of a low number of deliveries, and of no dead-letter queue', async () => {
    async function warningsOf(attributes: Record<string, string>): Promise<string[]> {
      const queue = await openFake({ attributes }).open();
      return (await queue.check()).warnings.map(({ code }) => code);
    }
    assert.deepEqual(await warningsOf({ MessageRetentionPeriod: '345600' }), ['sqs_retention', 'sqs_no_dlq']);
    assert.deepEqual(await warningsOf(redriveAfter(3)), ['sqs_redrive']);
    assert.deepEqual(await warningsOf(redriveAfter(1_000)), []);
  });

  it('says to who looks at it that the dead-letter queue that it names is not there', async () => {
    async function codesOf(queues: readonly string[]): Promise<string[]> {
      const { sqs, url } = openFake({ attributes: redriveAfter(1_000), queues });
      const report = await describeSqs({ url: url(), env: FAKE_ENV, exchange: sqs.exchange });
      return report.warnings.map(({ code }) => code);
    }
    assert.deepEqual(await codesOf([]), ['sqs_dlq_unread']);
    assert.deepEqual(await codesOf(['readings-dead']), []);
  });

  it('takes the readings of other producers, and what is no message of its own, as they are', async () => {
    const { open, sqs, url } = openFake();
    const queue = await open();
    const bodies = [
      numbered(1).bytes.toString(),
      `[${numbered(2).bytes},${numbered(3).bytes}]`,
      'hrm1,1,1,5,!!',
      'hrm1,9999999,1,99999999999,AAAA',
      'not JSON',
    ];
    for (const body of bodies) sqs.send(url(), body);
    const claim = await queue.claim(WIDE);
    const delivered = (claim?.elements ?? []).map(({ bytes }) => Buffer.from(bytes).toString());
    assert.deepEqual(delivered.sort(), bodies.sort());
  });

  it('opens no message to more than it says, nor to more than the bound', async () => {
    const { open, sqs, url } = openFake();
    const queue = await open();
    await queue.push([{ bytes: Buffer.alloc(4 * 1024 * 1024, ' '), readings: 1 }]);
    const [own = ''] = sqs.bodies(url());
    assert.ok(own.length < 100_000);
    const lying = own.replace(/^(hrm1,1,1,)\d+/, '$1100');
    sqs.send(url(), lying);
    const { elements = [] } = (await queue.claim(WIDE)) ?? {};
    assert.deepEqual(
      elements.map(({ bytes }) => bytes.byteLength).sort((a, b) => a - b),
      [lying.length, 4 * 1024 * 1024],
    );
  });

  it('refuses an element that fits into no message, and takes what was pushed beside it', async () => {
    const { open } = openFake();
    const queue = await open();
    const noise = Buffer.alloc(2 * 1024 * 1024);
    const random = randomFrom(7);
    for (let at = 0; at < noise.length; at += 1) noise[at] = Math.floor(random() * 256);
    const results = await Promise.allSettled([
      queue.push([numbered(1)]),
      queue.push([{ bytes: noise, readings: 1 }]),
      queue.push([numbered(2)]),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(numbersOf(await queue.claim(WIDE)), [1, 2]);
  });

  it('gives back what it has in hand when it is closed', async () => {
    const { open } = openFake();
    const queue = await open();
    await queue.push([numbered(1)]);
    assert.equal(await queue.wait({ readings: 1, ageMs: 1e9 }, { timeoutMs: 0 }), true);
    const other = await open();
    assert.equal(await other.claim(WIDE), null);
    await queue.close();
    assert.deepEqual(numbersOf(await other.claim(WIDE)), [1]);
  });

  it('gives back what a wait has taken and nobody claims', async () => {
    const { open, advance } = openFake({ leaseMs: 300 });
    const [queue, other] = [await open(), await open()];
    await queue.push([numbered(1)]);
    assert.equal(await queue.wait({ readings: 1, ageMs: 1e9 }, { timeoutMs: 0 }), true);
    let claim = await other.claim(WIDE);
    assert.equal(claim, null);
    // It is renewed by a timer, and so it is not the lease that ends.
    for (; claim === null; claim = await other.claim(WIDE)) {
      await pause(120);
      advance(40);
    }
    assert.deepEqual(numbersOf(claim), [1]);
  });
});

function redriveAfter(maxReceiveCount: number): Record<string, string> {
  return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: fakeArn('readings-dead'), maxReceiveCount }) };
}

function isUnavailable(error: unknown): boolean {
  if (isHrmError(error) && error.kind === 'unavailable') return false;
  throw error;
}
