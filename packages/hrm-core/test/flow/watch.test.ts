/** Watching over both queues; two handles stand for two processes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { withHighWater } from '../../src/drivers/queue/high-water.js';
import { openRedisQueue } from '../../src/drivers/queue/redis/redis.js';
import { parseLiveId } from '../../src/flow/live/live-id.js';
import {
  createYielder,
  enqueue,
  type FedQueue,
  HrmError,
  type Queue,
  type WatchEvent,
  type WatchInput,
  watch,
} from '../../src/index.js';
import { MAX_HUB_READINGS, MAX_RUN_READINGS, MAX_WATCH_READINGS } from '../../src/limits.js';
import type { LiveCursor } from '../../src/pure/live-cursor.js';
import { randomFrom, testSeed } from '../support/random.js';

let redis: Redis;
let places = 0;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

type Open = () => Promise<FedQueue>;

/** Opens handles of one new queue. */
async function newPlace(driver: string): Promise<Open> {
  places += 1;
  const name = `watch${places}`;
  const directory = await mkdtemp(join(tmpdir(), 'hrm-watch-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return async () => {
    const keys = { queueKey: `${name}:queue`, processingKey: `${name}:processing`, deadKey: `${name}:dead` };
    const queue =
      driver === 'redis'
        ? await openRedisQueue({ server: redis.url, ...keys })
        : await openEmbeddedQueue({ directory });
    onTestFinished(() => queue.close());
    return withHighWater(queue, { highWaterReadings: 1e9 });
  };
}

const START_MS = Date.UTC(2024, 0, 15, 10);

/** A reading with a number of its own, by its time. */
function numbered(number: number, userId = 'ana', deviceId = 'watch') {
  return { userId, deviceId, timestamp: new Date(START_MS + number * 1_000).toISOString(), heartRate: 72 };
}

function numberOf(event: WatchEvent | undefined): number | 'gap' {
  return event?.type === 'reading' ? (event.reading.timestampMs - START_MS) / 1_000 : 'gap';
}

/** What an id hides. */
async function positionOf({ feed }: FedQueue, id: string): Promise<LiveCursor> {
  return parseLiveId(await feed.secret(), id);
}

/** Begins to watch, and gives what takes the next events. */
async function begin(queue: Pick<Queue, 'feed'>, input: WatchInput) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const live = watch({ queue }, input, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]) });
  await live.position();
  const events = live[Symbol.asyncIterator]();
  async function take(count: number): Promise<WatchEvent[]> {
    const taken: WatchEvent[] = [];
    while (taken.length < count) {
      const { value, done } = await events.next();
      if (done === true) throw new Error('the watch ended');
      taken.push(value);
    }
    return taken;
  }
  return { live, stop, take, end: async () => events.return?.() };
}

describe.each(['embedded', 'redis'])('watching over the %s queue', (driver) => {
  test('gives the readings of one user, or device, as they are accepted, from any handle', async () => {
    const open = await newPlace(driver);
    const [queue, other] = [await open(), await open()];
    await enqueue({ queue }, numbered(0));
    const ana = await begin(queue, { userId: 'ana' });
    const scale = await begin(other, { userId: 'ana', deviceId: 'scale' });
    await enqueue({ queue: other }, [numbered(1), numbered(2, 'ben'), numbered(3, 'ana', 'scale')]);
    await enqueue({ queue }, numbered(4, 'ana', 'scale'));
    const events = await ana.take(3);
    expect(events.map(numberOf)).toEqual([1, 3, 4]);
    expect(events[0]).toMatchObject({ reading: { userId: 'ana', deviceId: 'watch', heartRate: 72 } });
    expect((await scale.take(2)).map(numberOf)).toEqual([3, 4]);
  });

  test('goes on after an id with what was missed, once, on another handle too', async () => {
    const open = await newPlace(driver);
    const [queue, other] = [await open(), await open()];
    const first = await begin(queue, { userId: 'ana' });
    await enqueue(
      { queue },
      [1, 2, 3, 4].map((number) => numbered(number)),
    );
    const [, second] = await first.take(2);
    await first.end();
    await enqueue({ queue: other }, [numbered(5), numbered(6, 'ben')]);
    const again = await begin(other, { userId: 'ana', after: second?.id });
    await enqueue({ queue }, numbered(7));
    expect((await again.take(4)).map(numberOf)).toEqual([3, 4, 5, 7]);
  });

  test('tells where it stands: nothing is missed or repeated after that', async () => {
    const open = await newPlace(driver);
    const queue = await open();
    const first = await begin(queue, { userId: 'ana' });
    const atStart = await first.live.position();
    await enqueue({ queue }, [numbered(1), numbered(2)]);
    await first.take(1);
    const afterOne = await first.live.position();
    await first.take(1);
    const known = await positionOf(queue, await first.live.position());
    await enqueue({ queue }, numbered(3, 'ben'));
    await expect.poll(async () => positionOf(queue, await first.live.position())).not.toEqual(known);
    const atEnd = await first.live.position();
    await enqueue({ queue }, numbered(4));
    for (const [after, numbers] of [
      [atStart, [1, 2, 4]],
      [afterOne, [2, 4]],
      [atEnd, [4]],
    ] as const) {
      const again = await begin(queue, { userId: 'ana', after });
      expect((await again.take(numbers.length)).map(numberOf)).toEqual(numbers);
    }
  });

  test('tells a gap where the feed has lost what came after an id, and goes on', async () => {
    const open = await newPlace(driver);
    const [queue, other] = [await open(), await open()];
    const first = await begin(queue, { userId: 'ana' });
    await enqueue({ queue }, numbered(1));
    const [{ id } = { id: '' }] = await first.take(1);
    await first.end();
    const large = { bytes: Buffer.alloc(1_000_000, 0x20), readings: 1 };
    for (let i = 0; i < 20; i += 1) await other.push([large]);
    await enqueue({ queue: other }, numbered(2));
    for (const after of [id, '0-0', 'zzzzzzzz-1.7']) {
      const again = await begin(queue, { userId: 'ana', after });
      const [gap] = await again.take(1);
      expect(gap?.type).toBe('gap');
      await enqueue({ queue: other }, numbered(3));
      const events = await again.take(1);
      // What is left of a feed is given; of another feed nothing is known.
      expect(numberOf(events[0])).toBe(after === id ? 2 : 3);
      await again.end();
      const afterGap = await begin(queue, { userId: 'ana', after: gap?.id });
      expect((await afterGap.take(1)).map(numberOf)).toEqual(events.map(numberOf));
    }
  });

  test('gives each user exactly their own, however often they come and go', async () => {
    const open = await newPlace(driver);
    const random = randomFrom(testSeed());
    const pick = (count: number) => Math.floor(random() * count);
    const handles = [await open(), await open()];
    const users = ['ana', 'ana ', 'Ana', 'añа', '"}', 'ben'];
    const keeper = await begin(handles[0] as Queue, { userId: 'nobody' });
    const expected = new Map<string, number[]>(users.map((user) => [user, []]));
    const seen = new Map<string, (number | 'gap')[]>(users.map((user) => [user, []]));
    const after = new Map<string, string>();
    for (const user of users) after.set(user, await keeper.live.position());
    let number = 0;
    for (let round = 0; round < 40; round += 1) {
      const batch = Array.from({ length: 1 + pick(round % 10 === 0 ? 3_000 : 20) }, () => {
        const user = users[pick(users.length)] ?? '';
        number += 1;
        expected.get(user)?.push(number);
        return numbered(number, user);
      });
      const [only, ...others] = batch;
      const readings = only !== undefined && others.length === 0 ? only : batch;
      const pushed = enqueue({ queue: handles[pick(2)] as Queue }, readings);
      const user = users[pick(users.length)] ?? '';
      const missing = (expected.get(user)?.length ?? 0) - (seen.get(user)?.length ?? 0);
      const watcher = await begin(handles[pick(2)] as Queue, { userId: user, after: after.get(user) });
      for (const event of await watcher.take(pick(missing + 1))) {
        seen.get(user)?.push(numberOf(event));
        if (event.type === 'reading') expect(event.reading.userId).toBe(user);
      }
      after.set(user, await watcher.live.position());
      await watcher.end();
      await pushed;
    }
    for (const user of users) {
      const missing = (expected.get(user)?.length ?? 0) - (seen.get(user)?.length ?? 0);
      const watcher = await begin(handles[0] as Queue, { userId: user, after: after.get(user) });
      for (const event of await watcher.take(missing)) seen.get(user)?.push(numberOf(event));
      expect(seen.get(user)).toEqual(expected.get(user));
    }
  });
});

describe('watchers of one process', () => {
  test('learn nothing of others by ids: all of one length, and none twice, whatever others send', async () => {
    const queue = await (await newPlace('embedded'))();
    const quiet = await begin(queue, { userId: 'ana' });
    const ids = [await quiet.live.position(), await quiet.live.position()];
    await enqueue({ queue }, [...Array.from({ length: 200 }, (_, i) => numbered(i, 'ben')), numbered(1)]);
    ids.push((await quiet.take(1))[0]?.id ?? '', await quiet.live.position());
    expect(new Set(ids).size).toBe(4);
    expect(new Set(ids.map(({ length }) => length))).toEqual(new Set([107]));
    const { cursor } = await positionOf(queue, ids[2] ?? '');
    expect(ids.join()).not.toContain(cursor.slice(0, 8));
  });

  test('share one reader, which ends with the last of them', async () => {
    const queue = await (await newPlace('embedded'))();
    let reading = 0;
    let most = 0;
    const feed: FedQueue['feed'] = {
      ...queue.feed,
      async read(from, options) {
        reading += 1;
        most = Math.max(most, reading);
        try {
          return await queue.feed.read(from, options);
        } finally {
          reading -= 1;
        }
      },
    };
    const watchers = [];
    for (let i = 0; i < 20; i += 1) watchers.push(await begin({ feed }, { userId: i % 2 === 0 ? 'ana' : 'ben' }));
    for (let number = 1; number <= 5; number += 1)
      await enqueue({ queue }, [numbered(number), numbered(number, 'ben')]);
    for (const { take } of watchers) expect((await take(5)).map(numberOf)).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(1);
    for (const { end } of watchers) await end();
    await expect.poll(() => reading).toBe(0);
  });

  test('who does not take is told of a gap, gets the newest, and holds up nobody', async () => {
    const queue = await (await newPlace('embedded'))();
    const slow = await begin(queue, { userId: 'ana' });
    const quick = await begin(queue, { userId: 'ana' });
    const count = MAX_WATCH_READINGS + 2_500;
    for (let from = 0; from < count; from += 500) {
      await enqueue(
        { queue },
        Array.from({ length: 500 }, (_, i) => numbered(from + i)),
      );
      await quick.take(500);
    }
    const [gap, ...rest] = await slow.take(1 + 2_500);
    expect(gap?.type).toBe('gap');
    expect(rest.map(numberOf)).toEqual(Array.from({ length: 2_500 }, (_, i) => MAX_WATCH_READINGS + i));
    const again = await begin(queue, { userId: 'ana', after: gap?.id });
    expect(numberOf((await again.take(1))[0])).toBe(MAX_WATCH_READINGS);
  });

  test('are given the same events in the same arrays, sealed once', async () => {
    const queue = await (await newPlace('embedded'))();
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const watches = Array.from({ length: 3 }, () => watch({ queue }, { userId: 'ana' }, { signal: stop.signal }));
    for (const live of watches) await live.position();
    await enqueue(
      { queue },
      Array.from({ length: 500 }, (_, i) => numbered(i)),
    );
    const taken: (readonly WatchEvent[])[][] = [];
    for (const live of watches) {
      const runs: (readonly WatchEvent[])[] = [];
      for await (const run of live.runs()) if (runs.push(run) && runs.flat().length >= 500) break;
      taken.push(runs);
    }
    const [first = [], ...others] = taken;
    expect(first.flat().map(numberOf)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(Math.max(...first.map(({ length }) => length))).toBe(MAX_RUN_READINGS);
    for (const runs of others) for (const [i, run] of runs.entries()) expect(run).toBe(first[i]);
  });

  test('hold so many readings of all together and no more: who has the most waiting is told of a gap', async () => {
    const queue = await (await newPlace('embedded'))();
    const users = Array.from({ length: MAX_HUB_READINGS / MAX_WATCH_READINGS + 1 }, (_, i) => `user ${i}`);
    const watchers = await Promise.all(users.map((userId) => begin(queue, { userId })));
    for (const [i, userId] of users.entries()) {
      const count = i === 3 ? MAX_WATCH_READINGS : MAX_WATCH_READINGS - 500;
      await enqueue(
        { queue },
        Array.from({ length: count }, (_, number) => numbered(number, userId)),
      );
    }
    const quiet = await begin(queue, { userId: 'ben' });
    await enqueue({ queue }, numbered(1, 'ben'));
    await quiet.take(1);
    for (const [i, watcher] of watchers.entries())
      expect((await watcher.take(1)).map(numberOf)).toEqual([i === 3 ? 'gap' : 0]);
  });

  test('who come back together, from however long ago, share a pass over the feed', async () => {
    const queue = await (await newPlace('embedded'))();
    const reads: string[] = [];
    const feed: FedQueue['feed'] = {
      ...queue.feed,
      async read(from, options) {
        if (options.timeoutMs === 0) reads.push(from);
        return await queue.feed.read(from, options);
      },
    };
    const keeper = await begin({ feed }, { userId: 'nobody' });
    const ids: string[] = [];
    for (let i = 0; i < 30; i += 1) {
      ids.push(await keeper.live.position());
      await enqueue(
        { queue },
        Array.from({ length: 1_000 }, (_, j) => numbered(i * 1_000 + j, j === 0 ? 'ana' : 'ben')),
      );
      await expect
        .poll(() => keeper.live.position().then((id) => positionOf(queue, id)))
        .not.toEqual(await positionOf(queue, ids.at(-1) ?? ''));
    }
    const again = await Promise.all(ids.map((after) => begin({ feed }, { userId: 'ana', after })));
    for (const [i, { take }] of again.entries())
      expect((await take(30 - i)).map(numberOf)).toEqual(Array.from({ length: 30 - i }, (_, j) => (i + j) * 1_000));
    // 30,000 readings are 4 pages; each of the 30 by itself would read 60 of them.
    expect(reads.length).toBeLessThan(20);
  });

  test('who missed more than may wait for it is given all of it, as fast as it takes', async () => {
    const queue = await (await newPlace('embedded'))();
    const first = await begin(queue, { userId: 'ana' });
    const after = await first.live.position();
    const count = 2 * MAX_WATCH_READINGS + 3_000;
    for (let from = 0; from < count; from += 1_000) {
      await enqueue(
        { queue },
        Array.from({ length: 1_000 }, (_, i) => numbered(from + i)),
      );
    }
    const again = await begin(queue, { userId: 'ana', after });
    expect((await again.take(10)).map(numberOf)).toEqual(Array.from({ length: 10 }, (_, i) => i));
    await enqueue({ queue }, numbered(count));
    const rest = await again.take(count - 9);
    expect(rest.map(numberOf)).toEqual(Array.from({ length: count - 9 }, (_, i) => i + 10));
  });

  test('who comes from a process that was ahead is given nothing again', async () => {
    const queue = await (await newPlace('embedded'))();
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const late: FedQueue['feed'] = {
      ...queue.feed,
      async read(from, options) {
        if (options.timeoutMs > 0) await opened;
        return await queue.feed.read(from, options);
      },
    };
    await begin({ feed: late }, { userId: 'nobody' });
    const ahead = await begin(queue, { userId: 'ana' });
    await enqueue({ queue }, [numbered(1), numbered(2), numbered(3)]);
    const [, second] = await ahead.take(2);
    const again = await begin({ feed: late }, { userId: 'ana', after: second?.id });
    const [here, there] = [await again.live.position(), second?.id ?? ''].map((id) => positionOf(queue, id));
    expect(await here).toEqual(await there);
    const taking = again.take(2);
    open();
    await enqueue({ queue }, numbered(4));
    expect((await taking).map(numberOf)).toEqual([3, 4]);
  });

  test('are told what ended the reader, and may begin again', async () => {
    const queue = await (await newPlace('embedded'))();
    let isBroken = false;
    const feed: FedQueue['feed'] = {
      ...queue.feed,
      async read(from, options) {
        if (isBroken) throw new HrmError('gone', { kind: 'unavailable', code: 'queue_unavailable' });
        return await queue.feed.read(from, { ...options, timeoutMs: 20 });
      },
    };
    const watchers = [await begin({ feed }, { userId: 'ana' }), await begin({ feed }, { userId: 'ben' })];
    const after = await watchers[0]?.live.position();
    isBroken = true;
    for (const { take } of watchers) await expect(take(1)).rejects.toMatchObject({ code: 'queue_unavailable' });
    isBroken = false;
    await enqueue({ queue }, numbered(1));
    const again = await begin({ feed }, { userId: 'ana', after });
    expect((await again.take(1)).map(numberOf)).toEqual([1]);
  });

  test('end with kind closed by their signal, also before they began, and when the queue is closed', async () => {
    const queue = await (await newPlace('embedded'))();
    const watchers = [await begin(queue, { userId: 'ana' }), await begin(queue, { userId: 'ana' })];
    const taking = watchers.map(({ take }) => take(1).catch((error) => error.kind));
    watchers[0]?.stop.abort();
    expect(await taking[0]).toBe('closed');
    await delay(10);
    await queue.close();
    expect(await taking[1]).toBe('closed');
    const aborted = watch({ queue }, { userId: 'ana' }, { signal: AbortSignal.abort() });
    await expect(aborted.position()).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
  });

  test('are refused what is no id and no cursor', async () => {
    const queue = await (await newPlace('embedded'))();
    for (const [input, path] of [
      [{ userId: '' }, '/userId'],
      [{ userId: 'a\n' }, '/userId'],
      [{ userId: 'ana', deviceId: 'x'.repeat(129) }, '/deviceId'],
      [{ userId: 'ana', after: 'not a cursor' }, '/after'],
    ] as const) {
      expect(() => watch({ queue }, input)).toThrow(
        expect.objectContaining({ kind: 'invalid', faults: [expect.objectContaining({ path })] }),
      );
    }
  });
});

describe('watchers of one owner', () => {
  test.each(['new', 'behind'])('do not wait for the work of another that has much: %s ones', async (kind) => {
    const queue = await (await newPlace('embedded'))();
    const first = watch({ queue }, { userId: 'ana' });
    const after = kind === 'behind' ? await first.position() : undefined;
    if (after !== undefined) await enqueue({ queue }, [numbered(1)]);
    const busy = createYielder({ owner: '' });
    let done = 0;
    const pieces = Array.from({ length: 200 }, async () => {
      await busy.yieldToAll();
      done += 1;
      // Each has a turn of the loop to itself.
      for (const endMs = performance.now() + 6; performance.now() < endMs; );
    });
    const events = watch({ queue }, { userId: 'ana', after }, { owner: 'other' });
    const next = events[Symbol.asyncIterator]().next();
    if (after === undefined) {
      await events.position();
      await enqueue({ queue }, [numbered(1)], { owner: 'other' });
    }
    expect(numberOf((await next).value as WatchEvent)).toBe(1);
    expect(done).toBeLessThan(100);
    await Promise.all(pieces);
  });
});
