/**
 * Commands and scripts on their way to Redis: a bound on each wait, what is sent again, and errors in words.
 * @module
 */
import { HrmError, isHrmError } from '../../../errors.js';
import { onAbort, pause, within } from '../../../waits.js';
import type { RedisArgument, RedisClient } from './client.js';
import type { Script } from './scripts.js';

/** One server, or cluster, and how long it may take. */
export interface RedisServer {
  readonly client: RedisClient;
  /** For messages: host and port. */
  readonly address: string;
  /** For one reply, milliseconds. */
  readonly timeoutMs: number;
}

/** Pause before a script is sent again over a connection that is still there, milliseconds. */
const RETRY_PAUSE_MS = 50;

/** Script calls last at most so many times the bound of one reply; a server that restarts is back within that. */
const INSIST_FACTOR = 2;

/**
 * Sends one command.
 * @throws HrmError kind `unavailable`, code `queue_unavailable`, `queue_full`, `queue_denied`,
 *   `queue_read_only` or `queue_layout`. After
 *   `queue_unavailable` the command may have been executed, or even be executed later.
 */
export async function sendCommand(
  { client, address, timeoutMs }: RedisServer,
  command: string,
  args: RedisArgument[],
): Promise<unknown> {
  if (client.status !== 'ready') throw disconnectedError(client, address);
  try {
    return await within(timeoutMs, client.callBuffer(command, args), () => {
      throw new Error(`no reply within ${timeoutMs} ms`);
    });
  } catch (error) {
    throw inWords(error, address);
  }
}

/** Runs a script once. @throws as {@link sendCommand}. */
export async function runScript(
  server: RedisServer,
  { sha, text }: Script,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await sendCommand(server, 'EVALSHA', [sha, ...rest]);
  } catch (error) {
    if (!isHrmError(error) || error.code !== NOT_LOADED) throw error;
    return await sendCommand(server, 'EVAL', [text, ...rest]);
  }
}

/** What came of a script that was sent until it was answered. */
export interface Insisted {
  readonly reply: unknown;
  /** It was sent more than once, so the reply may be to a repetition. */
  readonly isRepeated: boolean;
}

/**
 * Runs a script that may be repeated harmlessly, again and again while the server cannot be reached, within a bound.
 * @throws as {@link sendCommand}, when the time is up or `signal` fires.
 */
export async function insistOnScript(
  server: RedisServer,
  script: Script,
  keys: readonly string[],
  args: readonly RedisArgument[],
  signal: AbortSignal,
): Promise<Insisted> {
  const endMs = performance.now() + INSIST_FACTOR * server.timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { reply: await runScript(server, script, keys, args), isRepeated: attempt > 1 };
    } catch (error) {
      const leftMs = endMs - performance.now();
      if (!isUnreachable(error) || leftMs <= 0 || signal.aborted) throw error;
      await whenReady(server.client, leftMs, signal);
    }
  }
}

/** Resolves when commands can be sent, or after `maxMs`, or when the signal fires; a moment later at the earliest. */
export async function whenReady(client: RedisClient, maxMs: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  function onReady(): void {
    done.abort();
  }
  client.on('ready', onReady);
  const forget = onAbort(signal, onReady);
  try {
    await pause(RETRY_PAUSE_MS);
    const pauseMs = client.status === 'ready' || signal.aborted ? 0 : Math.max(0, maxMs - RETRY_PAUSE_MS);
    await pause(pauseMs, done.signal);
  } finally {
    client.off('ready', onReady);
    forget();
  }
}

const NOT_LOADED = 'script_not_loaded';

/** The code by which a lost connection is told from a reply that says no. Never leaves the driver. */
const UNREACHABLE = Symbol('unreachable');

/** Whether the server could not be reached or did not reply, rather than said no. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && UNREACHABLE in error;
}

/** What went wrong with a client's connection last, until it is ready again. */
const lastErrors = new WeakMap<RedisClient, Error>();

/** Keeps what goes wrong with a client's connection for the calls that fail of it. Without a listener ioredis writes to the console. */
export function rememberErrors(client: RedisClient): void {
  client.on('error', (error) => {
    if (error !== undefined) lastErrors.set(client, error);
  });
  client.on('ready', () => lastErrors.delete(client));
}

/** The error of a client without a connection: why it has none, as far as that is known. */
export function disconnectedError(client: RedisClient, address: string): HrmError {
  const last = lastErrors.get(client);
  return last === undefined ? unreachableError(address, 'it is not connected') : inWords(last, address);
}

/** @param system - the system's code, `ECONNREFUSED`. */
function unreachableError(address: string, why: string, system?: string): HrmError {
  const advice = /certificate/i.test(why)
    ? 'let it be trusted, by NODE_EXTRA_CA_CERTS'
    : 'start it, or correct REDIS_URL';
  const cause = system === undefined ? undefined : Object.assign(new Error(why), { code: system });
  const message = `Redis at ${address} cannot be reached (${why}): ${advice}`;
  const error = new HrmError(message, { kind: 'unavailable', code: 'queue_unavailable', cause });
  return Object.assign(error, { [UNREACHABLE]: true });
}

/** By the first word of a reply: the rest of the advice. */
const ADVICE: Readonly<Record<string, { kind: 'unavailable' | 'data' | 'invalid'; code: string; advice: string }>> = {
  OOM: {
    kind: 'unavailable',
    code: 'queue_full',
    advice: 'is at its maxmemory: run more consumers, or give it more memory',
  },
  MISCONF: {
    kind: 'unavailable',
    code: 'queue_full',
    advice: 'refuses writes since it cannot save them: make room on its disk and look into its log',
  },
  READONLY: { kind: 'unavailable', code: 'queue_read_only', advice: 'is a replica: address the master' },
  NOAUTH: { kind: 'unavailable', code: 'queue_denied', advice: 'wants a user and password in REDIS_URL' },
  WRONGPASS: { kind: 'unavailable', code: 'queue_denied', advice: 'refuses the user and password in REDIS_URL' },
  NOPERM: {
    kind: 'unavailable',
    code: 'queue_denied',
    advice: 'does not permit its user what the queue needs: see docs/guides/redis.md for the rights',
  },
  WRONGTYPE: {
    kind: 'unavailable',
    code: 'queue_layout',
    advice: 'has something else under a key of the queue: set HRM_QUEUE_KEY, HRM_PROCESSING_KEY and HRM_DEAD_KEY',
  },
  CROSSSLOT: {
    kind: 'invalid',
    code: 'invalid_settings',
    advice: 'is a cluster, and the keys lie apart: give them one hash tag, as in HRM_QUEUE_KEY={heartbeat}:queue',
  },
  NOSCRIPT: { kind: 'unavailable', code: NOT_LOADED, advice: 'does not know the script' },
};

/** Redis' and ioredis' errors carry the command with its arguments, which are readings: none of that is kept. */
function inWords(error: unknown, address: string): HrmError {
  const [text = ''] = (error instanceof Error ? error.message : String(error)).split(', with args ', 1);
  if (!(error instanceof Error) || error.name !== 'ReplyError')
    return unreachableError(address, text, systemCodeOf(error));
  const { kind, code, advice } = ADVICE[/^[A-Z]+/.exec(text)?.[0] ?? ''] ?? {
    kind: 'unavailable',
    code: 'queue_unavailable',
    advice: 'refused a command',
  };
  return new HrmError(`Redis at ${address} ${advice} (${text})`, { kind, code });
}

function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
