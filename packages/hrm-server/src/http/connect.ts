/**
 * CONNECT, which asks a proxy for a tunnel. This server is none, and says so; Node alone would close the connection without a word.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { invalidError } from '../api/problem.js';
import { endWith } from './connections/client-error.js';
import { cutConnection } from './connections/cut.js';

/** How long a connection stays that was refused a tunnel, for its client to read the answer and to close, ms. */
const MAX_CLOSE_MS = 1_000;

/** Refuses tunnels. */
export function refuseConnect(server: Server): void {
  /** Requests of a connection that are not answered yet. */
  const unanswered = new WeakMap<Socket, number>();

  function count(socket: Socket, change: 1 | -1): void {
    unanswered.set(socket, (unanswered.get(socket) ?? 0) + change);
  }

  server.on('request', (incoming, outgoing) => {
    const { socket } = incoming;
    count(socket, 1);
    outgoing.once('close', () => count(socket, -1));
  });
  server.on('connect', ({ socket }) => {
    // Node listens no more.
    socket.on('error', () => socket.destroy());
    // An answer that is under way must not have another one in it.
    if ((unanswered.get(socket) ?? 0) > 0) {
      cutConnection(socket);
      return;
    }
    socket.on('end', () => socket.destroy()).resume();
    setTimeout(() => socket.destroy(), MAX_CLOSE_MS).unref();
    const error = invalidError('method_not_allowed', 'CONNECT is for proxies, and this is none', []);
    endWith(socket, error, { Allow: 'GET, HEAD, POST' });
  });
}
