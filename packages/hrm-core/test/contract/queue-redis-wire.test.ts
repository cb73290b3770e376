/** What other programs see of the queue in Redis, and what they may put there. */
import assert from 'node:assert/strict';
import { Redis as Client } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import { until } from '../../../../test/support/until.js';
import { adoptStore, drainBatch, enqueue, isHrmError, query } from '../../src/index.js';
import { naiveColumns } from '../support/naive-columns.js';
import { drainNumbers, LIMITS, numbered, numbersOf, openQueue, openStorage } from '../support/redis-queue.js';

let redis: Redis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.cli('FLUSHALL');
});

/** As the original system's producer writes it. */
const FOREIGN = '{"device_id": "watch", "user_id": "ana", "timestamp_ms": 1705312800000, "heart_rate": 72}';

async function keys(): Promise<string[]> {
  return (await redis.cli('KEYS', '*')).split('\n').filter(Boolean).sort();
}

describe('the queue in Redis, from outside', () => {
  it('is a list: one reading is JSON, and a batch is columns, which others read too', async () => {
    const queue = await openQueue(redis.url);
    const clock = { nowMs: () => 1_705_312_801_234 };
    const reading = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
    await enqueue({ queue, clock }, reading);
    await enqueue({ queue, clock }, [reading, { ...reading, heart_rate: 73 }]);
    const json = { device_id: 'watch', user_id: 'ana', timestamp_ms: 1_705_312_800_000, heart_rate: 72 };
    const received = { ...json, received_ms: 1_705_312_801_234 };
    const client = new Client(redis.url);
    const [single, batch, ...others] = await client.lrangeBuffer('heartbeat:queue', 0, -1);
    client.disconnect();
    assert.deepEqual(others, []);
    assert.deepEqual(JSON.parse(String(single)), received);
    assert.deepEqual(naiveColumns(batch ?? Buffer.alloc(0)), [received, { ...received, heart_rate: 73 }]);
    assert.equal((await queue.depth()).readings, 3);
    // The oldest is a batch: its head says when it was received.
    await redis.cli('LPOP', 'heartbeat:queue');
    assert.equal((await queue.depth()).oldestMs, received.received_ms);
  });

  it('keeps a claim under the processing key, and leaves nothing there when it is acknowledged', async () => {
    const queue = await openQueue(redis.url);
    await queue.push([1, 2, 3].map(numbered));
    const claim = await queue.claim(LIMITS);
    assert.ok(claim !== null);
    assert.deepEqual(await keys(), ['heartbeat:processing:claims', `heartbeat:processing:${claim.token}`].sort());
    assert.equal(await redis.cli('LLEN', `heartbeat:processing:${claim.token}`), '3');
    await queue.ack(claim.token);
    assert.deepEqual(await keys(), []);
  });

  it('stores what a producer of the original system pushes, stamped by the first claim', async () => {
    const queue = await openQueue(redis.url);
    const storage = await openStorage();
    await redis.cli('RPUSH', 'heartbeat:queue', FOREIGN);
    const fromMs = Date.now();
    const first = await queue.claim(LIMITS);
    assert.ok(first !== null);
    const stampMs = first.elements[0]?.stampMs ?? 0;
    assert.ok(stampMs >= fromMs && stampMs <= Date.now());
    await queue.release(first.token);
    const again = await queue.claim(LIMITS);
    assert.deepEqual(
      again?.elements.map((element) => [element.stampMs, element.attempts]),
      [[stampMs, 2]],
    );
    await queue.release(again?.token ?? '');
    assert.equal((await drainBatch({ queue, storage })).outcome, 'acked');
    const rows = await query(
      { storage },
      { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' },
    );
    assert.deepEqual(
      rows.map(({ heartRate, deviceIds }) => [heartRate, deviceIds]),
      [[72, ['watch']]],
    );
    // Which store it was, for the next consumer.
    assert.deepEqual(await keys(), ['heartbeat:processing:store']);
  });

  it('is asked once which store it was, not in every batch, and again over a new connection', async () => {
    const [queue, other] = [await openQueue(redis.url), await openQueue(redis.url)];
    const [storage, adopted] = [await openStorage(), await openStorage()];
    const asked = async () => Number(/cmdstat_get:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0);
    async function drain(number: number, to = storage) {
      await queue.push([numbered(number)]);
      return await drainBatch({ queue, storage: to });
    }
    assert.equal((await drain(1)).outcome, 'acked');
    const before = await asked();
    for (const number of [2, 3, 4]) assert.equal((await drain(number)).outcome, 'acked');
    assert.equal(await asked(), before);
    const replaced = (error: unknown) => isHrmError(error) && error.code === 'storage_replaced';
    await assert.rejects(drain(5, adopted), replaced);
    assert.equal(await asked(), before);
    await adoptStore({ queue: other, storage: adopted });
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(async () => replaced(await drain(6).catch((error: unknown) => error)), 'the other store is known');
    assert.ok((await drain(7, adopted)).claimed > 0);
  });

  it('does not let an old reading that is taken over win against a newer correction', async () => {
    const storage = await openStorage();
    let nowMs = 1_705_312_860_000;
    const queue = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    await redis.cli('RPUSH', 'heartbeat:queue', FOREIGN.replace('72', '90'));
    assert.ok((await queue.claim({ ...LIMITS, leaseMs: 1_000 })) !== null);
    nowMs += 180_000;
    // The correction, received minutes later, is stored first; then the old batch is taken over.
    await redis.cli('LPUSH', 'heartbeat:elsewhere', FOREIGN);
    await redis.cli('RENAME', 'heartbeat:elsewhere', 'correction:queue');
    const correction = await openQueue(redis.url, {
      queueKey: 'correction:queue',
      processingKey: 'correction:processing',
      clock: { nowMs: () => nowMs },
    });
    await drainBatch({ queue: correction, storage });
    nowMs += 180_000;
    assert.equal((await drainBatch({ queue, storage })).claimed, 1);
    const rows = await query({ storage }, { userId: 'ana', start: 1_705_312_800_000, end: 1_705_312_860_000 });
    assert.deepEqual(
      rows.map(({ heartRate }) => heartRate),
      [72],
    );
  });

  it('puts back what consumers of the original system left in the processing list, in its place', async () => {
    const queue = await openQueue(redis.url);
    for (const number of [1, 2, 3, 4, 5]) await redis.cli('RPUSH', 'heartbeat:queue', String(numbered(number).bytes));
    // BRPOPLPUSH takes from the right: 5, then 4.
    await redis.cli('RPOPLPUSH', 'heartbeat:queue', 'heartbeat:processing');
    await redis.cli('RPOPLPUSH', 'heartbeat:queue', 'heartbeat:processing');
    const { readings } = await queue.depth();
    assert.equal(readings, 5);
    assert.equal(await queue.wait({ readings: 5, ageMs: 1e9 }, { timeoutMs: 0 }), true);
    assert.deepEqual(await drainNumbers(queue), [1, 2, 3, 4, 5]);
    assert.deepEqual(await keys(), []);
  });

  it('puts back any number of them, and when nothing else is queued', async () => {
    const queue = await openQueue(redis.url);
    const numbers = Array.from({ length: 2_500 }, (_, i) => i);
    for (let from = 0; from < numbers.length; from += 500) {
      const elements = numbers.slice(from, from + 500).map((number) => String(numbered(number).bytes));
      await redis.cli('RPUSH', 'heartbeat:processing', ...elements);
    }
    assert.equal((await queue.depth()).readings, 2_500);
    assert.equal(await queue.wait({ readings: 2_500, ageMs: 1e9 }, { timeoutMs: 0 }), true);
    assert.deepEqual(
      (await drainNumbers(queue)).sort((a, b) => a - b),
      numbers,
    );
    assert.deepEqual(await keys(), []);
  });

  it('pushes by RPUSH alone while nobody watches, and asks once a second at most whether somebody does', async () => {
    const queue = await openQueue(redis.url);
    await redis.cli('CONFIG', 'RESETSTAT');
    const startMs = performance.now();
    for (let number = 0; number < 300; number += 1) await queue.push([numbered(number)]);
    const seconds = (performance.now() - startMs) / 1_000;
    const stats = new Map(
      [...(await redis.cli('INFO', 'commandstats')).matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map((match) => [
        match[1],
        Number(match[2]),
      ]),
    );
    assert.equal(stats.get('rpush'), 300);
    const asked = stats.get('exists') ?? 0;
    assert.ok(asked >= 1 && asked <= 1 + seconds, `asked ${asked} times in ${seconds} s`);
    assert.deepEqual([stats.get('evalsha'), stats.get('xadd')], [undefined, undefined]);
    assert.deepEqual(await keys(), ['heartbeat:queue']);
  });

  it('keeps what is watched beside the queue, under keys of the claims, for as long as somebody watches', async () => {
    const queue = await openQueue(redis.url);
    await queue.feed.watch();
    await queue.push([numbered(1)]);
    const feed = ['heartbeat:processing:feed', 'heartbeat:processing:watch'];
    assert.deepEqual(await keys(), [...feed, 'heartbeat:queue']);
    for (const key of feed) {
      const leftMs = Number(await redis.cli('PTTL', key));
      assert.ok(leftMs > 50_000 && leftMs <= 60_000, `${key} goes after ${leftMs} ms`);
    }
    assert.deepEqual(await drainNumbers(queue), [1]);
    await redis.cli('DEL', ...feed);
    await queue.push([numbered(2)]);
    await queue.push([numbered(3)]);
    assert.deepEqual(await keys(), ['heartbeat:queue']);
    assert.deepEqual(await drainNumbers(queue), [2, 3]);
  });

  it('leaves a key of another type under the processing name alone', async () => {
    const queue = await openQueue(redis.url);
    await redis.cli('SET', 'heartbeat:processing', 'mine');
    await queue.push([numbered(1)]);
    assert.deepEqual(await drainNumbers(queue), [1]);
    assert.equal(await redis.cli('GET', 'heartbeat:processing'), 'mine');
  });

  it('waits for foreign elements by when it saw them first', async () => {
    let nowMs = 1_000_000;
    const queue = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    await redis.cli('RPUSH', 'heartbeat:queue', FOREIGN);
    const threshold = { readings: 100, ageMs: 5_000 };
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), false);
    assert.equal((await queue.depth()).oldestMs, 1_000_000);
    nowMs += 4_999;
    await redis.cli('RPUSH', 'heartbeat:queue', FOREIGN);
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), false);
    nowMs += 1;
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), true);
  });

  it('does not wait longer for a producer whose clock is ahead, nor for a clock that was set back', async () => {
    let nowMs = 1_000_000;
    const queue = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    const ahead = { ...JSON.parse(FOREIGN), received_ms: nowMs + 3_600_000 };
    await redis.cli('RPUSH', 'heartbeat:queue', JSON.stringify(ahead));
    const threshold = { readings: 100, ageMs: 5_000 };
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), false);
    nowMs -= 500_000;
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), false);
    nowMs += 5_000;
    assert.equal(await queue.wait(threshold, { timeoutMs: 0 }), true);
  });

  it('counts readings in arrays nearly right without reading them, and bounds claims by that', async () => {
    const queue = await openQueue(redis.url);
    let sent = 0;
    for (let i = 0; i < 400; i += 1) {
      const readings = Array.from({ length: 1 + ((i * 37) % 200) }, (_, j) => ({
        device_id: j % 2 === 0 ? 'watch' : 'chest-strap',
        user_id: `user-${'x'.repeat(j % 7)}`,
        timestamp_ms: 1_705_312_800_000 + j,
        heart_rate: 95 + (j % 10),
      }));
      await queue.push([{ bytes: Buffer.from(JSON.stringify(readings, null, i % 2)), readings: 1 }]);
      sent += readings.length;
    }
    const { readings } = await queue.depth();
    assert.ok(Math.abs(readings - sent) < sent * 0.15, `${readings} for ${sent}`);
    const claim = await queue.claim({ ...LIMITS, maxReadings: 5_000 });
    const claimed = (claim?.elements ?? []).flatMap(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()));
    assert.ok(Math.abs(claimed.length - 5_000) < 1_000, `${claimed.length}`);
  });

  it('claims a large batch by many calls, in order and whole, and hands it on whole', async () => {
    let nowMs = 1_000_000;
    const queue = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    const numbers = Array.from({ length: 30_000 }, (_, i) => i);
    await queue.push(numbers.map(numbered));
    const claim = await queue.claim({ ...LIMITS, maxElements: 25_000 });
    assert.deepEqual(numbersOf(claim), numbers.slice(0, 25_000));
    nowMs += LIMITS.leaseMs;
    const other = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    const again = await other.claim({ ...LIMITS, maxElements: 1 });
    assert.deepEqual(numbersOf(again), numbers.slice(0, 25_000));
    assert.equal(await queue.ack(claim?.token ?? ''), 'stale');
    assert.equal(await other.ack(again?.token ?? ''), 'acked');
    assert.deepEqual(await drainNumbers(queue), numbers.slice(25_000));
    assert.deepEqual(await keys(), []);
  });

  it('goes on where somebody deleted the elements of a claim by hand', async () => {
    let nowMs = 1_000_000;
    const queue = await openQueue(redis.url, { clock: { nowMs: () => nowMs } });
    await queue.push([numbered(1)]);
    const claim = await queue.claim(LIMITS);
    await redis.cli('DEL', `heartbeat:processing:${claim?.token}`);
    await queue.push([numbered(2)]);
    nowMs += LIMITS.leaseMs;
    assert.deepEqual(await drainNumbers(queue), [2]);
    assert.deepEqual(await keys(), []);
  });

  it('is not stopped by records of claims that somebody wrote by hand', async () => {
    const queue = await openQueue(redis.url);
    for (const [token, record] of [
      ['forged', 'not json'],
      ['empty', '{}'],
      ['list', '[1]'],
      ['text', '{"since_ms":"1","renewed_ms":1,"lease_ms":1,"stamp_ms":1,"attempts":1,"readings":1,"bytes":1}'],
    ] as const) {
      await redis.cli('HSET', 'heartbeat:processing:claims', token, record);
      await redis.cli('RPUSH', `heartbeat:processing:${token}`, String(numbered(token.length).bytes));
    }
    await redis.cli('HSET', 'heartbeat:processing:claims', 'without elements', '0');
    await queue.push([numbered(100)]);
    assert.equal((await queue.depth()).endedClaims, 5);
    assert.deepEqual((await drainNumbers(queue)).sort(), [100, 4, 4, 5, 6].sort());
    assert.deepEqual(await keys(), []);
  });

  it('ends claims whose lease somebody made endless, and overwrites no elements while taking over', async () => {
    const queue = await openQueue(redis.url);
    const endless = {
      since_ms: 1,
      renewed_ms: 1e300,
      lease_ms: 1e308,
      stamp_ms: 1,
      attempts: 1,
      readings: 1,
      bytes: 1,
    };
    await redis.cli('HSET', 'heartbeat:processing:claims', 'endless', JSON.stringify(endless));
    await redis.cli('RPUSH', 'heartbeat:processing:endless', String(numbered(1).bytes));
    await queue.push([numbered(2)]);
    assert.deepEqual(await drainNumbers(queue), [1, 2]);
    assert.deepEqual(await keys(), []);
  });

  it('counts no more readings in what came back than an element may have', async () => {
    const queue = await openQueue(redis.url);
    for (const head of ['#1,1,999999999#', `#1,1,${'9'.repeat(400)}#`, '#1,1,0#', `#${'9'.repeat(20)},1,1#`]) {
      await redis.cli('RPUSH', 'heartbeat:queue', `${head}${numbered(1).bytes}`);
    }
    const { readings } = await queue.depth();
    assert.ok(readings >= 3 && readings <= 1_002, String(readings));
    const claim = await queue.claim(LIMITS);
    assert.equal(claim?.elements.length, 4);
    assert.equal(await queue.ack(claim?.token ?? ''), 'acked');
  });

  it('takes no stamp that lies after its claim', async () => {
    const queue = await openQueue(redis.url, { clock: { nowMs: () => 5_000 } });
    await redis.cli('RPUSH', 'heartbeat:queue', '#999999999999999,1,1#{}');
    assert.equal((await queue.claim(LIMITS))?.elements[0]?.stampMs, 5_000);
  });

  it('takes nothing from a list of somebody else under the name of its check', async () => {
    await redis.cli('RPUSH', 'heartbeat:processing:check', 'a', 'b');
    await (await openQueue(redis.url)).check();
    assert.equal(await redis.cli('LRANGE', 'heartbeat:processing:check', '0', '-1'), 'a\nb');
  });

  it('lists, redrives and purges letters of any length, and skips entries that are none', async () => {
    const queue = await openQueue(redis.url);
    const deadLetter = (size: number) => ({ reason: 'bad', bytes: Buffer.alloc(size, 0x78), stampMs: 1, attempts: 1 });
    await queue.push([numbered(1)]);
    const claim = await queue.claim(LIMITS);
    await redis.cli('XADD', 'heartbeat:dead', '5-1', 'foo', 'bar');
    const deadLetters = [...Array.from({ length: 12 }, () => deadLetter(2 * 1024 * 1024)), deadLetter(1)];
    assert.equal(await queue.ack(claim?.token ?? '', { deadLetters }), 'acked');
    const ids: string[] = [];
    for (let afterId: string | undefined; ; afterId = ids.at(-1)) {
      const page = await queue.deadLetters.list({ afterId, limit: 200 });
      if (page.length === 0) break;
      assert.ok(page.length <= 3, 'a page of long letters is short');
      ids.push(...page.map(({ id }) => id));
    }
    assert.equal(ids.length, 14);
    assert.deepEqual([...ids].sort(), ids);
    assert.equal((await queue.deadLetters.get(ids[0] ?? ''))?.bytes.byteLength, 0);
    assert.equal(await queue.deadLetters.redrive(ids), 13);
    assert.equal((await queue.depth()).readings, 13);
    assert.equal(await queue.deadLetters.purge(ids), 1);
  });

  it('stores the good readings beside any number of bad ones, a bounded number of them a step', async () => {
    const queue = await openQueue(redis.url);
    const storage = await openStorage();
    const junk = `[${Array(1_500).fill(1).join()}]`;
    await redis.cli(
      'RPUSH',
      'heartbeat:queue',
      FOREIGN,
      ...Array<string>(8).fill(junk),
      FOREIGN.replace('watch', 'late'),
    );
    const first = await drainBatch({ queue, storage });
    assert.deepEqual([first.deadLettered, first.undecided, first.outcome], [10_500, 2, 'acked']);
    const second = await drainBatch({ queue, storage });
    assert.deepEqual([second.deadLettered, second.undecided], [1_500, 0]);
    const day = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
    assert.deepEqual((await query({ storage }, { userId: 'ana', deviceId: 'late', ...day })).length, 1);
    assert.equal((await queue.depth()).deadLetters, 12_000);
  });

  it('keeps dead letters in a stream with reason, time, attempts and raw bytes', async () => {
    const queue = await openQueue(redis.url);
    const storage = await openStorage();
    await redis.cli('RPUSH', 'heartbeat:queue', 'not json', FOREIGN, '{"user_id":1}');
    const { deadLettered, claimed } = await drainBatch({ queue, storage });
    assert.deepEqual([deadLettered, claimed], [2, 3]);
    assert.equal(await redis.cli('XLEN', 'heartbeat:dead'), '2');
    const [deadLetter] = await queue.deadLetters.list({ limit: 10 });
    assert.match(deadLetter?.reason ?? '', /^not_json/);
    assert.equal(Buffer.from(deadLetter?.bytes ?? []).toString(), 'not json');
    assert.equal(deadLetter?.attempts, 1);
    assert.ok(Math.abs(Date.now() - (deadLetter?.deadMs ?? 0)) < 60_000);
    assert.deepEqual(await keys(), ['heartbeat:dead', 'heartbeat:processing:store']);
  });
});
