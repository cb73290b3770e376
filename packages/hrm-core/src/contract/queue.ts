/**
 * What every queue driver must do, as tests. Assertions are node:assert's, so that any test runner can run them.
 * @module
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { feedTests } from './feed.js';
import { deadLetterTests, requeueTests, waitTests } from './queue-dead-letters-and-waits.js';
import { checkRandomHistory } from './queue-history.js';
import { checkLooseHistory } from './queue-loose-history.js';
import { orderTests, wholeRedeliveryTests } from './queue-order.js';
import {
  claimed,
  element,
  LIMITS,
  type QueueContract,
  type QueuePromises,
  type Register,
  rejectsWith,
  type Test,
  texts,
} from './queue-support.js';
import { assertSpace } from './space.js';

const HISTORY_STEPS = 150;

const ALL_PROMISES: QueuePromises = {
  order: true,
  wholeRedelivery: true,
  exactDepth: true,
  sharedWaits: true,
  feed: true,
};

/** Declares the suite's tests. */
export function queueContract({ test, fixture: create, histories = 20, promises: made = {} }: QueueContract): void {
  const promises = { ...ALL_PROMISES, ...made };
  const register = (name: string, body: Test) =>
    test(name, async () => {
      const fixture = await create();
      try {
        await body(await fixture.open(), fixture, promises);
      } finally {
        await fixture.dispose();
      }
    });
  elementTests(register);
  claimTests(register);
  deadLetterTests(register);
  requeueTests(register);
  waitTests(register);
  storeTests(register);
  if (promises.order) orderTests(register);
  if (promises.wholeRedelivery) wholeRedeliveryTests(register);
  if (promises.feed) feedTests(register);
  else register('says that it has no feed', async ({ feed }) => assert.equal(feed, null));
  const checkHistory = promises.order ? checkRandomHistory : checkLooseHistory;
  for (let count = 0; count < histories; count += 1) {
    const seed = randomInt(2 ** 31);
    register(`agrees with the model, seed ${seed}`, async (queue, fixture) => {
      const handles = [queue, await fixture.open()];
      await checkHistory(handles, (ms) => fixture.advance(ms), seed, HISTORY_STEPS);
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
  test('takes a push without elements as done', async (queue) => {
    await queue.push([]);
    const { oldestMs, isEstimate, ...counts } = await queue.depth();
    assert.deepEqual(counts, { readings: 0, claimedReadings: 0, deadLetters: 0, endedClaims: 0 });
    assert.equal(oldestMs ?? null, null);
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
  test('hands a released claim on at once, and its token is void', async (queue, _, { exactDepth }) => {
    await queue.push([element('a', 3)]);
    const first = await claimed(queue);
    assert.equal(await queue.release(first.token), 'released');
    if (exactDepth) assert.equal((await queue.depth()).readings, 3);
    assert.deepEqual([await queue.ack(first.token), await queue.release(first.token)], ['stale', 'stale']);
    assert.deepEqual(texts(await claimed(queue)), ['a']);
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
  test('says that it takes pushes, changing nothing, until it is closed', async (queue, _, { exactDepth }) => {
    const before = await queue.depth();
    const { warnings, ...space } = await queue.check();
    assertSpace(space);
    for (const { code, message, advice } of warnings) {
      assert.ok(/^[a-z_]+$/.test(code) && message.length > 0 && advice.length > 0);
    }
    if (exactDepth) assert.deepEqual(await queue.depth(), before);
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
