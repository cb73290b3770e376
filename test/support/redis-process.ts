/** One `redis-server` process: its port, its start, its end, and that it never outlives the test run. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { MEMORY_DIRECTORY } from '../../packages/hrm-core/test/support/temporary-directory.js';
import { createReaper } from './reaper.js';

/** How long a server may take to answer, and `redis-cli` to end; on two busy cores a start takes 50 to 500 ms. */
const MAX_WAIT_MS = 20_000;

/**
 * Below the ports that systems give to outgoing connections, so that a server that is restarted finds its own free; and
 * with room for the cluster bus, which is 10,000 higher.
 */
const PORTS = { first: 12_000, count: 10_000 };

/** How often another port is tried when somebody else was quicker. */
const MAX_PORT_ATTEMPTS = 10;

/** What a process of its own needs. */
export interface RedisProcessOptions {
  /** Lines of its configuration, without the port. */
  config(port: number, directory: string): readonly string[];
  /** Files that must be there before it starts. */
  prepare?(directory: string): Promise<void>;
  /** Further arguments: `--sentinel`. */
  readonly args?: readonly string[];
  /** How `redis-cli` gets in. */
  cliArgs?(directory: string): readonly string[];
  readonly password?: string | undefined;
  /** Variables beside the test's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A server's process. */
export interface RedisProcess {
  readonly port: number;
  /** Its append-only file, its log (`redis.log`) and its settings. */
  readonly directory: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Whether the process runs: one that cannot write its append-only file ends by itself. */
  readonly isAlive: boolean;
  /** Sends a signal and does not wait: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the process, by default by SIGKILL; resolves when it is gone. Its files stay. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it if it runs, and starts it on the same port and files; resolves when it answers. */
  restart(): Promise<void>;
  /** Kills it and deletes its files. Happens by itself when the test, or this process, ends. */
  stop(): Promise<void>;
  /** What `redis-cli` prints, without the last line feed; rejects when Redis answers with an error. */
  cli(...args: string[]): Promise<string>;
}

/** Starts it and waits until it answers PING. Within a test it ends with it; in a hook, call `stop()` yourself. */
export async function startRedisProcess(options: RedisProcessOptions): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-redis-'));
    await options.prepare?.(directory);
    const port = await freePort();
    const server = createRedisProcess(options, directory, port);
    try {
      await server.restart();
      endWithTest(server);
      return server;
    } catch (error) {
      const log = await readFile(path.join(directory, 'redis.log'), 'utf8').catch(() => '');
      await server.stop();
      if (attempt < MAX_PORT_ATTEMPTS && log.includes('Address already in use')) continue;
      throw new Error(`redis-server did not start on port ${port}:\n${log}`, { cause: error });
    }
  }
}

/** Waits until `condition` holds, at most as long as a server may take to start. */
export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + MAX_WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(`${what}: not after ${MAX_WAIT_MS} ms`);
    await sleep(20);
  }
}

function createRedisProcess(options: RedisProcessOptions, directory: string, port: number): RedisProcess {
  const reaper = createReaper(directory);
  let child: ChildProcess | undefined;
  let exited: Promise<unknown> = Promise.resolve();
  const server: RedisProcess = {
    port,
    directory,
    get pid() {
      return child?.pid ?? 0;
    },
    get isAlive() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    signal(signal) {
      child?.kill(signal);
    },
    async kill(signal = 'SIGKILL') {
      child?.kill(signal);
      await exited;
    },
    async restart() {
      await server.kill();
      const file = path.join(directory, 'redis.conf');
      // A sentinel writes what it learned into its file, and must find it there again.
      if (child === undefined) await writeFile(file, `${[...options.config(port, directory), ''].join('\n')}`);
      const log = openSync(path.join(directory, 'redis.log'), 'a');
      const env = { ...process.env, ...options.env };
      child = spawn('redis-server', [file, ...(options.args ?? [])], {
        cwd: directory,
        env,
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      exited = once(child, 'exit').finally(() => reaper.watch(undefined));
      exited.catch(() => undefined);
      await once(child, 'spawn');
      reaper.watch(child.pid);
      const started = child;
      await eventually('redis-server answers', async () => {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error('redis-server ended');
        return (await server.cli('PING').catch(() => '')) === 'PONG';
      });
    },
    async stop() {
      await server.kill();
      reaper.end();
      await rm(directory, { recursive: true, force: true });
    },
    async cli(...args) {
      const { stdout } = await promisify(execFile)(
        'redis-cli',
        ['-e', '-h', '127.0.0.1', '-p', String(port), ...(options.cliArgs?.(directory) ?? []), ...args],
        {
          env: { PATH: process.env.PATH, ...(options.password && { REDISCLI_AUTH: options.password }) },
          timeout: MAX_WAIT_MS,
          killSignal: 'SIGKILL',
          maxBuffer: 1e9,
        },
      );
      return stdout.replace(/\n$/, '');
    },
  };
  return server;
}

/** A port that is free on 127.0.0.1, and the one 10,000 above it too. */
async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= 1_000; attempt++) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error('no free port for redis-server');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((closed) => server.close(closed));
  }
}

function endWithTest(server: RedisProcess): void {
  try {
    onTestFinished(() => server.stop());
  } catch {
    // In a hook there is no test that could end it: the hook's owner does, and else the reaper.
  }
}
