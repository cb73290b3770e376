/**
 * The queue in Redis: for many producers and consumers on many machines.
 *
 * ```
 *  RPUSH                 claim.lua                          ack.lua
 *  ------> queue (list) ----------> processing:<token> ---------------> gone, and what was bad: dead (stream)
 *             ^                      (list, and a record      |                         |
 *             |                       in processing:claims)   |                         |
 *             |                         |       ^             |                         |
 *             |    the lease ended, or  +-------+ take-over.lua, whole, under a new     |
 *             |    release.lua            token                                         |
 *             +---------------------------------------- redrive.lua --------------------+
 * ```
 * Every script is atomic, and claims can be repeated, so no reply that is lost strands an element. Why this and nothing
 * simpler: moving items one by one is 70 times slower than a script; LREM is O(n) a call, and takes the wrong one of equal
 * elements; a claim without a token of the client's is lost with its reply.
 * @module
 */
import { MAX_PEEK_BYTES } from '../../../limits.js';
import type { Clock } from '../../../ports/clock.js';
import type { FedQueue, QueueElement, QueueWarning } from '../../../ports/queue.js';
import { rememberErrors, sendCommand, whenReady } from './call.js';
import { createClaims } from './claim.js';
import type { RedisClient } from './client.js';
import { connect, connectClient } from './connect.js';
import { type RedisContext, redisKeys, requireOpen, run } from './context.js';
import { redisDeadLetters } from './dead-letters.js';
import { unpackElement } from './element.js';
import { createFeed } from './feed.js';
import { durabilityWarnings, inspectServer, spaceOf } from './inspect.js';
import { createPusher } from './push.js';
import { SCRIPTS } from './scripts.js';
import { redisStoreMemory } from './store-memory.js';
import { createWatch } from './wait.js';

export { withRedisFeed } from './beside.js';
export type { RedisArgument, RedisClient } from './client.js';

/** Where the queue is. */
export interface RedisQueueOptions {
  /**
   * Where the server is, `redis://` or `rediss://`; a cluster is recognised, a Sentinel needs `?sentinel=NAME`. Or a client
   * of the caller's, ioredis' `Redis` or `Cluster`: it stays the caller's, who closes it after the queue and listens to
   * its errors; give it a `socketTimeout`, without which a connection that went dead is found out by TCP alone.
   */
  readonly server: string | RedisClient;
  /** List of what is queued; default `heartbeat:queue`. In a cluster the three keys need one hash tag. */
  readonly queueKey?: string | undefined;
  /** What the keys of claims begin with; default `heartbeat:processing`. */
  readonly processingKey?: string | undefined;
  /** Stream of the dead letters; default `heartbeat:dead`. */
  readonly deadKey?: string | undefined;
  /** How long a reply may take, milliseconds; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** For tests: measures leases instead of the server's clock, which all consumers share. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens the queue in Redis 7 or newer, or Valkey.
 *
 * What a resolved `push` means is what the server is configured to: with `appendfsync always` the readings are on its
 * disk. How many readings are queued is counted in Redis, a bounded number of elements at a time: where a backlog was pushed by many
 * and nobody asked, the rest is an estimate for the first seconds.
 * Any program that can RPUSH an element's JSON is a producer. What consumers of the original system left in the plain list
 * `processingKey` goes back to the queue at a claim.
 *
 * @throws HrmError kind `unavailable`, code `queue_unavailable`, when the server cannot be reached; kind `invalid` for a
 *   server that is too old, keys that lie apart in a cluster, or an address that is none.
 */
export async function openRedisQueue(options: RedisQueueOptions): Promise<FedQueue> {
  const keys = redisKeys(options);
  const closing = new AbortController();
  const { server, isOwn } = await connect(options, keys);
  const blocking = server.client.duplicate();
  function closeClients(): void {
    blocking.disconnect();
    if (isOwn) server.client.disconnect();
  }
  try {
    rememberErrors(blocking);
    await connectClient(blocking, server);
  } catch (error) {
    closeClients();
    throw error;
  }
  const context: RedisContext = { server, keys, clock: options.clock ?? null, closing: closing.signal };
  return createQueue(context, blocking, async () => {
    closing.abort();
    closeClients();
  });
}

/** What a Redis server says of itself, for a person who looks after it. */
export interface RedisReport {
  readonly version: string;
  readonly mode: 'standalone' | 'cluster' | 'sentinel';
  /** Bytes. */
  readonly usedBytes: number;
  /** Its clock less this machine's, milliseconds; as exact as half the round trip. */
  readonly clockAheadMs: number;
  /** What one command took, milliseconds: the least of three. */
  readonly roundTripMs: number;
  /** What of it could lose accepted readings. */
  readonly warnings: readonly QueueWarning[];
}

/**
 * Asks the server of a queue for what `Queue.check` has no word for; changes nothing.
 * @throws as {@link openRedisQueue}.
 */
export async function describeRedis(options: RedisQueueOptions): Promise<RedisReport> {
  const { server, facts, isOwn } = await connect(options, redisKeys(options));
  try {
    let [roundTripMs, clockAheadMs] = [Number.POSITIVE_INFINITY, 0];
    for (let round = 0; round < 3; round += 1) {
      const beganMs = performance.now();
      const [seconds, micros] = ((await sendCommand(server, 'TIME', [])) as unknown[]).map((part) =>
        Number(String(part)),
      );
      const tookMs = performance.now() - beganMs;
      if (tookMs >= roundTripMs) continue;
      roundTripMs = tookMs;
      clockAheadMs = (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000 - (Date.now() - tookMs / 2);
    }
    const { version, mode, usedBytes } = facts;
    return { version, mode, usedBytes, clockAheadMs, roundTripMs, warnings: durabilityWarnings(facts) };
  } finally {
    if (isOwn) server.client.disconnect();
  }
}

function createQueue(context: RedisContext, blocking: RedisClient, close: () => Promise<void>): FedQueue {
  const { server, keys, clock } = context;
  /** All pushes wait for the same. */
  let returning: Promise<void> | null = null;
  const { feed, send } = createFeed(context);
  const pusher = createPusher(
    async (records) => {
      if (server.client.status !== 'ready') {
        returning ??= whenReady(server.client, RECONNECT_MS, context.closing).finally(() => {
          returning = null;
        });
        await returning;
      }
      await send(records);
    },
    () => Math.floor(clock?.nowMs() ?? Date.now()),
  );
  const claims = createClaims(context);
  const { wait, depth } = createWatch(context, blocking);
  return {
    async push(elements, callOptions) {
      requireOpen(context);
      await pusher.push(elements, callOptions);
    },
    wait,
    async peek({ limit }) {
      const shown = (await run(context, SCRIPTS.peek, [keys.queue], [limit, MAX_PEEK_BYTES])) as (Buffer | number)[];
      const elements: QueueElement[] = [];
      for (let i = 0; i + 1 < shown.length; i += 2) {
        const { bytes } = unpackElement(shown[i] as Buffer, 0, 0);
        elements.push({ bytes, readings: Number(shown[i + 1]) });
      }
      return elements;
    },
    claim: claims.claim,
    renew: claims.renew,
    ack: claims.ack,
    release: claims.release,
    depth,
    async check() {
      await run(context, SCRIPTS.check, [keys.check], []);
      const facts = await inspectServer(server);
      return { ...spaceOf(facts), warnings: durabilityWarnings(facts) };
    },
    deadLetters: redisDeadLetters(context),
    store: redisStoreMemory(context),
    feed,
    async close() {
      if (context.closing.aborted) return;
      await pusher.settled();
      await close();
    },
  };
}

/**
 * How long pushes wait for a connection that was lost, milliseconds: servers and proxies close idle ones, and a new one is
 * there after a tenth of that.
 */
const RECONNECT_MS = 1_000;
