/**
 * A feed in Redis beside a queue that is elsewhere and has none: what is pushed is told there after the queue has it.
 *
 * A reading is never refused, and hardly held up, because of the feed: where Redis does not answer there is a gap. A process that is killed
 * between the two leaves out what it had just pushed, and nobody is told: the minutes are right all the same.
 * @module
 */
import { HrmError } from '../../../errors.js';
import type { FedQueue, Queue } from '../../../ports/queue.js';
import { within } from '../../../waits.js';
import { type ConnectOptions, connect } from './connect.js';
import { type RedisContext, redisKeys } from './context.js';
import { packPushed } from './element.js';
import { createFeed } from './feed.js';

/** How long a push waits for the feed, milliseconds. */
const PATIENCE_MS = 1_000;

/** Where the feed is. */
export interface RedisFeedOptions extends ConnectOptions {
  /** What the keys of the feed begin with; default `heartbeat:processing`. */
  readonly processingKey?: string | undefined;
}

/**
 * Gives a queue a feed in Redis; closing it closes the queue.
 * @throws HrmError kind `unavailable`, code `queue_unavailable`, when the server cannot be reached; as `openRedisQueue`.
 */
export async function withRedisFeed(queue: Queue, options: RedisFeedOptions): Promise<FedQueue> {
  const keys = redisKeys(options);
  const closing = new AbortController();
  const { server, isOwn } = await connect(options, keys);
  const context: RedisContext = { server, keys, clock: null, closing: closing.signal };
  const { feed, publish, lose } = createFeed(context);

  async function tell(records: readonly Buffer[]): Promise<void> {
    try {
      if (server.client.status !== 'ready') throw lateError();
      await within(PATIENCE_MS, publish(records), () => {
        throw lateError();
      });
    } catch {
      lose();
    }
  }

  return {
    ...queue,
    feed,
    async push(elements, callOptions) {
      // Copies, since the caller may change the bytes while the queue takes them.
      const records = elements.map((element) => packPushed(element, Date.now()));
      await queue.push(elements, callOptions);
      if (records.length > 0) await tell(records);
    },
    async close() {
      closing.abort();
      if (isOwn) server.client.disconnect();
      await queue.close();
    },
  };
}

function lateError(): HrmError {
  return new HrmError('Redis does not answer in time', { kind: 'unavailable', code: 'queue_unavailable' });
}
