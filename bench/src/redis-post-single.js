/**
 * One reading a POST, 64 keep-alive connections, through the queue in Redis with `appendfsync always`: against the same
 * app, which parses and validates, over a queue that does nothing.
 */
import { runFigure } from './support/figure.js';
import { measurePosts, SINGLE_CONNECTIONS, singlePosts } from './support/posts.js';
import { QUEUE_KEY, withRedis } from './support/redis.js';
import { withServers } from './support/servers.js';

await runFigure('redis-post-single', async (bench) => {
  await withRedis({ directory: await bench.directory('redis') }, async ({ url: redisUrl, admin }) => {
    const service = 'hrm-server, API only, Redis';
    const app = 'the same app, queue resolves at once';
    const starts = {
      [service]: { kind: /** @type {const} */ ('api'), directory: await bench.directory('api'), redisUrl },
      [app]: { kind: /** @type {const} */ ('app-without-queue'), directory: await bench.directory('app') },
    };
    await withServers(starts, async (servers) => {
      const { samples, note } = await measurePosts({
        servers,
        requests: singlePosts,
        connections: SINGLE_CONNECTIONS,
        durationMs: bench.quick ? 500 : 1_200,
        rounds: bench.quick ? 3 : 7,
        after: () => admin.unlink(QUEUE_KEY),
      });
      bench.compare(samples, service, app, 'requests/s', note(service, app));
    });
  });
});
