/** Starts real Redis servers for tests: on free ports of 127.0.0.1, in directories of their own, safe by default. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually, type RedisProcess, startRedisProcess } from './redis-process.js';

/** Hash slots of every Redis Cluster. @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
const SLOTS = 16_384;

/** How a server is to be. */
export interface RedisOptions {
  /** Default `always`: what Redis has answered survives SIGKILL and power loss. */
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /** Default true; without it a restarted server is empty. */
  readonly appendonly?: boolean;
  /** Takes nothing but TLS, by a certificate of its own for 127.0.0.1 and localhost: see `Redis.caFile`. */
  readonly tls?: boolean;
  /** Who may come in, and nobody else; without a name it is the user `default`. */
  readonly user?: { readonly name?: string; readonly password: string };
  /** Further lines of redis.conf, such as `maxmemory 10mb`; they have the last word. */
  readonly config?: readonly string[];
  /** Variables of its process, beside the test's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A running server. */
export interface Redis extends RedisProcess {
  /** As `REDIS_URL` takes it, with user and password where there are any. */
  readonly url: string;
  /** The certificate to trust where it speaks TLS: NODE_EXTRA_CA_CERTS makes a Node process do so. */
  readonly caFile: string | undefined;
}

/** Starts a server and waits until it answers. Within a test it ends with it; in a hook, call `stop()` yourself. */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const { tls = false, user } = options;
  const server = await startRedisProcess({
    config: (port, directory) => configOf(options, port, directory),
    ...(tls && { prepare: makeCertificate }),
    cliArgs: (directory) => [
      ...(tls ? ['--tls', '--cacert', path.join(directory, 'cert.pem')] : []),
      ...(user?.name === undefined ? [] : ['--user', user.name]),
    ],
    password: user?.password,
    ...(options.env && { env: options.env }),
  });
  const login = user ? `${encodeURIComponent(user.name ?? '')}:${encodeURIComponent(user.password)}@` : '';
  return Object.defineProperties(server, {
    url: { value: `${tls ? 'rediss' : 'redis'}://${login}127.0.0.1:${server.port}`, enumerable: true },
    caFile: { value: tls ? path.join(server.directory, 'cert.pem') : undefined, enumerable: true },
  }) as Redis;
}

/** A Redis Cluster of masters without replicas. */
export interface RedisCluster {
  readonly nodes: readonly Redis[];
  /** The first node's: a client finds the others through it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a cluster whose masters share the slots evenly; resolves when every one says that it is whole. */
export async function startRedisCluster(masters: 1 | 3 = 1, options: RedisOptions = {}): Promise<RedisCluster> {
  // A node that has met no other does not know its address, and clients would not either.
  const known = ['cluster-announce-ip 127.0.0.1', 'cluster-config-file nodes.conf'];
  const config = ['cluster-enabled yes', ...known, ...(options.config ?? [])];
  const nodes = await Promise.all(Array.from({ length: masters }, () => startRedis({ ...options, config })));
  const [first] = nodes as [Redis, ...Redis[]];
  for (const [i, node] of nodes.entries()) {
    const [from, to] = [Math.floor((i * SLOTS) / masters), Math.floor(((i + 1) * SLOTS) / masters) - 1];
    await node.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
  }
  for (const node of nodes.slice(1)) await node.cli('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
  await eventually('the cluster is whole', async () => {
    const infos = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'INFO')));
    const whole = `cluster_known_nodes:${masters}\r`;
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(whole));
  });
  return {
    nodes,
    url: first.url,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/** A master, its replica, and a sentinel that makes the replica the master when the master is gone. */
export interface RedisSentinel {
  readonly master: Redis;
  readonly replica: Redis;
  readonly sentinel: RedisProcess;
  /** What the sentinel calls the master. */
  readonly masterName: string;
  stop(): Promise<void>;
}

/** Starts the three; resolves when the replica is in step and the sentinel knows both. */
export async function startRedisSentinel(options: Omit<RedisOptions, 'tls' | 'user'> = {}): Promise<RedisSentinel> {
  const masterName = 'hrm';
  const master = await startRedis(options);
  const config = [`replicaof 127.0.0.1 ${master.port}`, 'repl-diskless-sync-delay 0', ...(options.config ?? [])];
  const replica = await startRedis({ ...options, config });
  await eventually('the replica is in step', async () =>
    (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
  );
  const sentinel = await startRedisProcess({
    args: ['--sentinel'],
    config: (port, directory) => [
      ...common(directory),
      `port ${port}`,
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${masterName} 1000`,
      `sentinel failover-timeout ${masterName} 5000`,
    ],
  });
  await eventually('the sentinel knows the replica', async () => {
    const replicas = await sentinel.cli('SENTINEL', 'REPLICAS', masterName);
    return replicas.includes(`127.0.0.1:${replica.port}`) && replicas.includes('master-link-status\nok');
  });
  return {
    master,
    replica,
    sentinel,
    masterName,
    async stop() {
      await Promise.all([master, replica, sentinel].map((server) => server.stop()));
    },
  };
}

function common(directory: string): string[] {
  return ['bind 127.0.0.1', 'daemonize no', `dir "${directory}"`, 'enable-debug-command local'];
}

function configOf(options: RedisOptions, port: number, directory: string): string[] {
  const { appendfsync = 'always', appendonly = true, tls = false, user, config = [] } = options;
  const name = user?.name ?? 'default';
  return [
    ...common(directory),
    // Snapshots would hide what the append-only file lost.
    'save ""',
    `appendonly ${appendonly ? 'yes' : 'no'}`,
    `appendfsync ${appendfsync}`,
    'maxmemory-policy noeviction',
    ...(tls
      ? [`tls-port ${port}`, 'port 0', 'tls-cert-file cert.pem', 'tls-key-file key.pem', 'tls-auth-clients no']
      : [`port ${port}`]),
    ...(user ? [`user ${name} on ${JSON.stringify(`>${user.password}`)} ~* &* +@all`] : []),
    ...(user && name !== 'default' ? ['user default off'] : []),
    ...config,
  ];
}

async function makeCertificate(directory: string): Promise<void> {
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  const args = ['req', '-x509', ...key, '-out', 'cert.pem', '-days', '2', '-subj', '/CN=localhost', '-addext', names];
  await promisify(execFile)('openssl', args, { cwd: directory });
}
