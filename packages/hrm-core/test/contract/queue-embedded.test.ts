import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, it, test } from 'vitest';
import { type QueueFixture, queueContract } from '../../src/contract/index.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { isHrmError } from '../../src/errors.js';
import type { Queue } from '../../src/ports/queue.js';

/** Pushes elements of 30 readings. */
const PUSHER = fileURLToPath(new URL('../crash/queue-ack-worker.mjs', import.meta.url));
const LIMITS = { maxReadings: 100, maxBytes: 1_000, maxElements: 100, leaseMs: 1_000 };
const ELEMENT = { bytes: Buffer.from('a'), readings: 1 };

async function fixture(): Promise<QueueFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'hrm-queue-'));
  let nowMs = 1_700_000_000_000;
  const clock = { nowMs: () => nowMs };
  const handles: Queue[] = [];
  return {
    open: async () => {
      const queue = await openEmbeddedQueue({ directory, clock });
      handles.push(queue);
      return queue;
    },
    advance: (ms) => {
      nowMs += ms;
    },
    dispose: async () => {
      for (const queue of handles) await queue.close();
      rmSync(directory, { recursive: true });
    },
  };
}

describe('queue contract', () => queueContract({ test, fixture }));

describe('embedded queue', () => {
  let parent = '';
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'hrm-queue-'));
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  function isError(kind: string, code: string, words: RegExp) {
    return (error: unknown) =>
      isHrmError(error) && error.kind === kind && error.code === code && words.test(error.message);
  }

  it('creates directories for its owner alone, and files too', async () => {
    const directory = join(parent, 'a', 'b');
    const umask = process.umask(0o022);
    const queue = await openEmbeddedQueue({ directory });
    await queue.push([ELEMENT]);
    assert.equal(process.umask(umask), 0o022);
    const modes = [join(parent, 'a'), directory].map((path) => statSync(path).mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o700]);
    // Files, and the socket that keeps processes of the same id out.
    const names = readdirSync(directory);
    assert.ok(names.length >= 2);
    for (const name of names) assert.equal(statSync(join(directory, name)).mode & 0o077, 0, name);
    await queue.close();
  });

  it('keeps elements, claims and letters when all handles were closed', async () => {
    const first = await openEmbeddedQueue({ directory: parent });
    await first.push([ELEMENT, { bytes: Buffer.from('b'), readings: 5 }]);
    const claim = await first.claim({ ...LIMITS, maxElements: 1, leaseMs: 1_000_000 });
    await first.close();
    const second = await openEmbeddedQueue({ directory: parent });
    const depth = await second.depth();
    assert.deepEqual([depth.readings, depth.claimedReadings], [5, 1]);
    assert.equal(await second.ack(claim?.token ?? ''), 'acked');
    await second.close();
  });

  it('does not strand elements or claims when the clock is set back', async () => {
    let nowMs = 1_700_000_000_000;
    const queue = await openEmbeddedQueue({ directory: parent, clock: { nowMs: () => nowMs } });
    await queue.push([ELEMENT]);
    assert.equal(await queue.wait({ readings: 9, ageMs: 5_000 }, { timeoutMs: 0 }), false);
    nowMs -= 3_600_000;
    assert.equal(await queue.wait({ readings: 9, ageMs: 5_000 }, { timeoutMs: 0 }), true);
    await queue.claim(LIMITS);
    assert.equal(await queue.claim(LIMITS), null);
    nowMs -= 3_600_000;
    assert.equal((await queue.claim(LIMITS))?.elements.length, 1);
    await queue.close();
  });

  it('commits what was pushed before it is closed', async () => {
    const queue = await openEmbeddedQueue({ directory: parent });
    const pushed = queue.push([ELEMENT]);
    await Promise.all([pushed, queue.close()]);
    const again = await openEmbeddedQueue({ directory: parent });
    assert.equal((await again.depth()).readings, 1);
    await again.close();
  });

  it('sees what another process pushed, even in the same turn of the event loop', async () => {
    const queue = await openEmbeddedQueue({ directory: parent });
    const before = queue.depth();
    execFileSync(process.execPath, [PUSHER, parent, '3']);
    const after = queue.depth();
    assert.deepEqual([(await before).readings, (await after).readings], [0, 90]);
    await queue.close();
  });

  it('goes on with the attempts of a redriven letter', async () => {
    const queue = await openEmbeddedQueue({ directory: parent });
    await queue.push([ELEMENT]);
    const claim = await queue.claim(LIMITS);
    const bad = { reason: 'bad', bytes: ELEMENT.bytes, stampMs: 1, attempts: 3 };
    await queue.ack(claim?.token ?? '', { deadLetters: [bad] });
    const [deadLetter] = await queue.deadLetters.list({ limit: 1 });
    await queue.deadLetters.redrive([deadLetter?.id ?? '']);
    assert.equal((await queue.claim(LIMITS))?.elements[0]?.attempts, 4);
    await assert.rejects(
      queue.deadLetters.list({ afterId: 'x', limit: 1 }),
      isError('invalid', 'invalid_dead_letter_id', /"x"/),
    );
    await queue.close();
  });

  it('refuses a directory it cannot make, and says so', async () => {
    writeFileSync(join(parent, 'file'), '');
    await assert.rejects(
      openEmbeddedQueue({ directory: join(parent, 'file', 'queue') }),
      isError('unavailable', 'queue_unavailable', /ENOTDIR.*check the disk/),
    );
  });

  it('refuses files of other kinds and versions, and leaves them as they are', async () => {
    const named = (name: string) => {
      mkdirSync(join(parent, name));
      return join(parent, name);
    };
    const text = named('text');
    writeFileSync(join(text, 'queue.lmdb'), 'x'.repeat(100_000));
    await assert.rejects(openEmbeddedQueue({ directory: text }), isError('data', 'queue_layout', /not a database/));
    const foreign = named('foreign');
    const database = open({ path: join(foreign, 'queue.lmdb'), noSubdir: true, overlappingSync: false });
    database.openDB({ name: 'theirs' });
    await database.close();
    await assert.rejects(openEmbeddedQueue({ directory: foreign }), isError('data', 'queue_layout', /not one of this/));
    for (const [name, layout, words] of [
      ['newer', '2', /has layout 2, .*reads 1/],
      ['raw', '2\n\u001b[31mroot\u0000', /has a layout that is no number, and this version reads 1: drain/],
    ] as const) {
      const other = named(name);
      await (await openEmbeddedQueue({ directory: other })).close();
      const root = open({ path: join(other, 'queue.lmdb'), noSubdir: true, overlappingSync: false });
      root.openDB({ name: 'meta', encoding: 'binary' }).putSync('layout', Buffer.from(layout));
      await root.close();
      await assert.rejects(openEmbeddedQueue({ directory: other }), isError('data', 'queue_layout', words));
    }
  });

  it('has the tables that an older version knows, also while it is watched', async () => {
    const queue = await openEmbeddedQueue({ directory: parent });
    await queue.feed.watch();
    await queue.push([ELEMENT]);
    await queue.close();
    const root = open({ path: join(parent, 'queue.lmdb'), noSubdir: true, overlappingSync: false });
    const names = [...root.getKeys()].map(String);
    await root.close();
    assert.deepEqual(names.sort(), ['claims', 'elements', 'letters', 'meta']);
  });

  it('tells a gap where a process that knows no feed has pushed', async () => {
    const opened = () => openEmbeddedQueue({ directory: parent });
    const queue = await opened();
    const start = await queue.feed.watch();
    await queue.push([ELEMENT]);
    await queue.close();
    // What an older version does: an element, and the counters.
    const root = open({ path: join(parent, 'queue.lmdb'), noSubdir: true, overlappingSync: false });
    const elements = root.openDB<Buffer, number>({ name: 'elements', encoding: 'binary' });
    const meta = root.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' });
    root.transactionSync(() => {
      const counters = Buffer.from(meta.get('counters') ?? []);
      elements.put(2, Buffer.from(elements.get(1) ?? []));
      counters.writeDoubleLE(3, 8);
      counters.writeDoubleLE(2, 16);
      meta.put('counters', counters);
    });
    await root.close();
    const again = await opened();
    assert.equal((await again.depth()).readings, 2);
    const whole = await again.feed.read(start, { timeoutMs: 0 });
    assert.deepEqual([whole.entries.length, whole.isGap], [1, false]);
    await again.push([ELEMENT]);
    for (const from of [start, whole.next]) {
      const { entries, isGap } = await again.feed.read(from, { timeoutMs: 0 });
      assert.deepEqual([entries.length, isGap], [1, true]);
    }
    await again.close();
  });

  it('forgets what nobody watches any more, by and by', async () => {
    let nowMs = 1_700_000_000_000;
    const queue = await openEmbeddedQueue({ directory: parent, clock: { nowMs: () => nowMs } });
    const start = await queue.feed.watch();
    await queue.push(Array(1_000).fill(ELEMENT));
    nowMs += 60_000;
    for (let i = 0; i < 5; i += 1) await queue.push([ELEMENT]);
    await queue.close();
    const root = open({ path: join(parent, 'queue.lmdb'), noSubdir: true, overlappingSync: false });
    const meta = root.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' });
    const left = [...meta.getKeys()].map(String);
    await root.close();
    assert.deepEqual(left.sort(), ['counters', 'feed', 'layout']);
    const again = await openEmbeddedQueue({ directory: parent, clock: { nowMs: () => nowMs } });
    assert.equal((await again.feed.read(start, { timeoutMs: 0 })).isGap, true);
    await again.close();
  });

  it('keeps whole milliseconds, and refuses a clock that has none', async () => {
    let now = 1_700_000_000_000.75;
    const queue = await openEmbeddedQueue({ directory: parent, clock: { nowMs: () => now } });
    await queue.push([ELEMENT, ELEMENT]);
    const isBadClock = isError('internal', 'bad_clock', /nowMs/);
    const one = { ...LIMITS, maxElements: 1 };
    const claim = await queue.claim(one);
    assert.equal(claim?.elements[0]?.stampMs, 1_700_000_000_000);
    for (now of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(queue.push([ELEMENT]), isBadClock);
      await assert.rejects(queue.claim(one), isBadClock);
      await assert.rejects(queue.renew(claim.token, 1_000), isBadClock);
      await assert.rejects(queue.ack(claim.token), isBadClock);
      await assert.rejects(queue.depth(), isBadClock);
      await assert.rejects(queue.check(), isBadClock);
    }
    now = 1_700_000_000_999;
    const depth = await queue.depth();
    assert.deepEqual([depth.readings, depth.claimedReadings], [1, 1]);
    now += 1;
    assert.equal((await queue.claim(one))?.elements[0]?.attempts, 2);
    await queue.close();
  });

  it('names the lease that it refuses', async () => {
    const queue = await openEmbeddedQueue({ directory: parent });
    await assert.rejects(
      queue.claim({ ...LIMITS, leaseMs: Number.NaN }),
      isError('invalid', 'invalid_lease', /NaN ms.*above 0/),
    );
    await assert.rejects(queue.renew('', -5), isError('invalid', 'invalid_lease', /-5 ms/));
    await queue.close();
  });
});
