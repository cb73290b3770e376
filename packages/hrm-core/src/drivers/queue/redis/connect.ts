/** Connections to Redis: to one server, or to a cluster, by a URL or by a client of the caller's. @module */
import { faultError, type HrmError } from '../../../errors.js';
import { disconnectedError, type RedisServer, rememberErrors, sendCommand, whenReady } from './call.js';
import { createClient, createClusterClient, databaseOf, type RedisClient, shownAddress } from './client.js';
import type { RedisKeys } from './context.js';
import { inspectServer, requireUsable, type ServerFacts } from './inspect.js';

/** A connection that works. */
export interface Connected {
  readonly server: RedisServer;
  readonly facts: ServerFacts;
  /** Whether the client is closed with the queue. */
  readonly isOwn: boolean;
}

/** How long a reply may take, milliseconds. */
const TIMEOUT_MS = 5_000;

/** Where a server is. */
export interface ConnectOptions {
  readonly server: string | RedisClient;
  readonly timeoutMs?: number | undefined;
}

/** Connects to a server, or to the cluster that it is of. @throws HrmError kind `unavailable`; as `requireUsable`. */
export async function connect(
  { server: where, timeoutMs = TIMEOUT_MS }: ConnectOptions,
  keys: RedisKeys,
): Promise<Connected> {
  if (typeof where !== 'string') {
    const server = { client: where, address: 'its address', timeoutMs };
    await connectClient(where, server);
    const facts = await inspectServer(server);
    requireUsable(facts, keys);
    return { server, facts, isOwn: false };
  }
  const single = await connectTo(createClient(where, timeoutMs), where, timeoutMs);
  const { mode } = single.facts;
  try {
    if (mode === 'sentinel') throw sentinelError(where);
    requireUsable(single.facts, keys);
    if (mode === 'standalone') return single;
  } catch (error) {
    single.server.client.disconnect();
    throw error;
  }
  single.server.client.disconnect();
  return await connectTo(createClusterClient(where, timeoutMs), where, timeoutMs);
}

function sentinelError(url: string): HrmError {
  const message = `Redis at ${shownAddress(url)} is a Sentinel: add ?sentinel=NAME to REDIS_URL, with the name of the master that it watches`;
  return faultError('invalid_settings', message, '/redisUrl');
}

async function connectTo(client: RedisClient, url: string, timeoutMs: number): Promise<Connected> {
  const server = { client, address: shownAddress(url), timeoutMs };
  rememberErrors(client);
  try {
    await connectClient(client, server);
    // The client itself goes on in database 0 where there is no such one.
    const database = databaseOf(url);
    if (database > 0) await sendCommand(server, 'SELECT', [database]);
    return { server, facts: await inspectServer(server), isOwn: true };
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** Waits until the client can send, starting its connection if nobody has. @throws HrmError kind `unavailable`. */
export async function connectClient(client: RedisClient, { address, timeoutMs }: RedisServer): Promise<void> {
  const failed = new AbortController();
  // A server that refuses is not asked again: whoever opens the queue hears why at once.
  if (client.status === 'wait') client.connect().catch(() => failed.abort());
  await whenReady(client, timeoutMs, failed.signal);
  if (client.status !== 'ready') throw disconnectedError(client, address);
}
