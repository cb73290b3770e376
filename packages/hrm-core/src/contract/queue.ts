/**
 * What every queue driver must do, as tests. Assertions are node:assert's, so that any test runner can run them.
 * @module
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { feedTests } from './feed.js';
import { deadLetterTests, requeueTests, waitTests } from './queue-dead-letters-and-waits.js';
import { checkRandomHistory } from './queue-history.js';
import {
  claimed,
  element,
  LIMITS,
  type QueueContract,
  type Register,
  rejectsWith,
  type Test,
  texts,
} from './queue-support.js';
import { assertSpace } from './space.js';

const HISTORY_STEPS = 150;

/** Declares the suite's tests. */
export function queueContract({ test, fixture: create, histories = 20 }: QueueContract): void {
  const register = (name: string, body: Test) =>
    test(name, async () => {
      const fixture = await create();
      try {
        await body(await fixture.open(), fixture);
      } finally {
        await fixture.dispose();
      }
    });
  elementTests(register);
  claimTests(register);
  deadLetterTests(register);
  requeueTests(register);
  waitTests(register);
  feedTests(register);
  storeTests(register);
  for (let count = 0; count < histories; count += 1) {
    const seed = randomInt(2 ** 31);
    register(`agrees with the model, seed ${seed}`, async (queue, fixture) => {
      const handles = [queue, await fixture.open()];
      await checkRandomHistory(handles, (ms) => fixture.advance(ms), seed, HISTORY_STEPS);
    });
  }
}

function storeTests(test: Register): void {
  test('remembers the first store, for every handle, until another is put in its place', async (queue, fixture) => {
    const other = await fixture.open();
    assert.equal(await queue.store.get(), null);
    const both = await Promise.all([queue.store.remember('a'), other.store.remember('b')]);
    const [first] = both;
    assert.deepEqual(both, [first, first]);
    assert.ok(first === 'a' || first === 'b');
    assert.equal(await other.store.get(), first);
    assert.equal(await other.store.remember('c', { replace: true }), 'c');
    assert.equal(await queue.store.get(), 'c');
    await queue.close();
    await rejectsWith('closed', queue.store.get());
    await rejectsWith('closed', queue.store.remember('d'));
    assert.equal(await (await fixture.open()).store.get(), 'c');
  });
}

function elementTests(test: Register): void {
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
  test('takes a push without elements as done', async (queue) => {
    await queue.push([]);
    assert.deepEqual(await queue.depth(), {
      readings: 0,
      claimedReadings: 0,
      deadLetters: 0,
      endedClaims: 0,
      oldestMs: null,
    });
  });
  test('keeps bytes as they are: every byte, none, and a megabyte of them', async (queue) => {
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = new Uint8Array(1024 * 1024).map((_, index) => (index * 31) % 251);
    await queue.push([all, large, new Uint8Array(0)].map((bytes) => ({ bytes, readings: 1 })));
    const { elements } = await claimed(queue);
    assert.deepEqual(
      elements.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
      [all, large, new Uint8Array(0)].map((bytes) => Buffer.from(bytes).toString('base64')),
    );
  });
  test('keeps what looks like a form of its own', async (queue) => {
    const bytes = ['#', '#1,1,1#', '#12,3,4#{}', '{', '[', '[{', '\0'].map((text) => Buffer.from(text));
    await queue.push(bytes.map((one) => ({ bytes: one, readings: 1 })));
    const { elements } = await claimed(queue);
    assert.deepEqual(
      elements.map((one) => Buffer.from(one.bytes)),
      bytes,
    );
    assert.ok(elements.every(({ attempts }) => attempts === 1));
  });
  test('copies what it is given', async (queue) => {
    const { bytes } = element('before');
    const pushed = queue.push([{ bytes, readings: 1 }]);
    bytes.fill(0x20);
    await pushed;
    assert.deepEqual(texts(await claimed(queue)), ['before']);
  });
  test('pushes all or nothing', async (queue) => {
    await rejectsWith('invalid', queue.push([element('good'), element('bad', 0)]));
    await rejectsWith('closed', queue.push([element('late')], { signal: AbortSignal.abort() }));
    assert.equal(await queue.claim(LIMITS), null);
  });
  test('keeps each of 500 concurrent pushes, and each in its order', async (queue, fixture) => {
    const other = await fixture.open();
    const pushes = Array.from({ length: 500 }, (_, index) => [element(`${index}/0`), element(`${index}/1`)]);
    await Promise.all(pushes.map((elements, index) => (index % 2 === 0 ? queue : other).push(elements)));
    const delivered = texts(await claimed(queue));
    assert.deepEqual([...delivered].sort(), pushes.flatMap((_, index) => [`${index}/0`, `${index}/1`]).sort());
    for (const [position, text] of delivered.entries()) {
      if (text.endsWith('/1')) assert.equal(delivered[position - 1], text.replace('/1', '/0'));
    }
  });
}

function claimTests(test: Register): void {
  test('keeps to each limit, and delivers one element whatever the limits', async (queue) => {
    await queue.push(['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'gg'].map((text) => element(text, 10)));
    assert.deepEqual(texts(await claimed(queue, { maxReadings: 20 })), ['aa', 'bb']);
    assert.deepEqual(texts(await claimed(queue, { maxBytes: 2 * element('cc', 10).bytes.byteLength })), ['cc', 'dd']);
    assert.deepEqual(texts(await claimed(queue, { maxElements: 1 })), ['ee']);
    assert.deepEqual(texts(await claimed(queue, { maxReadings: 1 })), ['ff']);
    assert.deepEqual(texts(await claimed(queue, { maxBytes: 1 })), ['gg']);
  });
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
  test('keeps a renewed claim', async (queue, fixture) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    for (let count = 0; count < 3; count += 1) {
      await fixture.advance(LIMITS.leaseMs - 1);
      assert.equal(await queue.renew(token, LIMITS.leaseMs), 'renewed');
      assert.equal(await queue.claim(LIMITS), null);
    }
    assert.equal(await queue.ack(token), 'acked');
  });
  test('hands a released claim on at once, and its token is void', async (queue) => {
    await queue.push([element('a', 3)]);
    const first = await claimed(queue);
    assert.equal(await queue.release(first.token), 'released');
    assert.deepEqual(
      [(await queue.depth()).readings, await queue.ack(first.token), await queue.release(first.token)],
      [3, 'stale', 'stale'],
    );
    assert.deepEqual(texts(await claimed(queue)), ['a']);
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
  test('refuses a lease that would end at once, or never', async (queue) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    for (const leaseMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await rejectsWith('invalid', queue.claim({ ...LIMITS, leaseMs }));
      await rejectsWith('invalid', queue.renew(token, leaseMs));
    }
    assert.equal(await queue.ack(token), 'acked');
  });
  test('says that it takes pushes, changing nothing, until it is closed', async (queue) => {
    const before = await queue.depth();
    const { warnings, ...space } = await queue.check();
    assertSpace(space);
    for (const { code, message, advice } of warnings) {
      assert.ok(/^[a-z_]+$/.test(code) && message.length > 0 && advice.length > 0);
    }
    assert.deepEqual(await queue.depth(), before);
    await queue.close();
    await rejectsWith('closed', queue.check());
  });
  test('keeps claims when their handle is closed', async (queue, fixture) => {
    await queue.push([element('a')]);
    const { token } = await claimed(queue);
    await queue.close();
    await rejectsWith('closed', queue.claim(LIMITS));
    await rejectsWith('closed', queue.push([element('b')]));
    const other = await fixture.open();
    assert.equal(await other.claim(LIMITS), null);
    assert.equal(await other.ack(token), 'acked');
  });
}
