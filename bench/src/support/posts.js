/** POSTs as clients send them, and figures of servers that take them in turn. */
import { interleave, median } from './figure.js';
import { makePost, runLoad } from './load.js';
import { makeReadings, toWire } from './readings.js';

/** @typedef {import('./figure.js').Sample} Sample */
/** @typedef {import('./servers.js').Server} Server */

/** Connections that send one reading a POST. */
export const SINGLE_CONNECTIONS = 64;

/** Of a batch. */
export const BATCH_READINGS = 1_000;

/** Connections that send batches. */
export const BATCH_CONNECTIONS = 8;

const BATCH_BODIES = 20;
const DEVICE = 'garmin-forerunner-255';

/** @typedef {{ type: string, encoding?: string, encode: (readings: readonly object[]) => Uint8Array }} Form */

/**
 * A batch as JSON array.
 * @type {Form}
 */
export const JSON_ARRAY = { type: 'application/json', encode: (readings) => Buffer.from(JSON.stringify(readings)) };

/**
 * POSTs of one reading.
 * @param {number} port
 */
export function singlePosts(port) {
  const users = Array.from({ length: SINGLE_CONNECTIONS }, (_, i) => `user-${1_000_000 + i}`);
  const readings = users.flatMap((userId) => makeReadings({ userId, deviceId: DEVICE, count: 100 }));
  const target = { port, path: '/metrics/heart-rate', type: 'application/json' };
  return readings.map((reading) => makePost(target, Buffer.from(JSON.stringify(toWire(reading)))));
}

/**
 * POSTs of 1,000 readings.
 * @param {number} port
 * @param {Form} form
 */
export function batchPosts(port, { type, encoding, encode }) {
  return Array.from({ length: BATCH_BODIES }, (_, i) => {
    const readings = makeReadings({ userId: `user-${1_000_000 + i}`, deviceId: DEVICE, count: BATCH_READINGS });
    const target = { port, path: '/metrics/heart-rate/batch', type, ...(encoding === undefined ? {} : { encoding }) };
    return makePost(target, encode(readings.map(toWire)));
  });
}

/**
 * @typedef {object} Posts
 * @property {Record<string, Server>} servers by the name of their variant
 * @property {(port: number) => readonly Buffer[]} requests
 * @property {number} connections
 * @property {number} [readings] of one request: what the rate counts; default 1
 * @property {number} durationMs of one round
 * @property {number} rounds
 * @property {() => Promise<unknown>} [after] each round of each variant: clears away what was stored
 */

/**
 * Sends POSTs to servers in turn. `note` tells how long the answers of a variant and of its limit took.
 * @param {Posts} posts
 */
export async function measurePosts({ servers, requests, connections, readings = 1, durationMs, rounds, after }) {
  /** @type {Record<string, { p50: number[], p99: number[] }>} */
  const latencies = {};
  /** @type {Record<string, () => Promise<Sample>>} */
  const variants = {};
  for (const [name, server] of Object.entries(servers)) {
    const load = { requests: requests(server.port), connections, durationMs };
    const seen = { p50: /** @type {number[]} */ ([]), p99: /** @type {number[]} */ ([]) };
    latencies[name] = seen;
    variants[name] = async () => {
      const result = await runLoad(server, load);
      await after?.();
      seen.p50.push(result.p50Ms);
      seen.p99.push(result.p99Ms);
      return { value: result.perSecond * readings, cpu: result.cpuMsPerRequest };
    };
  }
  const samples = await interleave(variants, rounds);
  const describe = (/** @type {string} */ name) => {
    const { p50 = [], p99 = [] } = latencies[name] ?? {};
    // The first is the warm-up's.
    return `p50 ${median(p50.slice(1)).toFixed(1)} ms, p99 ${median(p99.slice(1)).toFixed(1)} ms`;
  };
  const note = (/** @type {string} */ name, /** @type {string} */ limit) =>
    `${describe(name)}; limit ${describe(limit)}`;
  return { samples, note };
}
