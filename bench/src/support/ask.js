/** Questions to a server over HTTP, asked from this process over a connection that is kept, the answer read to its end. */
import { Agent, get } from 'node:http';
import { interleave, timeMs } from './figure.js';
import { withServers } from './servers.js';

/** @typedef {import('./servers.js').Server} Server */
/** @typedef {import('./figure.js').Sample} Sample */

/**
 * Minutes of one user.
 * @typedef {object} Question
 * @property {string} userId
 * @property {number} fromMs
 * @property {number} toMs
 */

/**
 * A question and the directory whose data is asked.
 * @typedef {object} Asked
 * @property {string} directory of the service, with `data` in it
 * @property {Question} question
 */

/** Answers before any that counts, so that the server has compiled what it runs. */
const WARM_UPS = 20;

/** An answer that has not come within this does not come, milliseconds. */
const MAX_ANSWER_MS = 60_000;

/**
 * The answer's bytes as they came; `accept` asks for another form than JSON.
 * @param {Server} server
 * @param {Question} question
 * @param {{ agent?: Agent | undefined, accept?: string }} [options]
 * @returns {Promise<Buffer[]>}
 */
export function ask({ port }, { userId, fromMs, toMs }, { agent, accept = 'application/json' } = {}) {
  const range = { start: new Date(fromMs).toISOString(), end: new Date(toMs).toISOString() };
  const url = `http://127.0.0.1:${port}/metrics/heart-rate?${new URLSearchParams({ user_id: userId, ...range })}`;
  return new Promise((resolve, reject) => {
    const request = get(url, { ...(agent && { agent }), headers: { accept } }, (response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(chunks);
        else reject(new Error(`GET answered ${response.statusCode}`));
      });
    });
    request.setTimeout(MAX_ANSWER_MS, () => request.destroy(new Error(`no answer within ${MAX_ANSWER_MS} ms`)));
    request.on('error', reject);
  });
}

/**
 * How long an answer takes; the CPU time is the server's.
 * @param {Server} server
 * @param {Question} question
 * @param {Agent} [agent]
 * @returns {Promise<Sample>}
 */
async function timeAnswer(server, question, agent) {
  const before = await server.cpuMs();
  const { value } = await timeMs(() => ask(server, question, { agent }));
  return { value, cpu: (await server.cpuMs()) - before };
}

/**
 * How long the first answer of a server takes that has just started.
 * @param {Asked} asked
 */
export function timeFirstAnswer({ directory, question }) {
  return withServers({ server: { kind: 'api', directory } }, ({ server }) => timeAnswer(server, question));
}

/**
 * Measures answers of servers that are warm, one server a directory, in turn with each other and with other variants.
 * @param {Record<string, Asked>} cases
 * @param {number} rounds
 * @param {Record<string, () => Promise<Sample>>} [others]
 */
export async function timeAnswers(cases, rounds, others = {}) {
  const directories = [...new Set(Object.values(cases).map(({ directory }) => directory))];
  const starts = Object.fromEntries(
    directories.map((directory) => [directory, { kind: /** @type {const} */ ('api'), directory }]),
  );
  const agent = new Agent({ keepAlive: true });
  try {
    return await withServers(starts, async (servers) => {
      /** @param {Asked} asked */
      const serverOf = ({ directory }) => /** @type {Server} */ (servers[directory]);
      for (const asked of Object.values(cases)) {
        for (let i = 0; i < WARM_UPS; i += 1) await ask(serverOf(asked), asked.question, { agent });
      }
      const variants = Object.fromEntries(
        Object.entries(cases).map(([name, asked]) => [name, () => timeAnswer(serverOf(asked), asked.question, agent)]),
      );
      return interleave({ ...variants, ...others }, rounds);
    });
  } finally {
    agent.destroy();
  }
}
