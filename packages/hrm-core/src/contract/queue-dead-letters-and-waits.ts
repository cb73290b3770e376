/**
 * The queue contract's tests of dead letters, of what is put back, and of waiting.
 * @module
 */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Queue } from '../ports/queue.js';
import { claimed, element, LIMITS, type Register, rejectsWith, texts } from './queue-support.js';

/** Dead letters: with the acknowledgement, listed, redriven, purged. */
export function deadLetterTests(test: Register): void {
  const deadLetter = (text: string) => ({
    reason: `bad: ${text}`,
    bytes: Buffer.from([0xff, ...Buffer.from(text)]),
    stampMs: 7,
    attempts: 2,
  });
  test('keeps dead letters with the acknowledgement, pages, redrives and purges', async (queue) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    assert.equal(await queue.ack(token, { deadLetters: ['x', 'y', 'z'].map(deadLetter) }), 'acked');
    const all = await queue.deadLetters.list({ limit: 10 });
    assert.deepEqual(
      all.map(({ reason, bytes, stampMs, attempts }) => ({ reason, bytes: Buffer.from(bytes), stampMs, attempts })),
      ['x', 'y', 'z'].map(deadLetter),
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
    assert.deepEqual(Buffer.from(redriven.elements[0]?.bytes ?? []), deadLetter('y').bytes);
    assert.equal(redriven.elements[0]?.stampMs, 7);
  });
  test('keeps nothing of a stale acknowledgement', async (queue, fixture) => {
    const remainder = { deadLetters: [deadLetter('x')], requeue: [{ ...element('y'), stampMs: 7 }] };
    assert.equal(await queue.ack('nobody', remainder), 'stale');
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    await fixture.advance(LIMITS.leaseMs);
    await claimed(queue);
    assert.equal(await queue.ack(token, remainder), 'stale');
    assert.deepEqual(await queue.deadLetters.list({ limit: 1 }), []);
    assert.equal(await queue.claim(LIMITS), null);
  });
}

/** What an acknowledgement puts back. */
export function requeueTests(test: Register): void {
  const bytes = Buffer.from([0, 0xff, 0xfe]);
  test('puts back what an acknowledgement says, as new elements with their stamps', async (queue) => {
    await queue.push([element('a', 2)]);
    await queue.release((await claimed(queue)).token);
    const again = await claimed(queue);
    assert.deepEqual([texts(again), again.elements[0]?.attempts], [['a'], 2]);
    const requeue = [
      { bytes, readings: 4, stampMs: 12 },
      { ...element('b', 5), stampMs: 11 },
    ];
    assert.equal(await queue.ack(again.token, { requeue }), 'acked');
    const { elements } = await claimed(queue);
    const seen = elements.map((one) => [Buffer.from(one.bytes).toString('hex'), one.stampMs, one.attempts]);
    const put = requeue.map((one) => [Buffer.from(one.bytes).toString('hex'), one.stampMs, 1]);
    assert.deepEqual(seen.sort(), put.sort());
  });
  test('acknowledges nothing when an element to put back has no readings', async (queue, _, { exactDepth }) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    const bad = { ...element('a', 0), stampMs: 1 };
    await rejectsWith('invalid', queue.ack(token, { requeue: [{ ...element('b'), stampMs: 1 }, bad] }));
    const { readings, claimedReadings } = await queue.depth();
    if (exactDepth) assert.deepEqual([readings, claimedReadings], [0, 1]);
    assert.equal(await queue.ack(token), 'acked');
    assert.equal(await queue.claim(LIMITS), null);
  });
  test('wakes who waits for what is put back', async (queue) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    const waiting = queue.wait({ readings: 1, ageMs: 1_000_000_000 }, { timeoutMs: 20_000 });
    await queue.ack(token, { requeue: [{ ...element('a'), stampMs: 1 }] });
    assert.equal(await waiting, true);
  });
}

/** Waiting: what ends it, and that it claims nothing. */
export function waitTests(test: Register): void {
  const never = { readings: 1_000_000, ageMs: 1_000_000_000 };
  test('says false after the timeout, and claims nothing', async (queue, _, { exactDepth }) => {
    assert.equal(await queue.wait({ readings: 0, ageMs: 0 }, { timeoutMs: 30 }), false);
    await queue.push([element('a')]);
    assert.equal(await queue.wait(never, { timeoutMs: 30 }), false);
    assert.equal(await queue.wait({ readings: 1, ageMs: 1_000_000 }, { timeoutMs: 0 }), true);
    if (exactDepth) assert.equal((await queue.depth()).claimedReadings, 0);
    assert.deepEqual(texts(await claimed(queue)), ['a']);
  });
  test('wakes when enough readings are there, by a push of any handle', async (queue, fixture, { sharedWaits }) => {
    const other = await fixture.open();
    const waits = (sharedWaits ? [queue, other] : [queue]).map((handle) =>
      handle.wait({ ...never, readings: 5 }, { timeoutMs: 20_000 }),
    );
    await other.push([element('a', 4)]);
    await other.push([element('b', 1)]);
    assert.ok((await Promise.all(waits)).every((isDue) => isDue));
  });
  test('wakes when the oldest is old enough', async (queue, fixture) => {
    await queue.push([element('a')]);
    const threshold = { ...never, ageMs: 500 };
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), false);
    const waiting = queue.wait(threshold, { timeoutMs: 20_000 });
    await fixture.advance(500);
    assert.equal(await waiting, true);
  });
  test('wakes when a claim is released or ends', async (queue, fixture, { sharedWaits }) => {
    await queue.push([element('a')]);
    const waiting = (handle: Queue) => handle.wait(never, { timeoutMs: 20_000 });
    const { token } = await claimed(queue);
    const waits = (sharedWaits ? [queue, await fixture.open()] : [queue]).map(waiting);
    await queue.release(token);
    assert.ok((await Promise.all(waits)).every((isDue) => isDue));
    await claimed(queue);
    let isOver = false;
    const third = waiting(queue).finally(() => {
      isOver = true;
    });
    // A driver that cannot tell when a lease began may take what came while the clock jumped for ended already.
    do {
      await fixture.advance(LIMITS.leaseMs);
      await pause(50);
    } while (!isOver);
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
