import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_PIPELINED_REQUESTS } from '../limits.js';

type RequestHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Handles the requests of a connection one after the other. Their answers leave in that order anyway, and Node alone would
 * begin all that came at once: a thousand requests in 64 KiB, whose answers wait in memory for a client that reads none.
 * A connection with more than {@link MAX_PIPELINED_REQUESTS} waiting is cut.
 */
export function oneByOne(handle: RequestHandler): RequestHandler {
  const connections = new WeakMap<Socket, (() => void)[]>();

  function begin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.once('close', () => beginNext(incoming.socket));
    handle(incoming, outgoing);
  }

  function beginNext(socket: Socket): void {
    const next = socket.destroyed ? undefined : connections.get(socket)?.shift();
    if (next === undefined) connections.delete(socket);
    else next();
  }

  return (incoming, outgoing) => {
    const { socket } = incoming;
    const waiting = connections.get(socket);
    if (waiting === undefined) {
      connections.set(socket, []);
      begin(incoming, outgoing);
    } else if (waiting.length < MAX_PIPELINED_REQUESTS) waiting.push(() => begin(incoming, outgoing));
    else socket.destroy();
  };
}
