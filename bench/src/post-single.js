/** One reading a POST, 64 keep-alive connections: the service against the bare limits of the same request. */
import { runFigure } from './support/figure.js';
import { measurePosts, SINGLE_CONNECTIONS, singlePosts } from './support/posts.js';
import { withServers } from './support/servers.js';

await runFigure('post-single', async (bench) => {
  const service = 'hrm-server, API only';
  const whole = 'hrm-server, API + consumer + compacter';
  const app = 'the same app, queue resolves at once';
  const bare = 'node:http, JSON.parse, by hand, not enqueued';
  const starts = {
    [service]: { kind: /** @type {const} */ ('api'), directory: await bench.directory('api') },
    [whole]: { kind: /** @type {const} */ ('all'), directory: await bench.directory('all') },
    [app]: { kind: /** @type {const} */ ('app-without-queue'), directory: await bench.directory('app') },
    [bare]: { kind: /** @type {const} */ ('bare'), directory: await bench.directory('bare') },
  };
  await withServers(starts, async (servers) => {
    const { samples, note } = await measurePosts({
      servers,
      requests: singlePosts,
      connections: SINGLE_CONNECTIONS,
      durationMs: bench.quick ? 500 : 1_200,
      rounds: bench.quick ? 3 : 5,
    });
    bench.compare(samples, service, bare, 'requests/s', note(service, bare));
    bench.compare(samples, service, app, 'requests/s', note(service, app));
    bench.compare(samples, app, bare, 'requests/s', note(app, bare));
    bench.compare(samples, whole, service, 'requests/s', note(whole, service));
  });
});
