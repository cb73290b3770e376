/**
 * Where log lines go: out, one send at a time, or into a bounded buffer, or away. Nothing that becomes of them reaches who
 * logs: no error, and no wait. A log is never worth a reading.
 *
 * ```
 *  write ---> sending ------- sent ------> next from the buffer
 *    |           |
 *    |           +----- it failed -------> its lines are lost, and counted
 *    +--> buffer --- it is full ---------> the line is lost, and counted
 *
 *  after a loss: the next line that can be sent says how many were lost; tried each LOG_RETRY_MS
 * ```
 * @module
 */
import { LOG_RETRY_MS, MAX_LOG_BYTES } from '../../limits.js';

/** How a send ended. */
export interface Sent {
  /** The system's code of what went wrong, `ENOSPC`; `null` when all was sent. */
  readonly fault: string | null;
  /** Bytes that were sent all the same, from the front. */
  readonly sentBytes?: number;
}

/** How the lines go out. */
export interface LogOutput {
  /** Lines that may go out in one send. */
  readonly linesASend: number;
  /** Calls `done` once, later. Never throws. */
  send(bytes: Buffer, done: (sent: Sent) => void): void;
  /** Sends what can be sent without a wait, when the process ends. Never throws. */
  sendLast(bytes: Buffer): void;
}

/** What was lost. */
export interface LogLosses {
  /** Lines, since the start. */
  readonly lines: number;
  /** Why lines are lost now: the system's code, or `blocked` where nobody reads them; `null`: they are not. */
  readonly fault: string | null;
}

/** Takes log lines. No method throws. */
export interface LogSink {
  /** @param line - with its end. */
  write(line: string): void;
  losses(): LogLosses;
  /** Resolves when all lines are out, or `ms` have passed. */
  flush(ms: number): Promise<void>;
  /** Sends what can be sent without a wait. */
  end(): void;
}

/** What a sink says of lines that were lost. */
export type LossLine = (lines: number) => string;

/** @param lossLine - the line that is written in place of lost ones, with its end. */
export function createLogSink(output: LogOutput, lossLine: LossLine, maxBytes = MAX_LOG_BYTES): LogSink {
  const waiting: Buffer[] = [];
  const idle: (() => void)[] = [];
  let waitingBytes = 0;
  let sendingSinceMs: number | null = null;
  let lost = 0;
  // Of them, those that no line has told of yet.
  let untold = 0;
  let fault: string | null = null;
  // The last send ended in the middle of a line.
  let isCut = false;
  let timer: NodeJS.Timeout | null = null;

  function lose(lines: number, why: string): void {
    if (lines === 0) return;
    lost += lines;
    untold += lines;
    fault = why;
    timer ??= setInterval(retry, LOG_RETRY_MS).unref();
  }

  function sendNext(): void {
    if (sendingSinceMs !== null) return;
    const lines = waiting.splice(0, output.linesASend);
    waitingBytes -= byteLength(lines);
    if (lines.length > 0) send(lines);
    else for (const resolve of idle.splice(0)) resolve();
  }

  function send(lines: readonly Buffer[]): void {
    const told = untold;
    const head = [...(isCut ? [NEW_LINE] : []), ...(told > 0 ? [Buffer.from(lossLine(told))] : [])];
    const bytes = Buffer.concat([...head, ...lines]);
    sendingSinceMs = performance.now();
    output.send(bytes, ({ fault: why, sentBytes = 0 }) => {
      sendingSinceMs = null;
      if (why === null) onSent(told);
      else {
        if (sentBytes > 0) isCut = bytes[sentBytes - 1] !== NEW_LINE_BYTE;
        lose(Math.min(lines.length, countLines(bytes.subarray(sentBytes))), why);
      }
      sendNext();
    });
  }

  function onSent(told: number): void {
    isCut = false;
    untold -= told;
    if (untold > 0 || timer === null) return;
    fault = null;
    clearInterval(timer);
    timer = null;
  }

  /** Without it, a log that can be written again would say so with the next line only. */
  function retry(): void {
    if (sendingSinceMs === null) send([]);
  }

  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (waitingBytes + bytes.length > maxBytes) {
        lose(1, fault ?? 'blocked');
        return;
      }
      waiting.push(bytes);
      waitingBytes += bytes.length;
      sendNext();
    },
    losses: () => ({ lines: lost, fault }),
    flush(ms) {
      if (sendingSinceMs === null) return Promise.resolve();
      return new Promise((resolve) => {
        setTimeout(resolve, ms).unref();
        idle.push(resolve);
      });
    },
    end() {
      // Where the send before it hangs, this one would, too.
      const hangs = sendingSinceMs !== null && performance.now() - sendingSinceMs > END_PATIENCE_MS;
      if (waiting.length > 0 && !hangs) output.sendLast(Buffer.concat(waiting.splice(0)));
    },
  };
}

/** How long a send may have been under way when the process ends, so that more is sent, ms. */
const END_PATIENCE_MS = 200;

const NEW_LINE_BYTE = 10;
const NEW_LINE = Buffer.of(NEW_LINE_BYTE);

function byteLength(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function countLines(bytes: Buffer): number {
  return bytes.reduce((count, byte) => (byte === NEW_LINE_BYTE ? count + 1 : count), 0);
}
