/** One reading a POST, 64 keep-alive connections: the service against the bare limits of the same request. */
import { interleave, median, runFigure } from './support/figure.js';
import { makePost, runLoad } from './support/load.js';
import { makeReadings, toWire } from './support/readings.js';
import { startServer, withServers } from './support/servers.js';

const CONNECTIONS = 64;
const PATH = '/metrics/heart-rate';

/** @param {number} port */
function makeRequests(port) {
  const users = Array.from({ length: CONNECTIONS }, (_, i) => `user-${1_000_000 + i}`);
  const readings = users.flatMap((userId) => makeReadings({ userId, deviceId: 'garmin-forerunner-255', count: 100 }));
  return readings.map((reading) =>
    makePost({ port, path: PATH, type: 'application/json' }, Buffer.from(JSON.stringify(toWire(reading)))),
  );
}

await runFigure('post-single', async (bench) => {
  const service = 'hrm-server, API only';
  const whole = 'hrm-server, API + consumer + compacter';
  const app = 'the same app, queue resolves at once';
  const bare = 'node:http, JSON.parse, by hand, not enqueued';
  const kinds = /** @type {const} */ ({ [service]: 'api', [whole]: 'all', [app]: 'app-without-queue', [bare]: 'bare' });
  const starting = Object.values(kinds).map(async (kind) => startServer(kind, await bench.directory(kind)));
  await withServers(starting, async (servers) => {
    /** @type {Record<string, { p50: number[], p99: number[] }>} */
    const latencies = {};
    /** @type {Record<string, () => Promise<import('./support/figure.js').Sample>>} */
    const variants = {};
    for (const [i, name] of Object.keys(kinds).entries()) {
      const server = servers[i];
      if (server === undefined) throw new Error(`no server for ${name}`);
      const requests = makeRequests(server.port);
      const seen = { p50: /** @type {number[]} */ ([]), p99: /** @type {number[]} */ ([]) };
      latencies[name] = seen;
      variants[name] = async () => {
        const durationMs = bench.quick ? 500 : 1_200;
        const result = await runLoad(server, { requests, connections: CONNECTIONS, durationMs });
        seen.p50.push(result.p50Ms);
        seen.p99.push(result.p99Ms);
        return { value: result.perSecond, cpu: result.cpuMsPerRequest };
      };
    }
    const samples = await interleave(variants, bench.quick ? 3 : 5);
    const describe = (/** @type {string} */ name) => {
      const { p50 = [], p99 = [] } = latencies[name] ?? {};
      // The first is the warm-up's.
      return `p50 ${median(p50.slice(1)).toFixed(1)} ms, p99 ${median(p99.slice(1)).toFixed(1)} ms`;
    };
    const note = (/** @type {string} */ name, /** @type {string} */ limit) =>
      `${describe(name)}; limit ${describe(limit)}`;
    bench.compare(samples, service, bare, 'requests/s', note(service, bare));
    bench.compare(samples, service, app, 'requests/s', note(service, app));
    bench.compare(samples, app, bare, 'requests/s', note(app, bare));
    bench.compare(samples, whole, service, 'requests/s', note(whole, service));
  });
});
