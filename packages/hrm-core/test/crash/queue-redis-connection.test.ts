/** What becomes of calls whose connection is cut, freezes, or whose server dies: nothing is lost, nothing stranded. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Client } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it, onTestFinished } from 'vitest';
import { type Redis, startRedis } from '../../../../test/support/redis-server.js';
import { type CutPoint, startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy.js';
import { isHrmError } from '../../src/errors.js';
import type { Queue } from '../../src/ports/queue.js';
import { drainNumbers, LIMITS, numbered, numbersOf, openQueue } from '../support/redis-queue.js';

/** For one reply; short, so that the tests are. */
const TIMEOUT_MS = 1_000;
const CUTS: readonly CutPoint[] = ['before-request', 'mid-request', 'before-reply', 'mid-reply', 'after-reply'];

let redis: Redis;
let proxy: TcpProxy;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.cli('FLUSHALL');
  proxy = await startTcpProxy(redis.port);
});
afterEach(() => proxy.stop());

function openThroughProxy(): Promise<Queue> {
  return openQueue(`redis://127.0.0.1:${proxy.port}`, { timeoutMs: TIMEOUT_MS });
}

async function isUnavailable(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => isHrmError(error) && error.kind === 'unavailable');
}

/** Until the queue answers again, at most ten seconds. */
async function untilUp(queue: Queue): Promise<void> {
  for (let left = 200; ; left -= 1) {
    try {
      await queue.check();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(50);
    }
  }
}

async function assertEmpty(): Promise<void> {
  assert.equal(await redis.cli('KEYS', '*'), '');
}

describe.each(CUTS)('a connection cut %s', (point) => {
  it('of a push: it failed, or it is there', async () => {
    const queue = await openThroughProxy();
    const cut = proxy.cutAtRequest('RPUSH', point);
    const pushed = await queue.push([1, 2, 3].map(numbered)).then(
      () => true,
      () => false,
    );
    await cut;
    await untilUp(queue);
    const numbers = await drainNumbers(queue);
    assert.ok(numbers.length === 0 || numbers.length === 3, `all or none: ${numbers}`);
    if (pushed) assert.equal(numbers.length, 3);
    await assertEmpty();
  });

  it('of a claim, at its first call or in the middle: the claim comes all the same, and once', async () => {
    const queue = await openThroughProxy();
    // More than one call's bytes.
    const numbers = Array.from({ length: 20_000 }, (_, i) => i);
    await queue.push(numbers.map(numbered));
    // Its fifth argument is how many elements the caller has.
    const cut = proxy.cutAtRequest('heartbeat:processing:claims', point);
    assert.deepEqual(await drainNumbers(queue, { maxElements: 15_000 }), numbers);
    await cut;
    await assertEmpty();
  });

  it('of an acknowledgement: it is executed once, and said so', async () => {
    const queue = await openThroughProxy();
    await queue.push([1, 2].map(numbered));
    const claim = await queue.claim(LIMITS);
    assert.ok(claim !== null);
    const letter = { reason: 'bad', bytes: Buffer.from('x'), stampMs: 1, attempts: 1 };
    const requeue = [{ ...numbered(2), stampMs: 1 }];
    const cut = proxy.cutAtRequest('heartbeat:dead', point);
    assert.equal(await queue.ack(claim.token, { deadLetters: [letter], requeue }), 'acked');
    await cut;
    await untilUp(queue);
    assert.equal((await queue.deadLetters.list({ limit: 10 })).length, 1);
    assert.deepEqual(await drainNumbers(queue), [2]);
    assert.equal(await redis.cli('KEYS', '*'), 'heartbeat:dead');
  });

  it('of a release and of a renewal', async () => {
    const queue = await openThroughProxy();
    await queue.push([numbered(1)]);
    const claim = await queue.claim(LIMITS);
    assert.ok(claim !== null);
    const renewalCut = proxy.cutAtRequest(claim.token, point);
    assert.equal(await queue.renew(claim.token, LIMITS.leaseMs), 'renewed');
    await renewalCut;
    const releaseCut = proxy.cutAtRequest(claim.token, point);
    assert.equal(await queue.release(claim.token), 'released');
    await releaseCut;
    assert.equal(await queue.ack(claim.token), 'stale');
    assert.deepEqual(await drainNumbers(queue), [1]);
    await assertEmpty();
  });

  it('of a take-over: the batch comes whole', async () => {
    const queue = await openThroughProxy();
    await queue.push([1, 2].map(numbered));
    const first = await queue.claim(LIMITS);
    assert.ok(first !== null);
    await queue.release(first.token);
    const [token = ''] = (await redis.cli('HKEYS', 'heartbeat:processing:claims')).split('\n');
    const cut = proxy.cutAtRequest(`heartbeat:processing:${token}`, point);
    assert.deepEqual(await drainNumbers(queue), [1, 2]);
    await cut;
    await assertEmpty();
  });

  it('of a wait: it goes on, and the wait is over when something comes', async () => {
    const queue = await openThroughProxy();
    const cut = proxy.cutAtRequest('BLMOVE', point);
    const waiting = queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 20_000 });
    // What is there before it blocks would be found without blocking.
    if (point.endsWith('reply')) await sleep(100);
    else await cut;
    await redis.cli('RPUSH', 'heartbeat:queue', String(numbered(1).bytes));
    assert.equal(await waiting, true);
    await cut;
    assert.deepEqual(await drainNumbers(queue), [1]);
  });
});

describe('a claim whose every attempt fails', () => {
  it('is not stranded: the next claim of the same handle has it', async () => {
    const queue = await openThroughProxy();
    await queue.push([1, 2].map(numbered));
    const cut = proxy.cutAtRequest('EVALSHA', 'before-reply');
    const claimed = queue.claim(LIMITS);
    await cut;
    proxy.freeze();
    await isUnavailable(claimed);
    proxy.thaw();
    await untilUp(queue);
    assert.deepEqual(await drainNumbers(queue), [1, 2]);
    await assertEmpty();
  });
});

describe('a server that cannot be reached', () => {
  it('is said so within a bound, whatever the call, and calls work again when it can', async () => {
    const queue = await openThroughProxy();
    await queue.push([numbered(1)]);
    const claim = await queue.claim(LIMITS);
    const calls: (() => Promise<unknown>)[] = [
      () => queue.push([numbered(2)]),
      () => queue.claim(LIMITS),
      () => queue.renew(claim?.token ?? '', LIMITS.leaseMs),
      () => queue.ack(claim?.token ?? ''),
      () => queue.release(claim?.token ?? ''),
      () => queue.depth(),
      () => queue.check(),
      () => queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 60_000 }),
      () => queue.deadLetters.list({ limit: 1 }),
      () => queue.deadLetters.redrive(['0000000000001-0000000000']),
    ];
    for (const break_ of ['freeze', 'kill'] as const) {
      if (break_ === 'freeze') proxy.freeze();
      else await redis.kill();
      // All of them together, so that the test is short; each has its own bound, far below the test's.
      await Promise.all(calls.map((call) => isUnavailable(call())));
      if (break_ === 'freeze') proxy.thaw();
      else await redis.restart();
      await untilUp(queue);
    }
    // What froze on its way may have arrived later: the release, or the acknowledgement.
    const numbers = await drainNumbers(queue);
    assert.ok(numbers.every((number) => number === 1 || number === 2));
    await queue.push([numbered(3)]);
    assert.deepEqual(await drainNumbers(queue), [3]);
  });

  it('does not fill the memory: pushes beyond a bound are refused at once', async () => {
    const queue = await openThroughProxy();
    proxy.freeze();
    const bytes = Buffer.alloc(8 * 1024 * 1024, 0x20);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => queue.push([{ bytes, readings: 1 }])));
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'held'));
    assert.equal(codes.filter((code) => code === 'queue_busy').length, 12, String(codes));
    proxy.thaw();
    await untilUp(queue);
    await queue.push([numbered(1)]);
  });

  it('is an error at the opening, with what to do', async () => {
    proxy.freeze();
    await assert.rejects(openThroughProxy(), /cannot be reached .*: start it, or correct REDIS_URL/);
    await assert.rejects(
      openQueue('redis://127.0.0.1:1', { timeoutMs: TIMEOUT_MS }),
      /127\.0\.0\.1:1 cannot be reached \(.*ECONNREFUSED.*start it, or correct REDIS_URL/,
    );
  });
});

describe('an idle connection that somebody closed', () => {
  it('is not noticed by who pushes next', async () => {
    const queue = await openThroughProxy();
    for (const kind of ['end', 'reset'] as const) {
      proxy.cutAll(kind);
      await sleep(20);
      await queue.push([numbered(1)]);
    }
    assert.deepEqual(await drainNumbers(queue), [1, 1]);
  });
});

describe('a server that is killed', () => {
  it('has every push that resolved, after its restart', async () => {
    const queue = await openQueue(redis.url, { timeoutMs: TIMEOUT_MS });
    const resolved: number[] = [];
    let next = 0;
    for (let round = 0; round < 3; round += 1) {
      let isKilled = false;
      const pushers = Array.from({ length: 8 }, async () => {
        while (!isKilled) {
          const number = next;
          next += 1;
          await queue.push([numbered(number)]).then(
            () => resolved.push(number),
            () => sleep(5),
          );
        }
      });
      await sleep(200);
      await redis.kill('SIGKILL');
      isKilled = true;
      await Promise.all(pushers);
      await redis.restart();
      await untilUp(queue);
    }
    const stored = new Set(await drainNumbers(queue));
    assert.ok(resolved.length > 100);
    assert.deepEqual(
      resolved.filter((number) => !stored.has(number)),
      [],
    );
    await assertEmpty();
  });
});

describe('what the server is asked about its durability', () => {
  it('is no cause for a warning when the connection is lost on the way', async () => {
    const queue = await openThroughProxy();
    const cut = proxy.cutAtRequest('appendfsync', 'before-reply');
    await isUnavailable(queue.check());
    await cut;
    await untilUp(queue);
    assert.deepEqual((await queue.check()).warnings, []);
  });
});

describe("a client of the caller's", () => {
  it('is used with its own habits (it sends again, it keeps an offline queue), and left open', async () => {
    const client = new Client({ port: proxy.port, host: '127.0.0.1' });
    onTestFinished(() => client.disconnect());
    client.on('error', () => undefined);
    const queue = await openQueue(client, { timeoutMs: TIMEOUT_MS });
    const numbers = Array.from({ length: 2_000 }, (_, i) => i);
    await queue.push(numbers.map(numbered));
    const cut = proxy.cutAtRequest('EVALSHA', 'before-reply');
    const claim = await queue.claim({ ...LIMITS, maxElements: 1_500 });
    await cut;
    assert.deepEqual(numbersOf(claim), numbers.slice(0, 1_500));
    assert.equal(await queue.ack(claim?.token ?? ''), 'acked');
    assert.deepEqual(await drainNumbers(queue), numbers.slice(1_500));
    await queue.close();
    assert.equal(await client.ping(), 'PONG');
    await assertEmpty();
  });
});
