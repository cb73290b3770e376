/**
 * `Expect: 100-continue`: a client that would send a body asks first. It is told to go on when its body is about to be read,
 * and not before everything that can be refused by the head alone has been.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Requests that were not told yet, and whether their connection was to be kept. */
const asking = new WeakMap<IncomingMessage, boolean>();

/** Lets the server's requests ask. Node alone would tell all of them to go on at once. */
export function holdContinue(server: Server): void {
  server.on('checkContinue', (incoming, outgoing) => {
    asking.set(incoming, outgoing.shouldKeepAlive);
    // A client that is refused may send its body or not: what comes behind must not be read as another request.
    outgoing.shouldKeepAlive = false;
    server.emit('request', incoming, outgoing);
  });
}

/** Tells whoever asked that the body is wanted. */
export function sendContinue(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const shouldKeepAlive = asking.get(incoming);
  if (shouldKeepAlive === undefined) return;
  asking.delete(incoming);
  outgoing.shouldKeepAlive = shouldKeepAlive;
  outgoing.writeContinue();
}
