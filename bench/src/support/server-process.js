/**
 * A server in a process of its own, so that it does not share an event loop with its load: `server-process.js KIND DIR [REDIS_URL]`.
 * Tells its port to the parent, then at every message its CPU time so far, and ends with it.
 */
import { createServer } from 'node:http';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { getRequestListener } from '@hono/node-server';
import { loadSettings } from 'hrm-core/settings';
import { createApp, createLog, createMetrics, serve } from 'hrm-server';

const [kind = '', directory = '', redisUrl = ''] = process.argv.slice(2);

const settings = loadSettings({
  env: {
    HRM_PORT: '0',
    HRM_DATA_DIR: path.join(directory, 'data'),
    HRM_QUEUE_DIR: path.join(directory, 'queue'),
    HRM_LOG_LEVEL: 'silent',
    ...(redisUrl === '' ? {} : { REDIS_URL: redisUrl }),
  },
});

/** @type {Record<string, () => Promise<number>>} */
const KINDS = {
  api: () => startService(['api']),
  all: () => startService(['api', 'consumer', 'compacter']),
  'app-without-queue': startAppWithoutQueue,
  bare: startBare,
};

/** @param {readonly import('hrm-server').ServicePart[]} parts */
async function startService(parts) {
  const service = await serve(settings, { parts });
  return Number(new URL(String(service.url)).port);
}

/** The same routes and validation, over a queue that forgets what it is given. */
function startAppWithoutQueue() {
  const unused = async () => {
    throw new Error('this bench only pushes');
  };
  const queue = /** @type {import('hrm-core').Queue} */ (
    /** @type {unknown} */ ({ push: async () => undefined, claim: unused })
  );
  const storage = /** @type {import('hrm-core').Storage} */ (/** @type {unknown} */ ({ snapshot: unused }));
  const app = createApp(
    {
      queue,
      storage,
      log: createLog(settings),
      health: { record: () => undefined, check: unused },
      metrics: createMetrics({ health: { look: unused } }),
    },
    settings,
  );
  return listen(createServer(getRequestListener(app.fetch)));
}

/** What any Node server costs that reads a body, parses it, looks at each field by hand, and stores nothing. */
function startBare() {
  return listen(
    createServer((request, response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const isValid = parseBare(request.headers, Buffer.concat(chunks)).every(isReading);
        const body = isValid ? '{"status":"accepted"}' : '{"status":"refused"}';
        response.writeHead(isValid ? 202 : 400, { 'Content-Type': 'application/json', 'Content-Length': body.length });
        response.end(body);
      });
    }),
  );
}

/**
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {Buffer} bytes
 * @returns {unknown[]}
 */
function parseBare(headers, bytes) {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8');
  if (headers['content-type'] === 'application/x-ndjson') {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
  const value = JSON.parse(text);
  return Array.isArray(value) ? value : [value];
}

/** @param {unknown} item */
function isReading(item) {
  if (typeof item !== 'object' || item === null) return false;
  const { user_id, device_id, timestamp, heart_rate } = /** @type {Record<string, unknown>} */ (item);
  return (
    isId(user_id) &&
    isId(device_id) &&
    typeof timestamp === 'string' &&
    Number.isFinite(Date.parse(timestamp)) &&
    Number.isInteger(heart_rate) &&
    Number(heart_rate) >= 30 &&
    Number(heart_rate) <= 220
  );
}

/** @param {unknown} id */
function isId(id) {
  return typeof id === 'string' && id.length > 0 && id.length <= 128;
}

/**
 * @param {import('node:http').Server} server
 * @returns {Promise<number>}
 */
function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(address.port);
    });
  });
}

const start = KINDS[kind];
if (start === undefined) throw new Error(`no such server: ${kind}`);
process.on('disconnect', () => process.exit());
process.on('message', () => process.send?.(process.cpuUsage()));
process.send?.(await start());
