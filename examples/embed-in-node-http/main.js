// The SDK inside a plain node:http service of your own: it takes readings, stores them, and answers by the minute, in one
// process and without the Hono server. Here it also calls itself once, prints the answer and ends.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enqueueUntrusted, isHrmError, query, runCompacter, runConsumer } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const MAX_BODY_BYTES = 1024 * 1024;
const directory = await mkdtemp(join(tmpdir(), 'hrm-embed-'));
const queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
const storage = await openDirectoryStorage({ directory: join(directory, 'data') });

// Loops store what is queued, and merge files. The signal ends them, each after the step in hand.
const stop = new AbortController();
const loops = [
  runConsumer({ queue, storage }, { batchMaxAgeMs: 100 }, { signal: stop.signal }),
  runCompacter({ storage }, { compactEveryMs: 60_000 }, { signal: stop.signal }),
];

const server = createServer(async (request, response) => {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'POST' && url.pathname === '/beats') send(response, 202, await takeReadings(request));
    else if (request.method === 'GET' && url.pathname === '/minutes')
      send(response, 200, await answer(url.searchParams));
    else send(response, 404, { error: 'there is nothing here' });
  } catch (error) {
    // The kind says whose fault it is; a message about input never repeats a heart rate.
    const isInvalid = error instanceof SyntaxError || (isHrmError(error) && error.kind === 'invalid');
    if (isInvalid) send(response, 400, { error: isHrmError(error) ? error.faults : 'the body is not JSON' });
    else send(response, isHrmError(error) && error.kind === 'unavailable' ? 503 : 500, { error: 'try again later' });
  }
});

async function takeReadings(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new SyntaxError('too large');
    chunks.push(chunk);
  }
  return await enqueueUntrusted({ queue }, JSON.parse(Buffer.concat(chunks).toString()), { wireOnly: true });
}

async function answer(parameters) {
  const { user: userId, start, end } = Object.fromEntries(parameters);
  return await query({ storage }, { userId, start, end });
}

function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');

// What follows is its first client.
const base = `http://127.0.0.1:${server.address().port}`;
const beat = (second, heart_rate) => {
  return { user_id: 'ana', device_id: 'watch', timestamp: `2024-01-15T10:00:0${second}Z`, heart_rate };
};
const post = (body) => fetch(`${base}/beats`, { method: 'POST', body: JSON.stringify(body) });
console.log((await post([beat(0, 72), beat(1, 75)])).status, (await post(beat(2, 7))).status);
let minutes = [];
while (minutes.length === 0) {
  const range = 'user=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
  minutes = await (await fetch(`${base}/minutes?${range}`)).json();
}
console.log(JSON.stringify(minutes));

server.close();
stop.abort();
await Promise.all(loops);
await queue.close();
await storage.close();
await rm(directory, { recursive: true });
