/**
 * Standard error as the place of the log: one a process, since what it is connected to is one.
 * @module
 */
import { fstatSync, write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorCode } from '../../errors.js';
import { unblock } from '../unblock.js';
import type { LogOutput, Sent } from './sink.js';

const STDERR = 2;

/**
 * How standard error is written without a wait. Terminals, pipes and sockets through Node's stream of it, which does not block;
 * one line a send, since a pipe takes up to 4 KiB as a whole, and workers share it. Files in a thread.
 */
export function stderrOutput(): LogOutput {
  // Without a listener a line that cannot be written would end the process.
  process.stderr.on('error', () => undefined);
  const isStream = isTerminal() || isPipe();
  if (isStream) unblock(process.stderr);
  return { linesASend: isStream ? 1 : Number.POSITIVE_INFINITY, send: isStream ? sendToStream : sendToFile, sendLast };
}

/** Whether somebody looks at standard error. */
export function isTerminal(): boolean {
  return isatty(STDERR);
}

function isPipe(): boolean {
  try {
    const stats = fstatSync(STDERR);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false;
  }
}

function sendToStream(bytes: Buffer, done: (sent: Sent) => void): void {
  process.stderr.write(bytes, (error) => done({ fault: error ? errorCode(error) || 'unknown' : null }));
}

function sendToFile(bytes: Buffer, done: (sent: Sent) => void): void {
  let sentBytes = 0;
  function sendRest(): void {
    write(STDERR, bytes, sentBytes, (error, count) => {
      sentBytes += error ? 0 : count;
      if (error) done({ fault: errorCode(error) || 'unknown', sentBytes });
      else if (sentBytes < bytes.length) sendRest();
      else done({ fault: null });
    });
  }
  sendRest();
}

function sendLast(bytes: Buffer): void {
  try {
    writeSync(STDERR, bytes);
  } catch {
    // There is nobody left to tell.
  }
}
