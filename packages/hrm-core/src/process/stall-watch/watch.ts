/**
 * The watch over the event loop of this process: a process whose loop stands still answers nobody, and hears no SIGTERM.
 *
 * ```
 *  event loop --- raises a counter, each second ---> shared memory <--- looks, each second --- thread
 *                                                                                                |
 *                            no beat for stallMs: a line to stderr, and SIGKILL to the process --+
 * ```
 * - A thread, since nothing in the loop can see that the loop stands still, and since it needs nobody else: it is the same
 *   in one process, in each process of `--workers` (the primary then starts another) and under any supervisor.
 * - SIGKILL, since the main thread takes nothing else. Nothing accepted is lost by it, and every supervisor restarts after it. In a
 *   container's first process, which it spares, what hangs outside JavaScript is left to an init (`docker run --init`) or a probe.
 * - Time in which the thread stood still as well does not count: SIGSTOP, a suspended machine, a machine that is too busy. Nor
 *   does time under a debugger, which stops the loop on purpose.
 * - The thread takes 10 MB.
 * @module
 */
import { url as debuggerUrl } from 'node:inspector';
import { isatty } from 'node:tty';
import { Worker } from 'node:worker_threads';
import type { Settings } from '../../settings.js';
import { BEAT, beatMs, DEBUGGED, type StallWatchData } from './heartbeat.js';

/** Beside this module's own bundle. */
const ENTRY = new URL('./stall-watch.js', import.meta.url);

/** Watches the event loop from now on, until the process ends; where `stallMs` is 0, nothing. */
export function watchForStall({ stallMs, logFormat }: Pick<Settings, 'stallMs' | 'logFormat'>): void {
  if (stallMs === 0) return;
  const heartbeat = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  function beat(): void {
    Atomics.add(heartbeat, BEAT, 1);
    Atomics.store(heartbeat, DEBUGGED, debuggerUrl() === undefined ? 0 : 1);
  }
  beat();
  setInterval(beat, beatMs(stallMs)).unref();
  const json = logFormat === 'json' || (logFormat === 'auto' && !isatty(2));
  const workerData: StallWatchData = { heartbeat, stallMs, json };
  // What is preloaded into the process is not meant for this thread.
  const thread = new Worker(ENTRY, { workerData, execArgv: [], env: {} });
  thread.unref();
  // Without it the process works as before: a supervisor may watch it, too.
  thread.on('error', () => undefined);
}
