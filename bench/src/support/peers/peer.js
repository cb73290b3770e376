/** Databases that people would take instead: each runs as its package installs it, with a directory and ports of its own. */
import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.js';

/** @typedef {import('hrm-core').Reading} Reading */

const GUARD = fileURLToPath(new URL('../guard.js', import.meta.url));

/** A server that answers within this or not at all, milliseconds. */
const START_MS = 30_000;
const RETRY_MS = 100;
const MAX_ANSWER_MS = 120_000;

/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

/**
 * A minute of an answer, as all databases here give it.
 * @typedef {object} Minute
 * @property {number} minuteMs
 * @property {number} mean
 * @property {number} min
 * @property {number} max
 * @property {number} count
 */

/** @typedef {import('../ask.js').Question} Question */

/**
 * How a database is run, written to and asked.
 * @typedef {object} Database
 * @property {string} command
 * @property {string} acknowledges what it has done when it answers a write
 * @property {(directory: string, ports: readonly [number, number]) => readonly string[]} args
 * @property {string} readyPath
 * @property {(peer: Peer) => Promise<unknown>} prepare before anything is written
 * @property {(peer: Peer) => Promise<unknown>} settle makes all that was written answered, and its files small
 * @property {string} writePath
 * @property {(question: Question) => string} questionPath
 * @property {(body: Buffer) => readonly Minute[]} minutesOf
 */

/**
 * One that runs.
 * @typedef {object} Peer
 * @property {number} port
 * @property {() => Promise<number>} cpuMs CPU time that it has used so far; not a number where the system does not tell
 * @property {(method: 'GET' | 'POST', target: string, body?: string) => Promise<Buffer>} send
 */

/**
 * Whether a program is there to be run.
 * @param {string} command
 */
export function isInstalled(command) {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => existsSync(path.join(directory, command)));
}

/**
 * Runs an action with a database, and ends that whatever happens.
 * @template Result
 * @param {Database} database
 * @param {string} directory
 * @param {(peer: Peer) => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withPeer({ command, args, readyPath, prepare }, directory, action) {
  const [port, other] = [await freePort(), await freePort()];
  const guard = fork(GUARD, [command, ...args(directory, [port, other])], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => guard.once('exit', () => resolve()));
  /** @type {Promise<number>} */
  const pid = new Promise((resolve) => guard.once('message', (value) => resolve(Number(value))));
  const agent = new Agent({ keepAlive: true });
  const peer = {
    port,
    cpuMs: async () => readCpuMs(await pid),
    send: (/** @type {string} */ method, /** @type {string} */ target, body = '') =>
      send({ agent, port, method, target, body }),
  };
  try {
    await becomesReady(peer, readyPath, command);
    await prepare(peer);
    return await action(peer);
  } finally {
    agent.destroy();
    if (guard.connected) guard.disconnect();
    await exited;
  }
}

/**
 * @param {Peer} peer
 * @param {string} readyPath
 * @param {string} command
 */
async function becomesReady(peer, readyPath, command) {
  const endMs = performance.now() + START_MS;
  for (;;) {
    try {
      await peer.send('GET', readyPath);
      return;
    } catch (error) {
      if (performance.now() > endMs)
        throw new Error(`${command} did not answer within ${START_MS} ms`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/**
 * @param {{ agent: Agent, port: number, method: string, target: string, body: string }} what
 * @returns {Promise<Buffer>}
 */
function send({ agent, port, method, target, body }) {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', method, path: target }, (response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        if ((response.statusCode ?? 0) < 300) resolve(bytes);
        else
          reject(new Error(`${method} ${target} answered ${response.statusCode}: ${bytes.toString().slice(0, 500)}`));
      });
    });
    sent.setTimeout(MAX_ANSWER_MS, () => sent.destroy(new Error(`no answer within ${MAX_ANSWER_MS} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @param {number} pid */
function readCpuMs(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces. Of the fields behind it user and system time are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return Number.NaN;
  }
}

/**
 * Readings in InfluxDB's line protocol, which both take.
 * @param {readonly Reading[]} readings
 */
export function toLines(readings) {
  return readings
    .map(
      ({ userId, deviceId, timestampMs, heartRate }) =>
        `heart_rate,user_id=${userId},device_id=${deviceId} value=${heartRate}i ${timestampMs}\n`,
    )
    .join('');
}
