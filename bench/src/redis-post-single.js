/**
 * One reading a POST, 64 keep-alive connections, through the queue in Redis with `appendfsync always`: against the same
 * app, which parses and validates, over a queue that does nothing.
 */
import { SINGLE_CONNECTIONS, singlePosts } from './support/posts.js';
import { measureRedisPosts } from './support/redis-posts.js';

await measureRedisPosts('redis-post-single', {
  service: 'hrm-server, API only, Redis',
  unit: 'requests/s',
  load: (isQuick) => ({ requests: singlePosts, connections: SINGLE_CONNECTIONS, durationMs: isQuick ? 500 : 1_200 }),
});
