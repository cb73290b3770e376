/**
 * What every queue driver must do for those who watch, as tests: two handles of one queue stand for two processes.
 * @module
 */
import assert from 'node:assert/strict';
import { FEED_SECRET_BYTES, FEED_WATCH_MS, MAX_CURSOR_LENGTH, MAX_FEED_BYTES, MAX_FEED_ENTRIES } from '../limits.js';
import type { Feed, FeedEntry } from '../ports/feed.js';
import type { FedQueue, Queue } from '../ports/queue.js';
import { claimed, element, type QueueFixture, type Register, rejectsWith } from './queue-support.js';

const NOW = { timeoutMs: 0 };
const SOON = { timeoutMs: 20_000 };

/** The texts of entries. */
function textsOf(entries: readonly FeedEntry[]): string[] {
  return entries.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).text);
}

/** Everything from a cursor on, page by page, and where that ends. */
async function readAll(feed: Feed, from: string) {
  const entries: FeedEntry[] = [];
  let gaps = 0;
  for (let next = from; ; ) {
    const page = await feed.read(next, NOW);
    entries.push(...page.entries);
    gaps += page.isGap ? 1 : 0;
    if (page.entries.length === 0) return { entries, gaps, next: page.next };
    next = page.next;
  }
}

async function pushTexts(queue: Queue, texts: readonly string[]): Promise<void> {
  await queue.push(texts.map((text) => element(text)));
}

interface FedFixture extends QueueFixture {
  open(): Promise<FedQueue>;
}

type RegisterFed = (name: string, body: (queue: FedQueue, fixture: FedFixture) => Promise<void>) => unknown;

/** Declares the tests of the feed. */
export function feedTests(register: Register): void {
  const test: RegisterFed = (name, body) =>
    register(name, (queue, fixture) => body(queue as FedQueue, fixture as FedFixture));
  orderTests(test);
  secretTests(test);
  waitingTests(test);
  boundTests(test);
}

function orderTests(test: RegisterFed): void {
  test('feeds what is pushed while somebody watches, by any handle, in the order of the queue', async (queue, fixture) => {
    const other = await fixture.open();
    await pushTexts(queue, ['before']);
    const start = await queue.feed.watch();
    await pushTexts(other, ['a', 'b']);
    await pushTexts(queue, ['c']);
    await pushTexts(other, ['d']);
    for (const { feed } of [queue, other]) {
      const { entries, gaps } = await readAll(feed, start);
      assert.deepEqual([textsOf(entries), gaps], [['a', 'b', 'c', 'd'], 0]);
    }
    assert.equal((await queue.depth()).readings, 5);
  });
  test('feeds bytes as they are, what looks like a form of its own too', async (queue) => {
    const start = await queue.feed.watch();
    const pushed = ['#', '#1,1,1#', '{}', '\0\xff'].map((text) => Buffer.from(text, 'latin1'));
    await queue.push(pushed.map((bytes) => ({ bytes, readings: 1 })));
    const { entries } = await readAll(queue.feed, start);
    assert.deepEqual(
      entries.map(({ bytes }) => Buffer.from(bytes)),
      pushed,
    );
    assert.ok(entries.every(({ stampMs }) => stampMs > 0));
  });
  test('has cursors that are ordered as strings, and go on where they stand', async (queue) => {
    const start = await queue.feed.watch();
    for (let i = 0; i < 12; i += 1) await pushTexts(queue, [`${i}/0`, `${i}/1`]);
    const { entries, next } = await readAll(queue.feed, start);
    const cursors = [...entries.map(({ cursor }) => cursor), next];
    assert.equal(entries.length, 24);
    assert.deepEqual(cursors, [...new Set(cursors)].sort());
    for (const cursor of cursors) assert.ok(/^[0-9a-z-]+$/.test(cursor) && cursor.length <= MAX_CURSOR_LENGTH);
    for (const [i, cursor] of cursors.entries()) {
      assert.deepEqual((await readAll(queue.feed, cursor)).entries, entries.slice(i));
    }
    assert.equal(await queue.feed.watch(), next);
  });
  test('feeds nothing twice: what goes back to the queue was there', async (queue, fixture) => {
    const start = await queue.feed.watch();
    await pushTexts(queue, ['a', 'b', 'c']);
    const { token, elements } = await claimed(queue);
    const [a, b] = elements;
    assert.ok(a !== undefined && b !== undefined);
    const requeue = [{ ...a, readings: 1 }];
    await queue.ack(token, { requeue, deadLetters: [{ ...b, reason: 'test' }] });
    const [deadLetter] = await queue.deadLetters.list({ limit: 1 });
    assert.equal(await queue.deadLetters.redrive([deadLetter?.id ?? '']), 1);
    await queue.release((await claimed(queue)).token);
    await fixture.advance(1_000);
    await pushTexts(queue, ['d']);
    const { entries, gaps } = await readAll(queue.feed, start);
    assert.deepEqual([textsOf(entries), gaps], [['a', 'b', 'c', 'd'], 0]);
  });
}

function secretTests(test: RegisterFed): void {
  test('has a secret that all handles have in common, also when they ask at once, and after they were closed', async (queue, fixture) => {
    const handles = [queue, await fixture.open(), await fixture.open()];
    const secrets = await Promise.all([...handles, ...handles].map(({ feed }) => feed.secret()));
    for (const { feed, close } of handles) {
      await feed.watch();
      await close();
    }
    secrets.push(await (await fixture.open()).feed.secret());
    assert.equal(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size, 1);
    assert.equal(secrets[0]?.byteLength, FEED_SECRET_BYTES);
    assert.ok(new Set(secrets[0]).size > 8);
  });
}

function waitingTests(test: RegisterFed): void {
  test('wakes who waits at the end, by a push of any handle', async (queue, fixture) => {
    const other = await fixture.open();
    const start = await queue.feed.watch();
    assert.deepEqual(await queue.feed.read(start, { timeoutMs: 30 }), { entries: [], next: start, isGap: false });
    const reads = [queue, other].map(({ feed }) => feed.read(start, SOON));
    await pushTexts(other, ['a']);
    for (const { entries } of await Promise.all(reads)) assert.deepEqual(textsOf(entries), ['a']);
  });
  test('ends a read with kind closed when its signal fires or the queue is closed', async (queue) => {
    const start = await queue.feed.watch();
    const controller = new AbortController();
    const aborted = rejectsWith('closed', queue.feed.read(start, { ...SOON, signal: controller.signal }));
    const closed = rejectsWith('closed', queue.feed.read(start, SOON));
    controller.abort();
    await aborted;
    await queue.close();
    await closed;
    await rejectsWith('closed', queue.feed.watch());
  });
}

function boundTests(test: RegisterFed): void {
  test('records nothing while nobody watches, and tells the gap', async (queue, fixture) => {
    const other = await fixture.open();
    const start = await queue.feed.watch();
    await pushTexts(other, ['a']);
    await fixture.advance(FEED_WATCH_MS - 1);
    await pushTexts(other, ['b']);
    await fixture.advance(1);
    await pushTexts(other, ['unseen']);
    const restart = await queue.feed.watch();
    await pushTexts(other, ['c']);
    const { entries, gaps } = await readAll(queue.feed, start);
    assert.deepEqual([textsOf(entries), gaps], [['c'], 1]);
    assert.deepEqual(textsOf((await readAll(other.feed, restart)).entries), ['c']);
    assert.equal((await queue.depth()).readings, 4);
  });
  test('goes on while it is watched again in time', async (queue, fixture) => {
    const start = await queue.feed.watch();
    for (const text of ['a', 'b', 'c']) {
      await fixture.advance(FEED_WATCH_MS - 1);
      assert.ok((await queue.feed.watch()) >= start);
      await pushTexts(queue, [text]);
    }
    const { entries, gaps } = await readAll(queue.feed, start);
    assert.deepEqual([textsOf(entries), gaps], [['a', 'b', 'c'], 0]);
  });
  test('drops the oldest over its bound of bytes, and tells the gap', async (queue) => {
    const start = await queue.feed.watch();
    const bytes = Buffer.alloc(1_000_000, 0x20);
    const pushes = 40;
    for (let i = 0; i < pushes; i += 1)
      await queue.push([{ bytes: Buffer.concat([bytes, Buffer.from(`${i}`)]), readings: 1 }]);
    const { entries, gaps } = await readAll(queue.feed, start);
    const numbers = entries.map((entry) => Number(Buffer.from(entry.bytes).toString()));
    assert.ok(entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0) <= MAX_FEED_BYTES);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => pushes - numbers.length + i),
    );
    assert.ok(numbers.length >= 15);
    assert.equal(gaps, 1);
    assert.equal((await queue.depth()).readings, pushes);
    assert.equal((await readAll(queue.feed, entries[0]?.cursor ?? '')).gaps, 0);
  });
  test('drops the oldest over its bound of entries', async (queue) => {
    const start = await queue.feed.watch();
    const more = 1_000;
    const all = Array.from({ length: MAX_FEED_ENTRIES + more }, (_, i) => element(`${i}`));
    for (let from = 0; from < all.length; from += 10_000) await queue.push(all.slice(from, from + 10_000));
    const { entries, gaps } = await readAll(queue.feed, start);
    assert.equal(gaps, 1);
    assert.equal(entries.length, MAX_FEED_ENTRIES);
    assert.deepEqual([textsOf(entries)[0], textsOf(entries).at(-1)], [`${more}`, `${all.length - 1}`]);
  });
  test('takes one push larger than all that it holds', async (queue) => {
    const start = await queue.feed.watch();
    const large = Array.from({ length: 5 }, () => ({ bytes: Buffer.alloc(4_000_000, 0x20), readings: 1 }));
    await queue.push([element('a'), ...large, element('b')]);
    const { entries, gaps } = await readAll(queue.feed, start);
    assert.ok(entries.length <= 5);
    assert.equal(Buffer.from(entries.at(-1)?.bytes ?? []).toString(), '{"text":"b"}');
    assert.equal(gaps, 1);
    await pushTexts(queue, ['c']);
    const after = await readAll(queue.feed, entries.at(-1)?.cursor ?? '');
    assert.deepEqual([textsOf(after.entries), after.gaps], [['b', 'c'], 0]);
  });
  test('takes a cursor of another feed, or of none, for a gap at the end', async (queue) => {
    const end = await queue.feed.watch();
    await pushTexts(queue, ['a']);
    const { next } = await readAll(queue.feed, end);
    const [beyond, elsewhere] = [`${next.slice(0, -6)}999999`, next.replace(/\d/g, '9')];
    for (const cursor of ['', 'x', 'ffffffff-0000000000000001x', '-', beyond, elsewhere]) {
      assert.deepEqual(await queue.feed.read(cursor, NOW), { entries: [], next, isGap: true }, cursor);
    }
  });
  test('is begun by a read where nobody has watched', async (queue) => {
    await pushTexts(queue, ['before']);
    const { entries, next, isGap } = await queue.feed.read('', NOW);
    assert.deepEqual([entries, isGap], [[], true]);
    await pushTexts(queue, ['a']);
    assert.deepEqual(textsOf((await readAll(queue.feed, next)).entries), ['a']);
  });
}
