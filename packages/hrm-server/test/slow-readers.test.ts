import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cutConnection } from '../src/http/connections/cut.js';
import { cutSlowReaders } from '../src/http/connections/slow-readers.js';

const ANSWER_BYTES = 64 * 1024 * 1024;

/** What a client gets of an answer before its connection ends; it takes 64 KiB, and then rests. */
async function take(answer: RequestListener, restMs: number): Promise<number> {
  const server = createServer(answer);
  // As in `listen`: this alone is content with any byte that is taken.
  server.timeout = 500;
  server.on('timeout', cutConnection);
  cutSlowReaders(server, { stalledMs: 500, checkEveryMs: 50 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (restMs === 0) return;
    socket.pause();
    setTimeout(() => socket.resume(), restMs);
  });
  // A reset is an error, too.
  await once(socket, 'close').catch(() => undefined);
  return bytes;
}

test('whoever takes a little now and then, and never all of a write, is cut', async () => {
  const resets = vi.spyOn(Socket.prototype, 'resetAndDestroy');
  onTestFinished(() => resets.mockRestore());
  const bytes = await take((_, response) => response.end(Buffer.alloc(ANSWER_BYTES)), 5);
  // Over HTTP/1.0 an end in order would be that of the answer.
  expect(resets).toHaveBeenCalledOnce();
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(ANSWER_BYTES / 2);
});

test('whoever takes what is written gets all of it, and so does one who waits long for more', async () => {
  const pieces = Array.from({ length: ANSWER_BYTES / 262_144 }, () => Buffer.alloc(262_144));
  expect(await take((_, response) => Readable.from(pieces).pipe(response), 0)).toBeGreaterThan(ANSWER_BYTES);
  async function* late(): AsyncGenerator<Buffer> {
    for (let i = 0; i < 5; i += 1) {
      yield Buffer.alloc(1_000);
      // Node's time-out is for the silent; this one is never silent for so long.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  expect(await take((_, response) => Readable.from(late()).pipe(response), 0)).toBeGreaterThan(5_000);
});
