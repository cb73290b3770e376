/**
 * The queue contract's tests of dead letters and of waiting.
 * @module
 */
import assert from 'node:assert/strict';
import type { Queue } from '../ports/queue.js';
import { claimed, element, LIMITS, type Register, rejectsWith } from './queue-support.js';

/** Dead letters: with the acknowledgement, listed, redriven, purged. */
export function letterTests(test: Register): void {
  const letter = (text: string) => ({
    reason: `bad: ${text}`,
    bytes: Buffer.from([0xff, ...Buffer.from(text)]),
    stampMs: 7,
    attempts: 2,
  });
  test('keeps dead letters with the acknowledgement, pages, redrives and purges', async (queue) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    assert.equal(await queue.ack(token, { deadLetters: ['x', 'y', 'z'].map(letter) }), 'acked');
    const all = await queue.deadLetters.list({ limit: 10 });
    assert.deepEqual(
      all.map(({ reason, bytes, stampMs, attempts }) => ({ reason, bytes: Buffer.from(bytes), stampMs, attempts })),
      ['x', 'y', 'z'].map(letter),
    );
    const [x, y, z] = all.map(({ id }) => id);
    assert.ok(x !== undefined && y !== undefined && z !== undefined && x < y && y < z);
    const ids = async (afterId: string | undefined, limit: number) =>
      (await queue.deadLetters.list({ afterId, limit })).map(({ id }) => id);
    assert.deepEqual([await ids(undefined, 2), await ids(y, 2), await ids(z, 2)], [[x, y], [z], []]);
    assert.deepEqual((await queue.deadLetters.get(y))?.reason, 'bad: y');
    assert.equal(await queue.deadLetters.redrive([y, y, 'unknown']), 1);
    assert.equal(await queue.deadLetters.get(y), null);
    assert.equal(await queue.deadLetters.purge([x, y, 'unknown']), 1);
    assert.deepEqual(await ids(undefined, 10), [z]);
    const redriven = await claimed(queue);
    assert.deepEqual(Buffer.from(redriven.elements[0]?.bytes ?? []), letter('y').bytes);
    assert.equal(redriven.elements[0]?.stampMs, 7);
  });
  test('keeps no letter of a stale acknowledgement', async (queue) => {
    assert.equal(await queue.ack('nobody', { deadLetters: [letter('x')] }), 'stale');
    assert.deepEqual(await queue.deadLetters.list({ limit: 1 }), []);
  });
}

/** What an acknowledgement puts back. */
export function requeueTests(test: Register): void {
  test('puts elements back to the end with the acknowledgement, their stamp kept', async (queue) => {
    await queue.push([element('a', 3), element('b', 2)]);
    const { token } = await claimed(queue);
    await queue.push([element('c')]);
    const requeue = [{ ...element('a', 3), stampMs: 7 }];
    assert.equal(await queue.ack(token, { requeue }), 'acked');
    assert.equal((await queue.depth()).readings, 4);
    const { elements } = await claimed(queue);
    assert.deepEqual(
      elements.map(({ bytes, attempts }) => [Buffer.from(bytes).toString(), attempts]),
      [
        ['c', 1],
        ['a', 1],
      ],
    );
    assert.equal(elements[1]?.stampMs, 7);
  });
  test('puts nothing back for a token that lost its claim', async (queue) => {
    assert.equal(await queue.ack('nobody', { requeue: [{ ...element('a'), stampMs: 7 }] }), 'stale');
    assert.equal((await queue.depth()).readings, 0);
  });
  test('would take a push, or says why not', async (queue) => {
    await queue.check();
    await queue.close();
    await rejectsWith('closed', queue.check());
  });
  test('refuses a lease that would never end', async (queue) => {
    await queue.push([element('a')]);
    for (const leaseMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await rejectsWith('invalid', queue.claim({ ...LIMITS, leaseMs }));
    }
    const { token } = await claimed(queue);
    await rejectsWith('invalid', queue.renew(token, Number.NaN));
  });
}

/** Waiting: what ends it, and that it claims nothing. */
export function waitTests(test: Register): void {
  const never = { readings: 1_000_000, ageMs: 1_000_000_000 };
  test('says false after the timeout, and claims nothing', async (queue) => {
    assert.equal(await queue.wait({ readings: 0, ageMs: 0 }, { timeoutMs: 30 }), false);
    await queue.push([element('a')]);
    assert.equal(await queue.wait(never, { timeoutMs: 30 }), false);
    assert.equal(await queue.wait({ readings: 1, ageMs: 1_000_000 }, { timeoutMs: 0 }), true);
    assert.equal((await queue.depth()).claimedReadings, 0);
  });
  test('wakes when enough readings are there, by a push of any handle', async (queue, fixture) => {
    const other = await fixture.open();
    const waits = [queue, other].map((handle) => handle.wait({ ...never, readings: 5 }, { timeoutMs: 20_000 }));
    await other.push([element('a', 4)]);
    await other.push([element('b', 1)]);
    assert.deepEqual(await Promise.all(waits), [true, true]);
  });
  test('wakes when the oldest is old enough', async (queue, fixture) => {
    await queue.push([element('a')]);
    const ripe = { ...never, ageMs: 500 };
    assert.equal(await queue.wait(ripe, { timeoutMs: 0 }), false);
    const waiting = queue.wait(ripe, { timeoutMs: 20_000 });
    await fixture.advance(500);
    assert.equal(await waiting, true);
  });
  test('wakes when a claim is released or ends', async (queue, fixture) => {
    await queue.push([element('a')]);
    const waiting = (handle: Queue) => handle.wait(never, { timeoutMs: 20_000 });
    const { token } = await claimed(queue);
    const [first, second] = [waiting(queue), waiting(await fixture.open())];
    await queue.release(token);
    assert.deepEqual(await Promise.all([first, second]), [true, true]);
    await claimed(queue);
    const third = waiting(queue);
    await fixture.advance(LIMITS.leaseMs);
    assert.equal(await third, true);
  });
  test('ends with kind closed when its signal fires or the queue is closed', async (queue) => {
    const controller = new AbortController();
    const aborted = rejectsWith('closed', queue.wait(never, { timeoutMs: 20_000, signal: controller.signal }));
    const closed = rejectsWith('closed', queue.wait(never, { timeoutMs: 20_000 }));
    controller.abort();
    await aborted;
    await queue.close();
    await closed;
    await queue.close();
  });
}
