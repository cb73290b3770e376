/**
 * Starts a real S3 server for tests: Ceph's gateway over one monitor and one store in memory, on free ports of 127.0.0.1. It is there in
 * seconds, and gone with the test run, however that ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MEMORY_DIRECTORY } from '../../packages/hrm-core/test/support/temporary-directory.js';
import { createReaper, type Reaper } from './reaper.js';
import { eventually } from './redis-process.js';

const run = promisify(execFile);

/** A running server. */
export interface Radosgw {
  /** As `AWS_ENDPOINT_URL_S3` takes it. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Kills it and deletes its files. */
  stop(): Promise<void>;
}

const KEYS = { accessKeyId: 'AKTEST', secretAccessKey: 'SKTEST' };

/** Starts a server; call `stop()` in a hook. */
export async function startRadosgw(): Promise<Radosgw> {
  const directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-rgw-'));
  const reapers: Reaper[] = [];
  const children: ChildProcess[] = [];
  for (const name of ['mon', 'osd', 'rgw', 'run', 'log']) await mkdir(join(directory, name));
  const [monitorPort, port] = [await freePort(), await freePort()];
  const config = join(directory, 'ceph.conf');
  const fsid = randomUUID();
  await writeFile(config, configOf(directory, fsid, monitorPort));
  const env = { ...process.env, CEPH_CONF: config };

  function start(command: string, ...args: string[]): ChildProcess {
    const child = spawn(command, ['-c', config, ...args], { env, stdio: 'ignore' });
    const reaper = createReaper(directory);
    reaper.watch(child.pid);
    reapers.push(reaper);
    children.push(child);
    return child;
  }
  async function ceph(...args: string[]): Promise<string> {
    return (await run('ceph', ['-c', config, '--connect-timeout', '2', ...args], { env })).stdout;
  }
  async function stop(): Promise<void> {
    for (const child of children) child.kill('SIGKILL');
    for (const reaper of reapers) reaper.end();
    await rm(directory, { recursive: true, force: true });
  }

  try {
    const map = join(directory, 'monmap');
    const address = `[v1:127.0.0.1:${monitorPort}]`;
    await run('monmaptool', ['-c', config, '--create', '--fsid', fsid, '--addv', 'a', address, map], { env });
    await run('ceph-mon', ['-c', config, '--mkfs', '-i', 'a', '--monmap', map], { env });
    start('ceph-mon', '-i', 'a', '-f');
    await eventually('the monitor answers', () => succeeds(ceph('mon', 'stat')));
    const uuid = randomUUID();
    const id = (await ceph('osd', 'new', uuid)).trim();
    await run('ceph-osd', ['-c', config, '-i', id, '--mkfs', '--osd-uuid', uuid], { env });
    let store: ChildProcess | undefined;
    await eventually('the store is up', async () => {
      // One that asked before it had the monitor's map ends at once, by itself.
      if (store === undefined || store.exitCode !== null) store = start('ceph-osd', '-i', id, '-f');
      return (await ceph('osd', 'stat').catch(() => '')).includes('1 up');
    });
    start(
      'radosgw',
      ...['-n', 'client.admin', '-f', '--rgw_frontends', `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`],
      ...['--rgw_data', join(directory, 'rgw'), '--rgw_run_sync_thread=false'],
      ...['gc', 'lc', 'quota'].map((name) => `--rgw_enable_${name}_threads=false`),
    );
    const endpoint = `http://127.0.0.1:${port}`;
    await eventually('the gateway answers', () => succeeds(fetch(endpoint)));
    const names = ['--uid', 'test', '--display-name', 'test'];
    const keys = ['--access-key', KEYS.accessKeyId, '--secret-key', KEYS.secretAccessKey];
    await run('radosgw-admin', ['-c', config, 'user', 'create', ...names, ...keys], { env });
    return { endpoint, ...KEYS, stop };
  } catch (error) {
    const log = await readFile(join(directory, 'log', 'client.admin.log'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`radosgw did not start:\n${log.slice(-2_000)}`, { cause: error });
  }
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  return await call.then(
    () => true,
    () => false,
  );
}

function configOf(directory: string, fsid: string, port: number): string {
  const settings = {
    fsid,
    mon_host: `v1:127.0.0.1:${port}`,
    public_addr: '127.0.0.1',
    cluster_addr: '127.0.0.1',
    ms_bind_ipv6: false,
    auth_cluster_required: 'none',
    auth_service_required: 'none',
    auth_client_required: 'none',
    run_dir: join(directory, 'run'),
    admin_socket: join(directory, 'run', '$name.asok'),
    pid_file: join(directory, 'run', '$name.pid'),
    log_file: join(directory, 'log', '$name.log'),
    mon_data: join(directory, 'mon'),
    osd_data: join(directory, 'osd'),
    osd_objectstore: 'memstore',
    memstore_device_bytes: 1024 ** 3,
    // One copy, in one place: what is tested is the protocol.
    osd_pool_default_size: 1,
    osd_pool_default_min_size: 1,
    osd_pool_default_pg_num: 1,
    osd_pool_default_pgp_num: 1,
    osd_pool_default_pg_autoscale_mode: 'off',
    osd_crush_chooseleaf_type: 0,
    osd_class_update_on_start: false,
    osd_fast_shutdown: true,
    osd_max_pg_log_entries: 100,
    osd_op_num_shards: 2,
    mon_allow_pool_size_one: true,
    mon_max_pg_per_osd: 1_000,
    // A monitor that is alone need not wait for others: each pool would take a second.
    paxos_propose_interval: 0.02,
    paxos_min_wait: 0.01,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return ['[global]', ...lines, '[client]', 'rgw_enable_usage_log = false', ''].join('\n');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('no free port for radosgw');
}
