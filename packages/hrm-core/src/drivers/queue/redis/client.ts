/**
 * Connections to Redis: one server, a cluster, or what a Sentinel names.
 * @module
 */
import { Cluster, Redis } from 'ioredis';
import { faultError, type HrmError } from '../../../errors.js';

/** An argument of a command. */
export type RedisArgument = string | Buffer | number;

/** What the queue needs of a client: ioredis' `Redis` and `Cluster` have it. */
export interface RedisClient {
  /** `ready` when commands can be sent. */
  readonly status: string;
  /** Sends a command; strings of the reply are Buffers. */
  callBuffer(command: string, args: RedisArgument[]): Promise<unknown>;
  /** Another connection of the same options, for commands that block. */
  duplicate(): RedisClient;
  connect(): Promise<void>;
  /** @param reconnect - whether to connect anew. */
  disconnect(reconnect?: boolean): void;
  on(event: 'ready' | 'error', listener: (error?: Error) => void): unknown;
  off(event: 'ready' | 'error', listener: (error?: Error) => void): unknown;
}

/** How often a lost server is looked for: doubled from the first to the last, milliseconds. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;

/** Where the server is, from a URL. */
interface Address {
  readonly host: string;
  readonly port: number;
  /** The name by which a Sentinel knows the servers; `null` when there is none. */
  readonly sentinelName: string | null;
  readonly options: Login;
}

/** What a connection begins with. */
interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  /** Of `rediss://`: Node's defaults for TLS, which check the certificate and its name. */
  readonly tls?: Record<string, never>;
}

/**
 * Creates a client that keeps no commands: one that cannot be sent fails at once, and one whose reply is lost with its
 * connection fails then. What may be sent again is decided by who sent it.
 * @param url - `redis://` or `rediss://` (TLS), user, password and database as usual; `?sentinel=NAME` when the server is a
 *   Sentinel, and NAME what it calls the servers that hold the data.
 * @param timeoutMs - without any byte for so long while a reply is due, the connection is cut and made anew.
 */
export function createClient(url: string, timeoutMs: number): RedisClient {
  const { host, port, sentinelName, options } = parseUrl(url);
  const common = { ...options, ...clientOptions(timeoutMs) };
  if (sentinelName === null) return new Redis({ ...common, host, port });
  const isTls = options.tls !== undefined;
  return new Redis({
    ...common,
    sentinels: [{ host, port }],
    name: sentinelName,
    sentinelRetryStrategy: retryDelayMs,
    enableTLSForSentinelMode: isTls,
    ...(isTls ? { sentinelTLS: {} } : {}),
  });
}

/** As {@link createClient}, for a server that is a node of a cluster. */
export function createClusterClient(url: string, timeoutMs: number): RedisClient {
  const { host, port, options } = parseUrl(url);
  return new Cluster([{ host, port }], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    redisOptions: { ...options, ...clientOptions(timeoutMs) },
  });
}

/** The number of the database in a URL; 0 by default. */
export function databaseOf(url: string): number {
  return parseUrl(url).options.db ?? 0;
}

/** The address without user and password, for messages. */
export function shownAddress(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? DEFAULT_PORT : port}`;
}

const DEFAULT_PORT = 6379;

function clientOptions(timeoutMs: number) {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    // Longer than any command may block, so that it only fires on a connection that is dead.
    socketTimeout: timeoutMs,
    retryStrategy: retryDelayMs,
    // A master that became a replica: the address may lead to the new master.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
    connectionName: 'hrm',
  };
}

function retryDelayMs(times: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(times, 10));
}

function parseUrl(url: string): Address {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) throw badUrlError();
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url);
  const database = /^\/(\d{1,5})$/.exec(pathname)?.[1];
  if (hostname === '' || (database === undefined && pathname.length > 1)) throw badUrlError();
  for (const name of searchParams.keys()) if (name !== 'sentinel') throw badUrlError();
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? DEFAULT_PORT : Number(port),
    sentinelName: searchParams.get('sentinel'),
    options: {
      ...(username === '' ? {} : { username: decoded(username) }),
      ...(password === '' ? {} : { password: decoded(password) }),
      ...(database === undefined ? {} : { db: Number(database) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badUrlError();
  }
}

function badUrlError(): HrmError {
  const message =
    'REDIS_URL must be redis://[user:password@]host[:port][/database], rediss:// for TLS, with ?sentinel=NAME where the host is a Sentinel; in user and password percent-encode what is no letter or digit';
  return faultError('invalid_settings', message, '/redisUrl');
}
