/** POSTs through the queue in Redis, against the same app over a queue that does nothing. */
import { runFigure } from './figure.js';
import { measurePosts } from './posts.js';
import { QUEUE_KEY, withRedis } from './redis.js';
import { withServers } from './servers.js';

/**
 * Measures one figure.
 * @param {string} name of the figure
 * @param {object} what
 * @param {string} what.service what it is called
 * @param {'requests/s' | 'readings/s'} what.unit
 * @param {(isQuick: boolean) => Pick<Parameters<typeof measurePosts>[0], 'requests' | 'connections' | 'readings' | 'durationMs'>} what.load
 */
export async function measureRedisPosts(name, { service, unit, load }) {
  await runFigure(name, async (bench) => {
    await withRedis({ directory: await bench.directory('redis') }, async ({ url: redisUrl, admin }) => {
      const app = 'the same app, queue resolves at once';
      const starts = {
        [service]: { kind: /** @type {const} */ ('api'), directory: await bench.directory('api'), redisUrl },
        [app]: { kind: /** @type {const} */ ('app-without-queue'), directory: await bench.directory('app') },
      };
      await withServers(starts, async (servers) => {
        const { samples, note } = await measurePosts({
          servers,
          ...load(bench.quick),
          rounds: bench.quick ? 3 : 7,
          after: () => admin.unlink(QUEUE_KEY),
        });
        bench.compare(samples, service, app, unit, note(service, app));
      });
    });
  });
}
