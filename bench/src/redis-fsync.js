/** What `appendfsync always` costs a POST of one reading: against the same with `everysec`, a server of each. */
import { runFigure } from './support/figure.js';
import { measurePosts, SINGLE_CONNECTIONS, singlePosts } from './support/posts.js';
import { QUEUE_KEY, withRedis } from './support/redis.js';
import { withServers } from './support/servers.js';

await runFigure('redis-fsync', async (bench) => {
  const directories = await Promise.all(['always', 'everysec'].map((name) => bench.directory(name)));
  const [always = '', everysec = ''] = directories;
  await withRedis({ directory: always }, (synced) =>
    withRedis({ directory: everysec, appendfsync: 'everysec' }, async (late) => {
      const subject = 'hrm-server, API only, appendfsync always';
      const limit = 'the same, appendfsync everysec';
      const kind = /** @type {const} */ ('api');
      const starts = {
        [subject]: { kind, directory: await bench.directory('api'), redisUrl: synced.url },
        [limit]: { kind, directory: await bench.directory('api'), redisUrl: late.url },
      };
      await withServers(starts, async (servers) => {
        const rounds = bench.quick ? 3 : 7;
        for (const connections of [SINGLE_CONNECTIONS, 1]) {
          const label = (/** @type {string} */ name) =>
            `${name}, ${connections} connection${connections === 1 ? '' : 's'}`;
          const { samples, note } = await measurePosts({
            servers: { [label(subject)]: servers[subject], [label(limit)]: servers[limit] },
            requests: singlePosts,
            connections,
            durationMs: bench.quick ? 500 : 1_200,
            rounds,
            after: () => Promise.all([synced.admin.unlink(QUEUE_KEY), late.admin.unlink(QUEUE_KEY)]),
          });
          bench.compare(samples, label(subject), label(limit), 'requests/s', note(label(subject), label(limit)));
        }
      });
    }),
  );
});
