/** The kinds of servers that the queue can be on, and what it says of how they are set up. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis as Client, Cluster } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis, startRedisCluster, startRedisSentinel } from '../../../../test/support/redis-server.js';
import { isHrmError } from '../../src/errors.js';
import { bundle } from '../support/bundle.js';
import { drainNumbers, LIMITS, numbered, openQueue } from '../support/redis-queue.js';
import { withDirectory } from '../support/temporary-directory.js';

const TAGGED = { queueKey: '{hb}:queue', processingKey: '{hb}:processing', deadKey: '{hb}:dead' };
const NUMBERS = Array.from({ length: 3_000 }, (_, i) => i);

/** The whole path of elements: pushed, watched, claimed, released, taken over, dead, redriven. */
async function useQueue(queue: Awaited<ReturnType<typeof openQueue>>): Promise<void> {
  const start = await queue.feed.watch();
  await queue.push(NUMBERS.map(numbered));
  assert.equal((await queue.feed.read(start, { timeoutMs: 0 })).entries.length, NUMBERS.length);
  const claim = await queue.claim(LIMITS);
  assert.equal(await queue.renew(claim?.token ?? '', LIMITS.leaseMs), 'renewed');
  assert.equal(await queue.release(claim?.token ?? ''), 'released');
  assert.equal(await queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 0 }), true);
  const again = await queue.claim(LIMITS);
  const deadLetter = { reason: 'bad', bytes: numbered(-1).bytes, stampMs: 1, attempts: 1 };
  assert.equal(await queue.ack(again?.token ?? '', { deadLetters: [deadLetter] }), 'acked');
  const [kept] = await queue.deadLetters.list({ limit: 5 });
  assert.equal(await queue.deadLetters.redrive([kept?.id ?? '']), 1);
  assert.deepEqual(await drainNumbers(queue), [-1]);
  const waiting = queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 20_000 });
  await queue.push([numbered(1)]);
  assert.equal(await waiting, true);
  await queue.check();
  assert.equal((await queue.depth()).readings, 1);
}

async function warningsOf(url: string): Promise<string[]> {
  const { warnings } = await (await openQueue(url)).check();
  return warnings.map(({ code, message, advice }) => `${code}: ${message}: ${advice}`);
}

function refuses(promise: Promise<unknown>, words: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => isHrmError(error) && words.test(error.message));
}

describe('a server that wants a user and password', () => {
  it('gets them from the URL, and its refusal says what to do, without them', async () => {
    const redis = await startRedis({ user: { name: 'hrm', password: 'p@ss/wörd' } });
    await useQueue(await openQueue(redis.url));
    const wrong = redis.url.replace(/:[^:@]*@/, ':hunter2@');
    await assert.rejects(openQueue(wrong, { timeoutMs: 1_000 }), (error) => {
      assert.ok(isHrmError(error));
      assert.match(error.message, /WRONGPASS|user and password/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
    await refuses(openQueue(redis.url.replace(/\/\/.*@/, '//'), { timeoutMs: 1_000 }), /NOAUTH|user and password/);
  });

  it('is told what it must permit', async () => {
    const redis = await startRedis();
    await redis.cli('ACL', 'SETUSER', 'poor', 'on', '>secret', '~*', '+@all', '-rpush');
    const queue = await openQueue(`redis://poor:secret@127.0.0.1:${redis.port}`);
    await refuses(queue.push([numbered(1)]), /does not permit its user .*rpush/);
  });
});

describe('a database', () => {
  it('is used where it is there, and refused where it is not', async () => {
    const redis = await startRedis();
    await (await openQueue(`${redis.url}/3`)).push([numbered(1)]);
    assert.equal(await redis.cli('-n', '3', 'LLEN', 'heartbeat:queue'), '1');
    await refuses(openQueue(`${redis.url}/99`), /DB index is out of range/);
  });
});

describe('a replica', () => {
  it('is said to be one, by its own code', async () => {
    const { replica } = await startRedisSentinel();
    const queue = await openQueue(replica.url);
    await assert.rejects(queue.push([numbered(1)]), (error) => isHrmError(error) && error.code === 'queue_read_only');
  });
});

describe('a server that speaks TLS', () => {
  it('is reached by rediss:// where its certificate is trusted, and only there', async () => {
    const redis = await startRedis({ tls: true });
    await refuses(openQueue(redis.url, { timeoutMs: 1_000 }), /certificate/);
    await withDirectory(async (directory) => {
      const program = await bundle(new URL('../support/push-to-redis.ts', import.meta.url).pathname, directory);
      const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: redis.caFile, NODE_PATH: 'node_modules' };
      await promisify(execFile)(process.execPath, [program, redis.url], { env });
      assert.equal(await redis.cli('LLEN', 'heartbeat:queue'), '2');
    });
  });
});

describe('a cluster', () => {
  it.each([1, 3] as const)('of %d masters is recognised', async (masters) => {
    const cluster = await startRedisCluster(masters);
    await useQueue(await openQueue(cluster.url, TAGGED));
  });

  it('refuses keys without one hash tag, and says which would do', async () => {
    const cluster = await startRedisCluster(1);
    const fix = /HRM_QUEUE_KEY=\{heartbeat\}:queue.*HRM_PROCESSING_KEY=\{heartbeat\}:processing.*HRM_DEAD_KEY/;
    await refuses(openQueue(cluster.url), fix);
    await refuses(openQueue(cluster.url, { ...TAGGED, deadKey: '{other}:dead' }), fix);
    await refuses(openQueue(cluster.url, { ...TAGGED, deadKey: '{}hb:dead' }), fix);
  });

  it("is used through a client of the caller's", async () => {
    const cluster = await startRedisCluster(3);
    const client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[1]?.port ?? 0 }]);
    onTestFinished(() => client.disconnect());
    await useQueue(await openQueue(client, TAGGED));
  });
});

describe('a Sentinel', () => {
  it('names the master, and after a failover the next one, without anything lost that it had', async () => {
    const { master, replica, sentinel, masterName } = await startRedisSentinel();
    const url = `redis://127.0.0.1:${sentinel.port}?sentinel=${masterName}`;
    const queue = await openQueue(url, { timeoutMs: 1_000 });
    await queue.push(NUMBERS.map(numbered));
    const claim = await queue.claim({ ...LIMITS, maxElements: 1_000 });
    await master.cli('WAIT', '1', '5000');
    await master.kill();
    for (let left = 300; ; left -= 1) {
      const isUp = await queue.push([numbered(-1)]).then(
        () => true,
        () => false,
      );
      if (isUp) break;
      assert.ok(left > 0, 'no failover within 30 s');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.match(await replica.cli('ROLE'), /^master/);
    assert.equal(await queue.ack(claim?.token ?? ''), 'acked');
    const numbers = await drainNumbers(queue);
    assert.deepEqual(numbers.slice(0, 2_000), NUMBERS.slice(1_000));
    assert.ok(numbers.slice(2_000).every((number) => number === -1));
  });

  it('that is addressed as if it held the data is told from a server', async () => {
    const { sentinel } = await startRedisSentinel();
    await refuses(openQueue(`redis://127.0.0.1:${sentinel.port}`), /is a Sentinel: add \?sentinel=NAME/);
  });
});

describe('warnings', () => {
  it('are none where nothing accepted can be lost', async () => {
    assert.deepEqual(await warningsOf((await startRedis()).url), []);
  });

  it('name what can be lost, and the fix', async () => {
    const everysec = await startRedis({ appendfsync: 'everysec' });
    assert.match((await warningsOf(everysec.url)).join(), /^redis_fsync: .*last second.*set appendfsync always$/);
    const evicting = await startRedis({ appendonly: false, config: ['maxmemory-policy allkeys-lru'] });
    const [evicts, ...others] = await warningsOf(evicting.url);
    assert.match(evicts ?? '', /^redis_evicts: .*allkeys-lru.*set maxmemory-policy noeviction$/);
    assert.match(others.join(), /^redis_no_aof: .*set appendonly yes and appendfsync always$/);
  });

  it('say where the server does not tell', async () => {
    const redis = await startRedis();
    await redis.cli('ACL', 'SETUSER', 'hosted', 'on', '>secret', '~*', '+@all', '-config');
    const warnings = await warningsOf(`redis://hosted:secret@127.0.0.1:${redis.port}`);
    assert.match(warnings.join(), /^redis_fsync_unknown: .*CONFIG GET/);
  });

  it('follow what the server is set to', async () => {
    const redis = await startRedis();
    const queue = await openQueue(redis.url);
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'no');
    assert.deepEqual(
      (await queue.check()).warnings.map(({ code }) => code),
      ['redis_fsync'],
    );
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'always');
    assert.deepEqual((await queue.check()).warnings, []);
  });
});

describe('a server whose memory is full', () => {
  it('refuses pushes, and is emptied all the same', async () => {
    const redis = await startRedis({ config: ['maxmemory 6mb', 'maxmemory-policy noeviction'] });
    const queue = await openQueue(redis.url);
    const bytes = Buffer.alloc(64 * 1024, 0x20);
    let pushed = 0;
    // Down to the smallest: a push is refused by the memory that it needs itself.
    for (const size of [bytes.length, 4_096, 256, 1]) {
      await assert.rejects(
        async () => {
          for (;;) {
            await queue.push([{ bytes: bytes.subarray(0, size), readings: 1 }]);
            pushed += 1;
          }
        },
        (error) => isHrmError(error) && error.kind === 'unavailable' && error.code === 'queue_full',
      );
    }
    assert.ok(pushed > 10);
    await assert.rejects(queue.check(), /maxmemory/);
    const totalBytes = 6 * 1024 * 1024;
    const claim = await queue.claim({ ...LIMITS, maxElements: 5 });
    assert.equal(claim?.elements.length, 5);
    assert.equal(await queue.renew(claim?.token ?? '', LIMITS.leaseMs), 'renewed');
    const deadLetter = { reason: 'bad', bytes: bytes.subarray(0, 100), stampMs: 1, attempts: 1 };
    const requeue = [{ bytes: bytes.subarray(0, 100), readings: 1, stampMs: 1 }];
    assert.equal(await queue.ack(claim?.token ?? '', { deadLetters: [deadLetter], requeue }), 'acked');
    let claimed = 0;
    for (let next = await queue.claim(LIMITS); next !== null; next = await queue.claim(LIMITS)) {
      claimed += next.elements.length;
      assert.equal(await queue.ack(next.token), 'acked');
    }
    assert.equal(claimed, pushed - 5 + 1);
    // The server frees what was unlinked in a thread of its own.
    await expect.poll(() => queue.push([{ bytes, readings: 1 }]).then(() => 'taken', String)).toBe('taken');
    await expect.poll(async () => (await queue.check()).freeBytes).toBeGreaterThan(0);
    const space = await queue.check();
    assert.equal(space.totalBytes, totalBytes);
    assert.ok(space.freeBytes !== null && space.freeBytes > 0 && space.freeBytes < totalBytes);
  });
});

describe('a key of another type', () => {
  it('is said so, with the settings to change', async () => {
    const redis = await startRedis();
    await redis.cli('SET', 'heartbeat:queue', 'mine');
    const queue = await openQueue(redis.url);
    await assert.rejects(
      queue.push([numbered(1)]),
      (error) =>
        isHrmError(error) &&
        error.kind === 'unavailable' &&
        error.code === 'queue_layout' &&
        /HRM_QUEUE_KEY/.test(error.message),
    );
  });
});

describe('errors', () => {
  it('carry nothing of the elements', async () => {
    const redis = await startRedis();
    await redis.cli('SET', 'heartbeat:queue', 'mine');
    const client = new Client(redis.url);
    onTestFinished(() => client.disconnect());
    const queue = await openQueue(client);
    const secret = 'a-heart-rate-of-somebody';
    await queue.push([{ bytes: Buffer.from(secret), readings: 1 }]).then(
      () => assert.fail('it was pushed'),
      (error) => {
        assert.doesNotMatch(
          `${JSON.stringify(error)} ${error.message} ${error.stack} ${String(error.cause)}`,
          /somebody/,
        );
        assert.equal(JSON.stringify(error.cause ?? null), 'null');
      },
    );
  });
});
