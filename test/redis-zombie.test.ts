/** A consumer that stands still past its lease, and wakes when its batch is another's. */
import { expect, it } from 'vitest';
import { environment, getRows, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';
import { type Redis, startRedis } from './support/redis-server.js';

const START_MS = Date.UTC(2024, 0, 15);
/** Each user is a file to be synced, so that writing a batch takes a second or so. */
const USERS = 2_000;

/** As the original system's producer pushes it. */
function element(user: number, minute: number): string {
  const timestamp_ms = START_MS + minute * 60_000;
  return JSON.stringify({ device_id: 'watch', user_id: `user-${user}`, timestamp_ms, heart_rate: 60 + minute });
}

async function claims(redis: Redis): Promise<string[]> {
  return (await redis.cli('HKEYS', 'heartbeat:processing:claims')).split('\n').filter((token) => token !== '');
}

/** How the batches ended that a consumer logged. */
function outcomes(service: Service): string[] {
  return [...service.log().matchAll(/"outcome":"(\w+)"/g)].map(([, outcome]) => String(outcome));
}

it('can neither acknowledge the batch of the consumer that took over, nor lose or double anything', async () => {
  const redis = await startRedis();
  const env = environment(await temporaryDirectory(), {
    REDIS_URL: redis.url,
    HRM_BATCH_MAX_AGE_MS: '20',
    HRM_LEASE_MS: '1000',
    HRM_LOG_LEVEL: 'info',
  });
  const zombie = await startService(env, '--only', 'consumer');
  await redis.cli('RPUSH', 'heartbeat:queue', ...Array.from({ length: USERS }, (_, user) => element(user, 0)));
  await eventually('a claim', async () => (await claims(redis)).length === 1);
  zombie.process.kill('SIGSTOP');
  const [held] = await claims(redis);
  expect(held, 'the batch was written before the consumer could be stopped').toBeDefined();

  // With a long lease, so that its claim is its own however long this test looks at it.
  const heir = await startService({ ...env, HRM_LEASE_MS: '60000' }, '--only', 'consumer');
  await eventually('the batch is taken over', async () => {
    const [token] = await claims(redis);
    return token !== undefined && token !== held;
  });
  heir.process.kill('SIGSTOP');
  const taken = await claims(redis);
  expect(taken, 'the batch was written before the heir could be stopped').toHaveLength(1);

  zombie.process.kill('SIGCONT');
  await eventually('the zombie is told that it is stale', async () => outcomes(zombie).length > 0);
  expect(outcomes(zombie)).toEqual(['stale']);
  expect(await claims(redis)).toEqual(taken);
  expect(await redis.cli('LLEN', `heartbeat:processing:${taken[0]}`)).toBe(String(USERS));

  // It goes on: what comes now it stores, since the heir still stands.
  await redis.cli('RPUSH', 'heartbeat:queue', element(0, 1));
  await eventually('the zombie works again', async () => outcomes(zombie).length === 2);
  expect(outcomes(zombie)).toEqual(['stale', 'acked']);
  heir.process.kill('SIGCONT');
  await eventually('the heir ends its batch', async () => outcomes(heir).length > 0);
  expect(outcomes(heir)).toEqual(['acked']);
  expect(await redis.cli('KEYS', '*')).toBe('heartbeat:processing:store');

  const { url } = await startService(env, '--only', 'api');
  const day = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
  for (const user of [0, 1, USERS - 1]) {
    const rows = await getRows(url, { user_id: `user-${user}`, ...day });
    const found = rows.map(({ heart_rate, count }) => [heart_rate, count]);
    expect(found).toEqual(
      user === 0
        ? [
            [60, 1],
            [61, 1],
          ]
        : [[60, 1]],
    );
  }
  expect([await zombie.end('SIGTERM'), await heir.end('SIGTERM')]).toEqual([0, 0]);
});
