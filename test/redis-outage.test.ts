/** What clients and operators meet while Redis is gone, stands still, or is full; and that it ends by itself. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { environment, getRows, runHrm, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';
import { type Redis, startRedis } from './support/redis-server.js';

const MIB = 1024 * 1024;
const CONNECTIONS = 64;
const BATCH = 2_000;
const DAY = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
/** Long enough that what is kept of every refused body would show. */
const GONE_MS = 8_000;
/** A refusal may take what a reply may, twice; more is a request that hangs. */
const MAX_ANSWER_MS = 15_000;
/** What bodies in flight and their garbage may come to beyond a healthy time; bodies that are kept come to more. */
const MAX_GROWTH_BYTES = 200 * MIB;

function readings(user_id: string, from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const timestamp = new Date(Date.parse(DAY.start) + (from + i) * 1_000).toISOString();
    return { user_id, device_id: 'watch', timestamp, heart_rate: 60 };
  });
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly code: string;
  readonly tookMs: number;
}

async function post(url: string, user: string, from: number, count: number): Promise<Answer> {
  return await postBody(url, JSON.stringify(readings(user, from, count)));
}

async function postBody(url: string, body: string): Promise<Answer> {
  const startMs = performance.now();
  const response = await fetch(`${url}/metrics/heart-rate/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(MAX_ANSWER_MS),
  });
  const { code = '' } = (await response.json()) as { code?: string };
  const tookMs = performance.now() - startMs;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), code, tookMs };
}

async function rssBytes({ process: { pid } }: Service): Promise<number> {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** POSTs over many connections for a while; the answers, and the most memory that the service had. */
async function hammer(service: Service, forMs: number) {
  const endMs = performance.now() + forMs;
  const answers: Answer[] = [];
  let maxBytes = 0;
  let isOver = false;
  async function connection(user: string): Promise<void> {
    const body = JSON.stringify(readings(user, 0, BATCH));
    while (performance.now() < endMs) answers.push(await postBody(service.url, body));
  }
  async function watch(): Promise<void> {
    while (!isOver) {
      maxBytes = Math.max(maxBytes, await rssBytes(service));
      await sleep(50);
    }
  }
  const watching = watch();
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => connection(`hammer-${i}`)));
  isOver = true;
  await watching;
  return { answers, maxBytes };
}

async function started(redis: Redis, settings: Record<string, string>, ...args: string[]) {
  const env = environment(await temporaryDirectory(), {
    REDIS_URL: redis.url,
    HRM_BATCH_MAX_AGE_MS: '50',
    HRM_LEASE_MS: '2000',
    HRM_LOG_LEVEL: 'fatal',
    ...settings,
  });
  return { env, service: await startService(env, ...args) };
}

async function resumes({ url }: Service, user: string): Promise<void> {
  await eventually('accepting again', async () => (await post(url, user, 0, 10)).status === 202);
  await eventually('storing again', async () => (await getRows(url, { user_id: user, ...DAY }))[0]?.count === 10);
}

it.runIf(process.platform === 'linux')(
  'answers 503 in time and in bounded memory while Redis is gone or stands still, and resumes',
  async () => {
    const redis = await startRedis();
    const { service } = await started(redis, {});
    await resumes(service, 'before');
    const healthy = await hammer(service, 2_000);
    expect(new Set(healthy.answers.map(({ status }) => status))).toEqual(new Set([202]));

    await redis.kill();
    const gone = await hammer(service, GONE_MS);
    await redis.restart();
    await resumes(service, 'after it was gone');

    redis.signal('SIGSTOP');
    const frozen = await hammer(service, 6_000).finally(() => redis.signal('SIGCONT'));
    await resumes(service, 'after it stood still');
    for (const { answers, maxBytes } of [gone, frozen]) {
      expect(new Set(answers.map(({ status, code }) => `${status} ${code}`))).toEqual(
        new Set(['503 queue_unavailable']),
      );
      expect(answers.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
      expect(maxBytes - healthy.maxBytes).toBeLessThan(MAX_GROWTH_BYTES);
    }
    const perSecond = Math.round((gone.answers.length * 1_000) / GONE_MS);
    console.log(
      `outage: ${perSecond} refusals/s; MiB ${[healthy, gone, frozen].map(({ maxBytes }) => Math.round(maxBytes / MIB))}`,
    );
    expect(await service.end('SIGTERM')).toBe(0);
  },
);

it('refuses above the high-water mark, and takes readings again when a consumer has drained', async () => {
  const redis = await startRedis();
  const { env, service } = await started(redis, { HRM_QUEUE_HIGH_WATER: '1000' }, '--only', 'api');
  const taken = [await post(service.url, 'ana', 0, 900), await post(service.url, 'ana', 900, 300)];
  expect(taken.map(({ status }) => status)).toEqual([202, 202]);
  expect(await post(service.url, 'ana', 5_000, 1)).toMatchObject({ status: 503, code: 'queue_full', retryAfter: '2' });
  await runHrm(env, 'drain', '--all');
  await eventually('accepting again', async () => (await post(service.url, 'ana', 1_200, 10)).status === 202);
  await runHrm(env, 'drain', '--all');
  const rows = await getRows(service.url, { user_id: 'ana', ...DAY });
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(1_210);
});

it('refuses at maxmemory, lets consumers drain all the same, and takes readings again', async () => {
  const redis = await startRedis({ config: ['maxmemory 8mb'] });
  const { env, service } = await started(redis, {}, '--only', 'api');
  // Of a thousand devices with long ids, so that a batch takes 100 kB: of one device it takes 3.
  const batch = (from: number) =>
    readings('ana', from, 1_000).map((reading, i) => ({ ...reading, device_id: `${'€'.repeat(30)}${i}` }));
  let accepted = 0;
  let last = await postBody(service.url, JSON.stringify(batch(0)));
  for (; last.status === 202 && accepted < 80_000; last = await postBody(service.url, JSON.stringify(batch(accepted))))
    accepted += 1_000;
  expect(last).toMatchObject({ status: 503, code: 'queue_full', retryAfter: '2' });
  // The refused command itself took the last of it: so that the memory is full also when that is gone.
  await redis.cli('CONFIG', 'SET', 'maxmemory', '4mb');
  await expect(redis.cli('RPUSH', 'another', 'list')).rejects.toThrow('OOM');
  await runHrm(env, 'drain', '--all');
  await eventually('accepting again', async () => (await post(service.url, 'ben', 0, 10)).status === 202);
  await runHrm(env, 'drain', '--all');
  const counts = await Promise.all(
    ['ana', 'ben'].map(async (user_id) => {
      return (await getRows(service.url, { user_id, ...DAY })).reduce((sum, { count }) => sum + count, 0);
    }),
  );
  expect(counts).toEqual([accepted, 10]);
  expect(await redis.cli('KEYS', '*')).toBe('heartbeat:processing:store');
});

it('lets two copies of everything start at once on an empty Redis', async () => {
  const redis = await startRedis();
  const env = environment(await temporaryDirectory(), { REDIS_URL: redis.url, HRM_BATCH_MAX_AGE_MS: '20' });
  const copies = await Promise.all([startService(env), startService(env)]);
  const answers = await Promise.all(copies.map(({ url }, i) => post(url, 'ana', i * 100, 100)));
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  for (const { url } of copies) {
    await eventually('all of both', async () => {
      const rows = await getRows(url, { user_id: 'ana', ...DAY });
      return rows.reduce((sum, { count }) => sum + count, 0) === 200;
    });
  }
  expect(await Promise.all(copies.map((copy) => copy.end('SIGTERM')))).toEqual([0, 0]);
  expect(await redis.cli('KEYS', '*')).toBe('heartbeat:processing:store');
});

it('ends every command with 3 and a message that says what to do when Redis cannot be reached', async () => {
  const redis = await startRedis();
  await redis.kill();
  const env = environment(await temporaryDirectory(), { REDIS_URL: redis.url });
  const commands = [['serve'], ['serve', '--workers', '2'], ['drain', '--all'], ['dlq', 'list']];
  const ends = await Promise.all(
    commands.map(
      (args) =>
        new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
          const done = (error: Error | null, stdout: string, stderr: string) =>
            resolve({ code: error && 'code' in error ? error.code : 0, stdout, stderr });
          execFile(process.execPath, [HRM_BIN, ...args], { env, timeout: 30_000 }, done);
        }),
    ),
  );
  for (const [i, { code, stdout, stderr }] of ends.entries()) {
    const command = commands[i]?.join(' ');
    expect([code, stdout], command).toEqual([3, '']);
    expect(stderr, command).toContain(`Redis at 127.0.0.1:${redis.port} cannot be reached`);
    expect(stderr, command).toContain('start it, or correct REDIS_URL');
  }
});
