/**
 * A load generator on bare sockets: prepared requests over keep-alive connections, one in flight on each. An HTTP client
 * would cost more than the servers under test, and then be what is measured.
 */
import { connect } from 'node:net';

/**
 * @typedef {object} LoadResult
 * @property {number} perSecond answered requests
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} cpuMsPerRequest of the server
 */

/**
 * A POST as bytes.
 * @param {{ port: number, path: string, type: string, encoding?: string }} target
 * @param {Uint8Array} body
 */
export function makePost({ port, path, type, encoding }, body) {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    ...(encoding === undefined ? [] : [`Content-Encoding: ${encoding}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

/**
 * Sends requests for a while, round robin.
 * @param {import('./servers.js').Server} server
 * @param {{ requests: readonly Buffer[], connections: number, durationMs: number }} load
 * @returns {Promise<LoadResult>}
 * @throws when an answer is anything but a 202 with a Content-Length, or a 204
 */
export async function runLoad({ port, cpuMs }, { requests, connections, durationMs }) {
  /** @type {number[]} */
  const latencies = [];
  const cpuBeforeMs = await cpuMs();
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  let next = 0;
  const takeRequest = () => {
    const now = performance.now();
    if (now >= endMs) return null;
    next += 1;
    return requests[next % requests.length] ?? null;
  };
  await Promise.all(
    Array.from({ length: connections }, () => runConnection(port, takeRequest, (ms) => latencies.push(ms))),
  );
  const elapsedMs = performance.now() - startMs;
  const cpuMsPerRequest = ((await cpuMs()) - cpuBeforeMs) / latencies.length;
  const sorted = Float64Array.from(latencies).sort();
  const at = (/** @type {number} */ share) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { perSecond: (sorted.length / elapsedMs) * 1_000, p50Ms: at(0.5), p99Ms: at(0.99), cpuMsPerRequest };
}

/**
 * @param {number} port
 * @param {() => Buffer | null} takeRequest
 * @param {(ms: number) => void} onAnswer
 * @returns {Promise<void>}
 */
function runConnection(port, takeRequest, onAnswer) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let sentMs = 0;
    function send() {
      const request = takeRequest();
      if (request === null) {
        socket.destroy();
        resolve();
        return;
      }
      sentMs = performance.now();
      socket.write(request);
    }
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')));
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('end', () => reject(new Error('the server closed a keep-alive connection')));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!isComplete(received)) return;
      if (!/^HTTP\/1\.1 20[24] /.test(received)) {
        socket.destroy(new Error(`answered ${received.slice(0, 500)}`));
        return;
      }
      received = '';
      onAnswer(performance.now() - sentMs);
      send();
    });
  });
}

/** @param {string} text what was received of one answer */
function isComplete(text) {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  if (text.startsWith('HTTP/1.1 204 ')) return true;
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text.slice(0, headEnd)}`);
  return text.length >= headEnd + 4 + Number(length);
}
