import { createRotation } from 'hrm-core';
import { MAX_BEGIN_MS } from '../../limits.js';
import { addressOf } from '../../routes/handler.js';
import type { RequestHandler } from './one-by-one.js';

/**
 * Begins requests for some milliseconds a turn of the event loop; the others of that turn wait for the next ones, and addresses take
 * turns. Node alone begins all that have come: 250 live streams opened at once were one piece of work of 150 ms.
 * @param nowMs - milliseconds from any point on.
 */
export function staggerRequests(handle: RequestHandler, nowMs = () => performance.now()): RequestHandler {
  const line = createRotation<() => void>();
  let beganMs = Number.NEGATIVE_INFINITY;
  let isMoving = false;

  function isTimeLeft(): boolean {
    return nowMs() - beganMs < MAX_BEGIN_MS;
  }

  function moveOn(): void {
    beganMs = nowMs();
    beginOne();
  }

  function beginOne(): void {
    const begin = line.next();
    if (begin === undefined) {
      isMoving = false;
      return;
    }
    begin();
    // What it does at once is done in microtasks; what comes behind all of those sees how long it took.
    queueMicrotask(() => process.nextTick(goOn));
  }

  function goOn(): void {
    if (isTimeLeft()) beginOne();
    else setImmediate(moveOn);
  }

  return (incoming, outgoing) => {
    if (!isMoving) {
      // The first of a turn.
      isMoving = true;
      beganMs = nowMs();
      setImmediate(moveOn);
    }
    if (line.owners === 0 && isTimeLeft()) {
      handle(incoming, outgoing);
      return;
    }
    line.add(addressOf(incoming.socket), () => {
      // Whoever went away meanwhile is not answered.
      if (!incoming.socket.destroyed) handle(incoming, outgoing);
    });
  };
}
