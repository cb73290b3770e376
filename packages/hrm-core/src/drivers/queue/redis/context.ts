/**
 * What all methods of one Redis queue share.
 * @module
 */
import { DEFAULTS } from '../../../defaults.js';
import { HrmError } from '../../../errors.js';
import type { Clock } from '../../../ports/clock.js';
import { type Insisted, insistOnScript, type RedisServer, runScript } from './call.js';
import type { RedisArgument } from './client.js';
import type { Script } from './scripts.js';

/** The keys of one queue. */
export interface RedisKeys {
  /** List: what is queued, oldest on the left. */
  readonly queue: string;
  /** List: what consumers of the original system had in hand. What begins with it and a colon is the claims'. */
  readonly processing: string;
  /** Stream: the dead letters. */
  readonly dead: string;
  /** Hash: token -> record of a claim, see lua/shared.lua. */
  readonly claims: string;
  /** Hash: how many readings are in what is queued, as far as they were counted, see lua/shared.lua. */
  readonly count: string;
  /** Never there between two calls. */
  readonly check: string;
  /** Stream: the feed; there while somebody watches. */
  readonly feed: string;
  /** Hash: until when somebody watches, see lua/watch.lua. */
  readonly watch: string;
  /** What hides the feed's cursors; there from the first who watched on. */
  readonly secret: string;
  /** String: the identity of the store that the queue's readings go to; there from the first batch that was stored on. */
  readonly store: string;
  /** List: the elements of a claim. */
  batch(token: string): string;
}

/** The keys, from the settings. */
export function redisKeys({
  queueKey: queue = DEFAULTS.queueKey,
  processingKey: processing = DEFAULTS.processingKey,
  deadKey: dead = DEFAULTS.deadKey,
}: {
  readonly queueKey?: string | undefined;
  readonly processingKey?: string | undefined;
  readonly deadKey?: string | undefined;
}): RedisKeys {
  return {
    queue,
    processing,
    dead,
    claims: `${processing}:claims`,
    count: `${processing}:count`,
    check: `${processing}:check`,
    feed: `${processing}:feed`,
    watch: `${processing}:watch`,
    secret: `${processing}:secret`,
    store: `${processing}:store`,
    batch: (token) => `${processing}:${token}`,
  };
}

/** One open queue. */
export interface RedisContext {
  readonly server: RedisServer;
  readonly keys: RedisKeys;
  /** Measures leases instead of the server's clock; `null` outside of tests. */
  readonly clock: Clock | null;
  /** Fires when the queue is closed. */
  readonly closing: AbortSignal;
}

/** The time for a script: given, or `''` for the server's own. */
export function nowArgument({ clock }: RedisContext): RedisArgument {
  return clock === null ? '' : String(Math.floor(clock.nowMs()));
}

/** @throws HrmError kind `closed`, code `queue_closed`. */
export function requireOpen({ closing }: RedisContext): void {
  if (closing.aborted) throw closedError();
}

/** The error of every call after `close`. */
export function closedError(): HrmError {
  return new HrmError('The queue was closed', { kind: 'closed', code: 'queue_closed' });
}

/** Runs a script once. @throws HrmError kind `closed`; as `sendCommand`. */
export async function run(
  context: RedisContext,
  script: Script,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<unknown> {
  requireOpen(context);
  return await runScript(context.server, script, keys, args);
}

/** Runs a script that may be repeated until it is answered. @throws HrmError kind `closed`; as `sendCommand`. */
export async function insist(
  context: RedisContext,
  script: Script,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<Insisted> {
  requireOpen(context);
  return await insistOnScript(context.server, script, keys, args, context.closing);
}
