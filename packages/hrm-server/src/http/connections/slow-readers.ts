import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionLimits } from '../../limits.js';
import { cutConnection } from './cut.js';

/** What a client had taken when it last took something. */
interface Progress {
  takenBytes: number;
  atMs: number;
}

/**
 * Cuts connections whose client leaves what was written to it untaken for `stalledMs`. Node's own time-out begins anew with
 * every byte, so that a few bytes a minute would hold an answer and its files open for hours.
 */
export function cutSlowReaders(
  server: Server,
  { stalledMs, checkEveryMs }: Pick<ConnectionLimits, 'stalledMs' | 'checkEveryMs'>,
): void {
  const connections = new Map<Socket, Progress>();

  function look(): void {
    const nowMs = performance.now();
    for (const [socket, progress] of connections) {
      // What waits counts until all of a write is taken: pieces of an answer, each a write.
      const takenBytes = socket.bytesWritten - socket.writableLength;
      const isWaiting = socket.writableLength > 0 && takenBytes === progress.takenBytes;
      if (!isWaiting) connections.set(socket, { takenBytes, atMs: nowMs });
      else if (nowMs - progress.atMs >= stalledMs) cutConnection(socket);
    }
  }

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { takenBytes: 0, atMs: performance.now() });
    socket.on('close', () => connections.delete(socket));
  });
  const timer = setInterval(look, checkEveryMs).unref();
  server.on('close', () => clearInterval(timer));
}
