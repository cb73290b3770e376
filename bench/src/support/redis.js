/** Real Redis servers under the figures, each on a free port of this machine, with a directory of its own. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loadSettings } from 'hrm-core/settings';
import { Redis } from 'ioredis';
import { freePort } from './free-port.js';

const GUARD = fileURLToPath(new URL('./guard.js', import.meta.url));

/** A server that answers within this or not at all, milliseconds. */
const START_MS = 10_000;

const RETRY_MS = 50;

const OPTIONS = {
  bind: '127.0.0.1',
  save: '',
  appendonly: 'yes',
  // Rewriting the file is a cost of every so many bytes, and would fall into whichever round comes then.
  'auto-aof-rewrite-percentage': '0',
  logfile: 'redis.log',
};

/** Where the service queues, unless it is told otherwise. */
export const QUEUE_KEY = loadSettings().queueKey;

/**
 * @typedef {object} RedisServer
 * @property {string} url
 * @property {Redis} admin a connection beside those that are measured
 * @property {() => Promise<number>} cpuMs CPU time that it has used so far
 */

/**
 * Runs an action with a server, and ends that whatever happens.
 * @template Result
 * @param {{ directory: string, appendfsync?: 'always' | 'everysec' }} options `always` where nothing is said
 * @param {(redis: RedisServer) => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withRedis({ directory, appendfsync = 'always' }, action) {
  const port = await freePort();
  const args = Object.entries({ ...OPTIONS, port, dir: directory, appendfsync }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const guard = fork(GUARD, ['redis-server', ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => guard.once('exit', () => resolve()));
  const admin = new Redis({ host: '127.0.0.1', port, retryStrategy: () => RETRY_MS, maxRetriesPerRequest: null });
  admin.on('error', () => undefined);
  try {
    await answers(admin, exited);
    return await action({ url: `redis://127.0.0.1:${port}`, admin, cpuMs: () => readCpuMs(admin) });
  } finally {
    admin.disconnect();
    if (guard.connected) guard.disconnect();
    await exited;
  }
}

/**
 * @param {Redis} client
 * @param {Promise<void>} exited
 */
async function answers(client, exited) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`redis-server did not answer within ${START_MS} ms`)), START_MS);
  });
  const ended = exited.then(() => {
    throw new Error('redis-server ended');
  });
  ended.catch(() => undefined);
  try {
    await Promise.race([client.ping(), ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Redis} client */
async function readCpuMs(client) {
  const info = await client.info('cpu');
  const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
    Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]),
  );
  return seconds.reduce((sum, value) => sum + value * 1_000, 0);
}
