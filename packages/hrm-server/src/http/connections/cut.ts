/**
 * Cutting an answer, so that nobody takes what came for all of it. An answer of HTTP/1.1 ends with its last chunk, but one over
 * HTTP/1.0, as nginx asks by default, ends with its connection. An orderly end would be the end of the answer; a reset is none.
 */
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Ends a connection whose answer is not whole. */
export function cutAnswer(outgoing: ServerResponse): void {
  const { socket } = outgoing;
  // Over TLS, or HTTP/2, an end that was not announced is an error already.
  if (socket instanceof Socket && !('encrypted' in socket)) cutConnection(socket);
  else outgoing.destroy();
}

/** The same for a connection over TCP. */
export function cutConnection(socket: Socket): void {
  socket.resetAndDestroy();
}
