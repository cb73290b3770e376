/**
 * Reading bodies. All connections stand in one line, and so much is read in a turn of the event loop: Node alone reads up to
 * 2 MiB of each connection in one turn, so 200 senders held up everybody else for 200 ms at a time. Owners take turns. What waits is
 * in Node's buffer, which takes some 80 KiB a connection, and then in the sender's.
 */
import type { Readable } from 'node:stream';
import { createRotation } from '../pure/rotation.js';

/** Bytes that a single read counts for at least, so that a thousand reads of a byte are no turn either. */
const MIN_READ_COST_BYTES = 4 * 1024;

/** Reads what comes of a body. @returns what ends the reading; what has not been read by then stays. */
export type ScheduleRead = (body: Readable, owner: string, onChunk: (chunk: Buffer) => void) => () => void;

/** Bounds of all that is read in one line. */
export interface ReadSchedulerLimits {
  readonly turnBytes: number;
  /** At most one second's worth comes at once; default: as fast as turns follow upon each other. */
  readonly bytesPerSecond?: number | undefined;
  /** Milliseconds from any point on; the machine's by default. */
  readonly nowMs?: (() => number) | undefined;
}

/** Makes a line. */
export function createReadScheduler({
  turnBytes,
  bytesPerSecond = Number.POSITIVE_INFINITY,
  nowMs = () => performance.now(),
}: ReadSchedulerLimits): ScheduleRead {
  const line = createRotation<() => number>();
  let turnLeft = turnBytes;
  let rateLeft = bytesPerSecond;
  let filledMs = nowMs();
  let isMoving = false;

  function schedule(): void {
    if (isMoving) return;
    isMoving = true;
    if (rateLeft > 0) setImmediate(moveOn);
    else setTimeout(moveOn, PAUSE_MS);
  }

  function fill(): void {
    turnLeft = turnBytes;
    // No time times any speed is no number.
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return;
    const atMs = nowMs();
    rateLeft = Math.min(bytesPerSecond, rateLeft + (bytesPerSecond * (atMs - filledMs)) / 1_000);
    filledMs = atMs;
  }

  function moveOn(): void {
    isMoving = false;
    fill();
    while (line.owners > 0 && isLeft()) pay(line.next()?.() ?? 0);
    if (line.owners > 0 || turnLeft < turnBytes) schedule();
  }

  function isLeft(): boolean {
    return turnLeft > 0 && rateLeft > 0;
  }

  /** A read costs something, however little it brings. */
  function pay(bytes: number): void {
    const cost = Math.max(bytes, MIN_READ_COST_BYTES);
    turnLeft -= cost;
    rateLeft -= cost;
  }

  return (body, owner, onChunk) => {
    let isWaiting = false;
    let isStopped = false;
    function read(): number {
      isWaiting = false;
      if (isStopped) return 0;
      const chunk = body.read() as Buffer | null;
      if (chunk === null) return 0;
      onChunk(chunk);
      if (body.readableLength > 0) lineUp();
      return chunk.length;
    }
    function lineUp(): void {
      if (isWaiting) return;
      isWaiting = true;
      line.add(owner, read);
      schedule();
    }
    function onReadable(): void {
      // Most bodies come whole, and nobody is before them.
      if (line.owners > 0 || !isLeft()) {
        lineUp();
        return;
      }
      pay(read());
      schedule();
    }
    body.on('readable', onReadable);
    return () => {
      isStopped = true;
      body.off('readable', onReadable);
    };
  };
}

/** Until there is something of the rate again, milliseconds. */
const PAUSE_MS = 10;
