/**
 * The queue contract's tests of what not every service can promise: order, and batches that come again as they were.
 * @module
 */
import assert from 'node:assert/strict';
import { claimed, element, LIMITS, type Register, rejectsWith, texts } from './queue-support.js';

/** Elements come oldest first, one by one. */
export function orderTests(test: Register): void {
  test('delivers the oldest first, in order within a push, across handles', async (queue, fixture) => {
    const other = await fixture.open();
    await queue.push([element('a'), element('b')]);
    await other.push([element('c')]);
    await queue.push([element('d')]);
    assert.deepEqual(texts(await claimed(other)), ['a', 'b', 'c', 'd']);
    assert.equal(await queue.claim(LIMITS), null);
  });
  test('shows the oldest that no claim holds, as they were pushed, and leaves them there', async (queue, fixture) => {
    assert.deepEqual(await queue.peek({ limit: 5 }), []);
    const bytes = Buffer.from([0x23, 0x89, 0, 0xff]);
    await queue.push([element('a'), { bytes, readings: 1 }, element('b', 3)]);
    const held = await claimed(queue, { maxElements: 1 });
    for (const handle of [queue, await fixture.open()]) {
      const shown = await handle.peek({ limit: 1_000 });
      assert.deepEqual(
        shown.map((one) => [Buffer.from(one.bytes).toString('hex'), one.readings]),
        [bytes, Buffer.from(element('b', 3).bytes)].map((one, i) => [one.toString('hex'), [1, 3][i]]),
      );
      assert.equal((await handle.peek({ limit: 1 })).length, 1);
    }
    assert.equal(await queue.release(held.token), 'released');
    const again = await claimed(queue);
    assert.deepEqual(texts(again), ['a']);
    assert.equal((await claimed(queue)).elements.length, 2);
    const long = { bytes: Buffer.alloc(3 * 1024 * 1024, ' '), readings: 1 };
    await queue.push([long, long, long]);
    assert.equal((await queue.peek({ limit: 9 })).length, 2);
    await queue.close();
    await rejectsWith('closed', queue.peek({ limit: 1 }));
  });
  test('keeps to each limit, and delivers one element whatever the limits', async (queue) => {
    await queue.push(['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'gg'].map((text) => element(text, 10)));
    assert.deepEqual(texts(await claimed(queue, { maxReadings: 20 })), ['aa', 'bb']);
    assert.deepEqual(texts(await claimed(queue, { maxBytes: 2 * element('cc', 10).bytes.byteLength })), ['cc', 'dd']);
    assert.deepEqual(texts(await claimed(queue, { maxElements: 1 })), ['ee']);
    assert.deepEqual(texts(await claimed(queue, { maxReadings: 1 })), ['ff']);
    assert.deepEqual(texts(await claimed(queue, { maxBytes: 1 })), ['gg']);
  });
}

/** A batch comes again as it was, and is counted meanwhile. */
export function wholeRedeliveryTests(test: Register): void {
  test('hands an ended claim on whole, to another token, before anything newer', async (queue, fixture) => {
    await queue.push([element('a'), element('b')]);
    const first = await claimed(queue);
    await queue.push([element('newer')]);
    await fixture.advance(LIMITS.leaseMs - 1);
    assert.deepEqual(texts(await claimed(queue)), ['newer']);
    await fixture.advance(1);
    const second = await claimed(await fixture.open(), { maxElements: 1, maxReadings: 1, maxBytes: 1 });
    assert.deepEqual(texts(second), ['a', 'b']);
    assert.notEqual(second.token, first.token);
    assert.deepEqual(
      second.elements.map(({ attempts }) => attempts),
      [2, 2],
    );
    assert.deepEqual(
      second.elements.map(({ stampMs }) => stampMs),
      first.elements.map(({ stampMs }) => stampMs),
    );
    assert.equal(await queue.ack(first.token), 'stale');
    assert.equal(await queue.renew(first.token, 1_000_000), 'stale');
    assert.equal(await queue.release(first.token), 'stale');
    assert.equal((await queue.depth()).claimedReadings, 3, 'a stale token changed something');
    assert.equal(await queue.ack(second.token), 'acked');
    assert.equal(await queue.ack(second.token), 'stale');
  });
  test('counts the claims that wait to be taken over', async (queue, fixture) => {
    await queue.push(['a', 'b', 'c'].map((text) => element(text)));
    const endedClaims = async () => (await queue.depth()).endedClaims;
    const first = await claimed(queue, { maxElements: 1 });
    await claimed(queue, { maxElements: 1 });
    assert.equal(await endedClaims(), 0);
    await queue.release(first.token);
    assert.equal(await endedClaims(), 1);
    await fixture.advance(LIMITS.leaseMs);
    assert.equal(await endedClaims(), 2);
    await claimed(await fixture.open());
    assert.equal(await endedClaims(), 1);
    await queue.ack((await claimed(queue)).token);
    assert.equal(await endedClaims(), 0);
  });
  const bytes = Buffer.from([0, 0xff, 0xfe]);
  test('puts back to the end what an acknowledgement says, as new elements with their stamps', async (queue) => {
    await queue.push([element('a', 2), element('b', 3)]);
    const { token } = await claimed(queue);
    await queue.push([element('newer')]);
    await queue.release(token);
    const again = await claimed(queue);
    assert.deepEqual([texts(again), again.elements[0]?.attempts], [['a', 'b'], 2]);
    const requeue = [
      { bytes, readings: 4, stampMs: 12 },
      { ...element('b', 5), stampMs: 11 },
    ];
    assert.equal(await queue.ack(again.token, { requeue }), 'acked');
    const { readings, claimedReadings } = await queue.depth();
    assert.deepEqual({ readings, claimedReadings }, { readings: 10, claimedReadings: 0 });
    const { elements } = await claimed(queue, { maxReadings: 5 });
    assert.deepEqual(Buffer.from(elements[1]?.bytes ?? []), bytes);
    assert.deepEqual([elements.length, elements[1]?.stampMs, elements[1]?.attempts], [2, 12, 1]);
    assert.equal((await queue.depth()).oldestMs, 11);
    const last = await claimed(queue);
    assert.deepEqual([texts(last), last.elements[0]?.stampMs, last.elements[0]?.attempts], [['b'], 11, 1]);
  });
}
