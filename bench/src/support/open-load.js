/**
 * Load that does not wait for answers: so many requests a second, as clients send that know nothing of each other. A closed
 * loop would slow down with the server, and so never show what too much does to it.
 */
import { Agent, request as httpRequest } from 'node:http';

/** An answer that has not come within this does not come, milliseconds. */
const MAX_ANSWER_MS = 60_000;

/**
 * @typedef {object} Sending
 * @property {number} port
 * @property {string} key
 * @property {string} path
 * @property {Uint8Array} [body] a POST of JSON; else it is a GET
 */

/** @typedef {{ status: number, ms: number }} Answered status 0: none came, or it was cut */

/** @param {number} connections at most */
export function keepAliveAgent(connections) {
  return new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
}

/**
 * Sends one request, and takes its answer to the end.
 * @param {Agent} agent
 * @param {Sending} sending
 * @returns {Promise<Answered>}
 */
export function send(agent, { port, key, path, body }) {
  const startMs = performance.now();
  return new Promise((resolve) => {
    /** @param {number} status */
    const end = (status) => resolve({ status, ms: performance.now() - startMs });
    const headers = {
      Authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const sent = httpRequest({ agent, host: '127.0.0.1', port, path, method, headers }, (response) => {
      response.resume();
      response.on('end', () => end(response.complete ? Number(response.statusCode) : 0));
      response.on('error', () => end(0));
    });
    sent.setTimeout(MAX_ANSWER_MS, () => sent.destroy());
    sent.on('error', () => end(0));
    sent.end(body);
  });
}

/**
 * Sends for a while: each `connections` send their next when the last is answered, or, with `perSecond`, when its time has come. What
 * finds no connection free is not sent, as it would not be by clients who have all of theirs waiting.
 * @param {(i: number) => Sending} sendingOf
 * @param {{ connections: number, durationMs: number, perSecond?: number }} load
 * @returns {Promise<Answered[]>}
 */
export async function sendFor(sendingOf, { connections, durationMs, perSecond = Number.POSITIVE_INFINITY }) {
  const agent = keepAliveAgent(connections);
  /** @type {Answered[]} */
  const answers = [];
  const startMs = performance.now();
  let sent = 0;
  let underWay = 0;
  await new Promise((resolve) => {
    function tick() {
      const passedMs = performance.now() - startMs;
      if (passedMs >= durationMs) {
        if (underWay === 0) resolve(undefined);
        else setTimeout(tick, TICK_MS);
        return;
      }
      const due = (passedMs / 1_000) * perSecond;
      while (underWay < connections && sent < due) begin();
      // What could not be sent in time is not caught up with.
      if (Number.isFinite(due)) sent = Math.max(sent, Math.floor(due) - 1);
      setTimeout(tick, TICK_MS);
    }
    function begin() {
      underWay += 1;
      sent += 1;
      void send(agent, sendingOf(sent)).then((answer) => {
        underWay -= 1;
        answers.push(answer);
        const isOver = performance.now() - startMs >= durationMs;
        if (!Number.isFinite(perSecond) && !isOver) begin();
      });
    }
    tick();
  });
  agent.destroy();
  return answers;
}

/** Between two looks whether something is due, milliseconds. */
const TICK_MS = 5;

/**
 * @param {readonly Answered[]} answers
 * @param {number} share 0 to 1
 */
export function quantileMs(answers, share) {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
