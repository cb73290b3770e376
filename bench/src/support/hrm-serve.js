/** `hrm serve` as it is run, with API keys, in processes of its own: for figures that are about all of it together. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKey } from 'hrm-core/keys';

const PROGRAM = fileURLToPath(new URL('../../../packages/hrm-cli/bin/hrm.js', import.meta.url));

/** For its clean end, milliseconds: a little more than it gives itself. */
const END_MS = 40_000;

/**
 * @typedef {object} Served
 * @property {number} port
 * @property {readonly string[]} keys
 * @property {() => number} rssMiB of all its processes now
 */

/**
 * Runs an action with a service, and ends that whatever happens.
 * @template Result
 * @param {{ directory: string, redisUrl?: string, workers: number, keys: number }} options `keys`: how many there are, each for everything
 * @param {(served: Served) => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withHrmServe({ directory, redisUrl, workers, keys }, action) {
  const keysFile = path.join(directory, 'keys.json');
  const tokens = [];
  for (let i = 0; i < keys; i += 1) {
    const input = {
      name: `bench ${i}`,
      scopes: /** @type {const} */ (['ingest', 'query']),
      userIds: null,
      expiresMs: null,
    };
    tokens.push((await createKey(keysFile, input)).token);
  }
  const args = [PROGRAM, 'serve', ...(workers > 1 ? ['--workers', String(workers)] : [])];
  const child = spawn(process.execPath, args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH,
      HRM_PORT: '0',
      HRM_DATA_DIR: path.join(directory, 'data'),
      HRM_QUEUE_DIR: path.join(directory, 'queue'),
      HRM_KEYS_FILE: keysFile,
      HRM_RATE_LIMIT: '0',
      HRM_LOG_LEVEL: 'error',
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const port = await readPort(child.stdout);
    return await action({ port, keys: tokens, rssMiB: () => rssMiB(Number(child.pid)) });
  } finally {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await exited;
    clearTimeout(timer);
  }
}

/**
 * @param {NodeJS.ReadableStream} stdout
 * @returns {Promise<number>}
 */
async function readPort(stdout) {
  for await (const text of stdout) {
    const [, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(String(text)) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error('hrm serve ended before it listened');
}

/**
 * Of a process and its children, where the system tells it (Linux); else not a number.
 * @param {number} pid
 */
function rssMiB(pid) {
  try {
    const pids = [
      pid,
      ...readdirSync('/proc')
        .map(Number)
        .filter((child) => child > 0 && parentOf(child) === pid),
    ];
    return pids.reduce((sum, each) => sum + rssKiB(each), 0) / 1_024;
  } catch {
    return Number.NaN;
  }
}

/** @param {number} pid */
function parentOf(pid) {
  return Number(statusOf(pid, 'PPid'));
}

/** @param {number} pid */
function rssKiB(pid) {
  return Number(statusOf(pid, 'VmRSS') ?? 0);
}

/**
 * @param {number} pid
 * @param {string} field
 */
function statusOf(pid, field) {
  try {
    return new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
