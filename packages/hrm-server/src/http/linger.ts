/**
 * A refusal may be answered while its body is still being sent. A connection that is closed then is a reset for whoever sends, and
 * often takes the answer with it. So what still comes is read, and passed over, for a bounded while.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_LINGER_BYTES, MAX_LINGER_MS } from '../limits.js';

/** Between two looks at what has come, ms. */
const LOOK_EVERY_MS = 50;

/** Sees to what is left of a request's body when its answer is sent. */
export function linger(incoming: IncomingMessage, outgoing: ServerResponse): void {
  // Before Node sees that the answer is sent, and closes a connection that is not to be kept.
  outgoing.once('prefinish', () => {
    if (incoming.readableEnded || incoming.destroyed) return;
    if (!incoming.complete) boundRest(incoming);
    incoming.resume();
  });
}

function boundRest(incoming: IncomingMessage): void {
  const { socket } = incoming;
  const closeSoon = socket.destroySoon;
  const untilMs = performance.now() + MAX_LINGER_MS;
  const maxBytesRead = socket.bytesRead + MAX_LINGER_BYTES;
  let isLast = false;
  // Whoever sends sees the answer and its end, and is heard to the end of what was to be sent.
  socket.destroySoon = () => {
    isLast = true;
    socket.end();
  };
  function end(): void {
    clearInterval(timer);
    socket.destroySoon = closeSoon;
    if (isLast) socket.destroy();
  }
  const timer = setInterval(() => {
    if (performance.now() < untilMs && socket.bytesRead < maxBytesRead) return;
    isLast = true;
    end();
  }, LOOK_EVERY_MS).unref();
  incoming.once('close', end);
}
