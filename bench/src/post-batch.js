/** 1,000 readings a POST, as JSON array, NDJSON and gzip: the service against parsing and looking at them by hand. */
import { gzipSync } from 'node:zlib';
import { runFigure } from './support/figure.js';
import { BATCH_CONNECTIONS, BATCH_READINGS, batchPosts, JSON_ARRAY, measurePosts } from './support/posts.js';
import { withServers } from './support/servers.js';

/** @type {Record<string, import('./support/posts.js').Form>} */
const FORMS = {
  'JSON array': JSON_ARRAY,
  NDJSON: {
    type: 'application/x-ndjson',
    encode: (readings) => Buffer.from(readings.map((reading) => `${JSON.stringify(reading)}\n`).join('')),
  },
  'JSON array, gzip': {
    type: 'application/json',
    encoding: 'gzip',
    encode: (readings) => gzipSync(JSON_ARRAY.encode(readings)),
  },
};

await runFigure('post-batch', async (bench) => {
  /** @type {Record<'service' | 'app' | 'bare', import('./support/servers.js').Start>} */
  const starts = {
    service: { kind: 'api', directory: await bench.directory('api') },
    app: { kind: 'app-without-queue', directory: await bench.directory('app') },
    bare: { kind: 'bare', directory: await bench.directory('bare') },
  };
  await withServers(starts, async ({ service, app, bare }) => {
    for (const [name, form] of Object.entries(FORMS)) {
      const ofService = `${name}: hrm-server, API only`;
      const ofApp = `${name}: app, queue resolves at once`;
      const ofBare = `${name}: node:http by hand`;
      const { samples } = await measurePosts({
        servers: { [ofService]: service, [ofApp]: app, [ofBare]: bare },
        requests: (port) => batchPosts(port, form),
        connections: BATCH_CONNECTIONS,
        readings: BATCH_READINGS,
        durationMs: bench.quick ? 400 : 600,
        rounds: bench.quick ? 3 : 5,
      });
      bench.compare(samples, ofService, ofBare, 'readings/s');
      bench.compare(samples, ofApp, ofBare, 'readings/s');
    }
  });
});
