/**
 * The thread that watches the event loop of its process. It ends the process once the loop has not beaten for `stallMs`.
 * @module
 */
import { write } from 'node:fs';
import { Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import { BEAT, beatMs, DEBUGGED, type StallWatchData } from './heartbeat.js';

/** How long the last line may take, ms: its reader may stand still as well, and must not keep the process. */
const LAST_LINE_MS = 500;

const { heartbeat, stallMs, json } = workerData as StallWatchData;
const tickMs = beatMs(stallMs);
let seenBeat = Atomics.load(heartbeat, BEAT);
let lookedMs = performance.now();
let silentMs = 0;

function look(): void {
  const nowMs = performance.now();
  const passedMs = nowMs - lookedMs;
  lookedMs = nowMs;
  const beat = Atomics.load(heartbeat, BEAT);
  if (beat !== seenBeat || Atomics.load(heartbeat, DEBUGGED) === 1) {
    seenBeat = beat;
    silentMs = 0;
    return;
  }
  // More than that has passed where this thread stood still, too: SIGSTOP, a suspended machine, one that is too busy.
  silentMs += Math.min(passedMs, 2 * tickMs);
  if (silentMs >= stallMs) endProcess();
}

function endProcess(): void {
  clearInterval(timer);
  setTimeout(killProcess, LAST_LINE_MS);
  write(2, lastLine(), killProcess);
}

/**
 * SIGKILL ends a process whose main thread takes nothing else; supervisors take it for a failure. The first process of a container is
 * spared by its own SIGKILL: there the debugger's protocol, which may interrupt the main thread's JavaScript, makes it exit.
 */
function killProcess(): void {
  process.kill(process.pid, 'SIGKILL');
  const session = new Session();
  session.connectToMainThread();
  session.post('Runtime.evaluate', { expression: 'process.exit(137)' });
}

function lastLine(): string {
  const { pid } = process;
  const msg = `the event loop stood still for ${stallMs / 1_000} s: the process is killed, and its supervisor should start it again`;
  return json ? `${JSON.stringify({ level: 60, time: Date.now(), pid, msg })}\n` : `hrm (${pid}): ${msg}\n`;
}

const timer = setInterval(look, tickMs);
