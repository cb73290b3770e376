/**
 * A refusal may be answered while its body is still being sent. A connection that is closed then is a reset for whoever sends, and
 * often takes the answer with it. So what still comes is read, and skipped, for a bounded while.
 *
 * Nobody wants it, so it is bounded for all connections together, too: in how fast it is read, and in how many are read on.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createReadScheduler } from 'hrm-core/shares';
import {
  type ConnectionLimits,
  MAX_LINGER_BYTES,
  MAX_LINGER_BYTES_PER_SECOND,
  MAX_LINGERING,
  MAX_TURN_LINGER_BYTES,
} from '../../limits.js';
import { addressOf } from '../../routes/handler.js';

/** Sees to what still comes when an answer is sent. */
export interface Linger {
  /** What is left of a request's body. */
  ofBody(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Whatever comes behind a request, the last of its connection. */
  ofConnection(incoming: IncomingMessage, outgoing: ServerResponse): void;
}

/** For all connections of a server. */
export function createLinger({ lingerMs }: Pick<ConnectionLimits, 'lingerMs'>): Linger {
  const scheduleRead = createReadScheduler({
    turnBytes: MAX_TURN_LINGER_BYTES,
    bytesPerSecond: MAX_LINGER_BYTES_PER_SECOND,
  });
  /** What cuts each connection that is read on, the oldest first. */
  const lingering = new Set<() => void>();

  function readOn(source: IncomingMessage | Socket, socket: Socket): void {
    const closeSoon = socket.destroySoon;
    const maxBytesRead = socket.bytesRead + MAX_LINGER_BYTES;
    let isLast = false;
    // Whoever sends sees the answer and its end, and is heard to the end of what was to be sent.
    socket.destroySoon = () => {
      isLast = true;
      socket.end();
    };
    function end(): void {
      lingering.delete(cut);
      clearTimeout(timer);
      stop();
      socket.destroySoon = closeSoon;
      if (isLast) socket.destroy();
    }
    function cut(): void {
      isLast = true;
      end();
    }
    const timer = setTimeout(cut, lingerMs).unref();
    const stop = scheduleRead(source, addressOf(socket), () => {
      if (socket.bytesRead >= maxBytesRead) cut();
    });
    source.once('close', end);
    // Else Node reads all of a body by itself: for it nobody has begun.
    source.read(0);
    lingering.add(cut);
    if (lingering.size > MAX_LINGERING) lingering.values().next().value?.();
  }

  // Before Node sees that the answer is sent, and closes a connection that is not to be kept.
  return {
    ofBody(incoming, outgoing) {
      outgoing.once('prefinish', () => {
        if (incoming.readableEnded || incoming.destroyed) return;
        if (incoming.complete) incoming.resume();
        else readOn(incoming, incoming.socket);
      });
    },
    ofConnection({ socket }, outgoing) {
      outgoing.once('prefinish', () => readOn(socket, socket));
    },
  };
}
