/** 1,000 readings a POST, as JSON array, NDJSON and gzip: the service against parsing and looking at them by hand. */
import { gzipSync } from 'node:zlib';
import { interleave, runFigure } from './support/figure.js';
import { makePost, runLoad } from './support/load.js';
import { makeReadings, toWire } from './support/readings.js';
import { startServer, withServers } from './support/servers.js';

const READINGS = 1_000;
const CONNECTIONS = 8;
const BODIES = 20;
const PATH = '/metrics/heart-rate/batch';

/** @typedef {{ type: string, encoding?: string, encode: (readings: readonly object[]) => Uint8Array }} Form */

/** @param {readonly object[]} readings */
function toArray(readings) {
  return Buffer.from(JSON.stringify(readings));
}

/** @type {Record<string, Form>} */
const FORMS = {
  'JSON array': { type: 'application/json', encode: toArray },
  NDJSON: {
    type: 'application/x-ndjson',
    encode: (readings) => Buffer.from(readings.map((reading) => `${JSON.stringify(reading)}\n`).join('')),
  },
  'JSON array, gzip': {
    type: 'application/json',
    encoding: 'gzip',
    encode: (readings) => gzipSync(toArray(readings)),
  },
};

/**
 * @param {number} port
 * @param {Form} form
 */
function makeRequests(port, { type, encoding, encode }) {
  return Array.from({ length: BODIES }, (_, i) => {
    const readings = makeReadings({
      userId: `user-${1_000_000 + i}`,
      deviceId: 'garmin-forerunner-255',
      count: READINGS,
    });
    const target = { port, path: PATH, type, ...(encoding === undefined ? {} : { encoding }) };
    return makePost(target, encode(readings.map(toWire)));
  });
}

await runFigure('post-batch', async (bench) => {
  const kinds = /** @type {const} */ ({ service: 'api', app: 'app-without-queue', bare: 'bare' });
  const names = { service: 'hrm-server, API only', app: 'app, queue resolves at once', bare: 'node:http by hand' };
  const starting = Object.values(kinds).map(async (kind) => startServer(kind, await bench.directory(kind)));
  await withServers(starting, async (servers) => {
    for (const [formName, form] of Object.entries(FORMS)) {
      const label = (/** @type {keyof typeof names} */ key) => `${formName}: ${names[key]}`;
      /** @type {Record<string, () => Promise<import('./support/figure.js').Sample>>} */
      const variants = {};
      for (const [i, key] of /** @type {(keyof typeof names)[]} */ (Object.keys(kinds)).entries()) {
        const server = servers[i];
        if (server === undefined) throw new Error(`no server for ${key}`);
        const requests = makeRequests(server.port, form);
        variants[label(key)] = async () => {
          const durationMs = bench.quick ? 400 : 600;
          const result = await runLoad(server, { requests, connections: CONNECTIONS, durationMs });
          return { value: result.perSecond * READINGS, cpu: result.cpuMsPerRequest };
        };
      }
      const samples = await interleave(variants, bench.quick ? 3 : 5);
      bench.compare(samples, label('service'), label('bare'), 'readings/s');
      bench.compare(samples, label('app'), label('bare'), 'readings/s');
    }
  });
});
