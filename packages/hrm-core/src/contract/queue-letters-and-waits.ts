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
    assert.equal(await queue.ack(token, ['x', 'y', 'z'].map(letter)), 'acked');
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
    assert.equal(await queue.ack('nobody', [letter('x')]), 'stale');
    assert.deepEqual(await queue.deadLetters.list({ limit: 1 }), []);
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
