/**
 * 1,000 readings a POST through the queue in Redis: against the same app over a queue that does nothing. Of the service's
 * CPU time sending takes 4 %; collecting what is held until the disk has it, 12 %.
 */
import { BATCH_CONNECTIONS, BATCH_READINGS, batchPosts, JSON_ARRAY } from './support/posts.js';
import { measureRedisPosts } from './support/redis-posts.js';

await measureRedisPosts('redis-post-batch', {
  service: 'JSON array: hrm-server, API only, Redis',
  unit: 'readings/s',
  load: (isQuick) => ({
    requests: (port) => batchPosts(port, JSON_ARRAY),
    connections: BATCH_CONNECTIONS,
    readings: BATCH_READINGS,
    durationMs: isQuick ? 400 : 800,
  }),
});
