import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_OVERFULL_CONNECTIONS, MAX_PIPELINED_REQUESTS } from '../../limits.js';
import { cutConnection } from './cut.js';

/** Answers a request. */
export type RequestHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** What waits on one connection. */
interface Waiting {
  readonly begin: (() => void)[];
  /** There was one too many: the last that waits is refused, and nothing behind it counts. */
  isOverfull: boolean;
}

/**
 * Handles the requests of a connection one after the other. Their answers leave in that order anyway, and Node alone would
 * begin all that came at once: a thousand requests in 64 KiB, whose answers wait in memory for a client that reads none.
 *
 * Of a connection with more than {@link MAX_PIPELINED_REQUESTS} waiting those are answered, and the next is refused, the last on its
 * connection. Nothing more of it is read before.
 * @param refuse - answers, and closes the connection.
 */
export function oneByOne(handle: RequestHandler, refuse: RequestHandler): RequestHandler {
  const connections = new WeakMap<Socket, Waiting>();
  let overfull = 0;

  function begin(incoming: IncomingMessage, outgoing: ServerResponse, how = handle): void {
    outgoing.once('close', () => beginNext(incoming.socket));
    how(incoming, outgoing);
  }

  function beginNext(socket: Socket): void {
    const waiting = connections.get(socket);
    const next = socket.destroyed ? undefined : waiting?.begin.shift();
    if (next !== undefined) next();
    else if (waiting?.isOverfull !== true) connections.delete(socket);
  }

  /** Node keeps what came in the same 64 KiB until the connection is closed: some megabytes, so not for everybody. */
  function endWith(waiting: Waiting, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    waiting.isOverfull = true;
    if (overfull >= MAX_OVERFULL_CONNECTIONS) {
      // One of its answers is under way.
      cutConnection(socket);
      return;
    }
    overfull += 1;
    socket.once('close', () => {
      overfull -= 1;
    });
    waiting.begin.push(() => begin(incoming, outgoing, refuse));
    // After what was read with it: the parser may not lose its connection while it works.
    process.nextTick(() => {
      socket.removeAllListeners('data');
      socket.pause();
    });
  }

  return (incoming, outgoing) => {
    const { socket } = incoming;
    const waiting = connections.get(socket);
    if (waiting === undefined) {
      connections.set(socket, { begin: [], isOverfull: false });
      begin(incoming, outgoing);
    } else if (waiting.isOverfull) return;
    else if (waiting.begin.length < MAX_PIPELINED_REQUESTS) waiting.begin.push(() => begin(incoming, outgoing));
    else endWith(waiting, incoming, outgoing);
  };
}
