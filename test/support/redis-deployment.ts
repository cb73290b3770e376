/** The whole system on Redis as processes of its own: two APIs, two consumers, a compacter, and what stands between. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { MIB, mountDisk } from './disk.js';
import { createFakeClock, type FakeClock } from './fake-clock.js';
import { environment, temporaryDirectory } from './hrm.js';
import { type Redis, startRedis } from './redis-server.js';
import { type Supervised, supervise } from './supervised.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

/** Milliseconds. */
export const LEASE_MS = 1_000;

/** A system that runs, and all of it that can be broken. */
export interface Deployment {
  readonly env: NodeJS.ProcessEnv;
  readonly redis: Redis;
  /** Before the first API and the first consumer; the others reach Redis directly. */
  readonly proxy: TcpProxy;
  readonly apis: readonly Supervised[];
  readonly consumers: readonly Supervised[];
  readonly compacter: Supervised;
  readonly all: readonly Supervised[];
  /** Where Redis' files are, and the data; disks of their own where `hasDisks`. */
  readonly redisDirectory: string;
  readonly dataDirectory: string;
  readonly hasDisks: boolean;
  /** `null` where the platform has none. */
  readonly clocks: { readonly redis: FakeClock; readonly hrm: FakeClock } | null;
}

/** Starts it and waits until all are ready. It ends with the test. */
export async function startDeployment(): Promise<Deployment> {
  const directory = await temporaryDirectory();
  const [redisDirectory, dataDirectory] = [path.join(directory, 'redis'), path.join(directory, 'data')];
  const hasDisks = (await mountDisk(dataDirectory, 128 * MIB)) && (await mountDisk(redisDirectory, 48 * MIB));
  await mkdir(redisDirectory, { recursive: true });
  const clocks =
    process.platform === 'linux'
      ? { redis: await createFakeClock(directory, 'redis'), hrm: await createFakeClock(directory, 'hrm') }
      : null;
  const redis = await startRedis({
    // Small enough that it is rewritten under load now and then.
    config: [`dir "${redisDirectory}"`, 'auto-aof-rewrite-min-size 2mb', 'auto-aof-rewrite-percentage 100'],
    ...(clocks && { env: clocks.redis.env }),
  });
  const proxy = await startTcpProxy(redis.port);
  const env = environment(directory, {
    REDIS_URL: redis.url,
    HRM_BATCH_MAX_AGE_MS: '50',
    HRM_LEASE_MS: String(LEASE_MS),
    HRM_COMPACT_EVERY_MS: '200',
    HRM_SWEEP_AFTER_MS: '500',
    ...clocks?.hrm.env,
  });
  const throughProxy = { ...env, REDIS_URL: `redis://127.0.0.1:${proxy.port}` };
  const [firstApi, secondApi, firstConsumer, secondConsumer, compacter] = await Promise.all([
    supervise('first API', throughProxy, '--only', 'api'),
    supervise('second API', env, '--only', 'api', '--workers', '2'),
    supervise('first consumer', throughProxy, '--only', 'consumer'),
    supervise('second consumer', env, '--only', 'consumer'),
    supervise('compacter', env, '--only', 'compacter'),
  ]);
  const apis = [firstApi, secondApi];
  const consumers = [firstConsumer, secondConsumer];
  // What is frozen or stopped could not end.
  onTestFinished(() => {
    proxy.thaw();
    redis.signal('SIGCONT');
  });
  return {
    env,
    redis,
    proxy,
    apis,
    consumers,
    compacter,
    all: [...apis, ...consumers, compacter],
    redisDirectory,
    dataDirectory,
    hasDisks,
    clocks,
  };
}
