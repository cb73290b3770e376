/**
 * 1,000 readings a POST through the queue in Redis: against the same app over a queue that does nothing. Of the service's
 * CPU time sending takes 4 %; collecting what is held until the disk has it, 12 %.
 */
import { runFigure } from './support/figure.js';
import { BATCH_CONNECTIONS, BATCH_READINGS, batchPosts, JSON_ARRAY, measurePosts } from './support/posts.js';
import { QUEUE_KEY, withRedis } from './support/redis.js';
import { withServers } from './support/servers.js';

await runFigure('redis-post-batch', async (bench) => {
  await withRedis({ directory: await bench.directory('redis') }, async ({ url: redisUrl, admin }) => {
    const service = 'JSON array: hrm-server, API only, Redis';
    const app = 'the same app, queue resolves at once';
    const starts = {
      [service]: { kind: /** @type {const} */ ('api'), directory: await bench.directory('api'), redisUrl },
      [app]: { kind: /** @type {const} */ ('app-without-queue'), directory: await bench.directory('app') },
    };
    await withServers(starts, async (servers) => {
      const { samples, note } = await measurePosts({
        servers,
        requests: (port) => batchPosts(port, JSON_ARRAY),
        connections: BATCH_CONNECTIONS,
        readings: BATCH_READINGS,
        durationMs: bench.quick ? 400 : 800,
        rounds: bench.quick ? 3 : 7,
        after: () => admin.unlink(QUEUE_KEY),
      });
      bench.compare(samples, service, app, 'readings/s', note(service, app));
    });
  });
});
