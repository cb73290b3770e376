/** Starts and ends the servers under test. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./server-process.js', import.meta.url));

/** A server that starts within this or not at all, milliseconds. */
const START_MS = 20_000;

/**
 * @typedef {object} Server
 * @property {number} port
 * @property {() => Promise<number>} cpuMs CPU time that it has used so far
 * @property {() => Promise<void>} end
 */

/**
 * @param {'api' | 'all' | 'app-without-queue' | 'bare'} kind
 * @param {string} directory
 * @returns {Promise<Server>}
 */
export function startServer(kind, directory) {
  const child = fork(PROGRAM, [kind, directory], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
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
      resolve({ port: Number(port), cpuMs: () => askCpuMs(child), end });
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
 * @template Result
 * @param {readonly Promise<Server>[]} starting
 * @param {(servers: readonly Server[]) => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withServers(starting, action) {
  const settled = await Promise.allSettled(starting);
  const servers = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return await action(servers);
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
}
