/** Starts and ends the servers under test. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./server-process.js', import.meta.url));

/** A server that starts within this or not at all, milliseconds. */
const START_MS = 20_000;

/**
 * @typedef {object} Server
 * @property {number} port
 * @property {number} pid
 * @property {() => Promise<number>} cpuMs CPU time that it has used so far
 * @property {() => Promise<void>} end
 */

/**
 * @typedef {object} Start
 * @property {'api' | 'all' | 'app-without-queue' | 'bare'} kind
 * @property {string} directory of its data and, without `redisUrl`, of its queue
 * @property {string} [redisUrl]
 */

/**
 * @param {Start} start
 * @returns {Promise<Server>}
 */
function startServer({ kind, directory, redisUrl = '' }) {
  const child = fork(PROGRAM, [kind, directory, redisUrl], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
  async function end() {
    child.kill('SIGKILL');
    await exited;
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end().then(() => reject(new Error(`${kind} did not start`))), START_MS);
    child.once('message', (port) => {
      clearTimeout(timer);
      resolve({ port: Number(port), pid: Number(child.pid), cpuMs: () => askCpuMs(child), end });
    });
    exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`${kind} ended`));
    });
  });
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>}
 */
function askCpuMs(child) {
  return new Promise((resolve) => {
    child.once('message', (usage) => {
      const { user, system } = /** @type {NodeJS.CpuUsage} */ (usage);
      resolve((user + system) / 1_000);
    });
    child.send('cpu');
  });
}

/**
 * Runs an action with servers, and ends them whatever happens.
 * @template {string} Name
 * @template Result
 * @param {Record<Name, Start>} starts
 * @param {(servers: Record<Name, Server>) => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withServers(starts, action) {
  const names = /** @type {Name[]} */ (Object.keys(starts));
  const settled = await Promise.allSettled(names.map((name) => startServer(starts[name])));
  const servers = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return await action(
      /** @type {Record<Name, Server>} */ (Object.fromEntries(names.map((name, i) => [name, servers[i]]))),
    );
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
}
