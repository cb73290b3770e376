/**
 * A worker's process: runs the parts that its arguments name, until it is told to stop, its primary is
 * gone, or a signal comes. Each of these ends it as it ends a service of one process: no request is cut.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHrmError } from 'hrm-core';
import { flushLog } from '../log/log.js';
import { endProcess, forgetLostTerminals } from '../process/end-process.js';
import { flush, LAST_WORDS_MS } from '../process/flush.js';
import { watchForStall } from '../process/stall-watch/watch.js';
import { listenForStop } from '../process/stop-signal.js';
import { type Service, type ServicePart, serve } from '../serve.js';
import type { FromWorker, ToStart, ToWorker, WireError } from './messages.js';
import { answerCounts, askForReports, tellCounts } from './reports.js';

const told = new AbortController();
const signal = AbortSignal.any([listenForStop(), told.signal]);

/**
 * How long a worker that was told to stop by a signal waits for its primary to hear of it, ms. When it does not, it was
 * this worker alone that was told.
 */
const MAX_SIGNAL_WAIT_MS = 500;

/** The exit code of a worker that could not start, or a part of which failed for good. */
const FAILED = 1;

/** How long the primary may take from closing the channel to closing the socket, ms: it does so in the same turn. */
const RELEASE_MS = 50;

/** What the primary answers; `null` when it is gone, or a signal came. */
function awaitStart(): Promise<ToStart | null> {
  return new Promise((resolve) => {
    process.on('message', (message: ToWorker) => {
      if (message.type === 'start') resolve(message);
    });
    signal.addEventListener('abort', () => resolve(null));
    void tell({ type: 'here' });
  });
}

/**
 * The primary holds the shared socket, too. As long as it does, clients can connect whom nobody takes when the last
 * worker has closed it: so the primary goes first, and workers accept until it has.
 */
async function primaryReleased(): Promise<void> {
  if (!told.signal.aborted) {
    const timeout = sleep(MAX_SIGNAL_WAIT_MS, undefined, { signal: told.signal });
    await timeout.catch(() => undefined);
  }
  await sleep(RELEASE_MS);
}

/** Resolves when it was sent, or cannot be: who does not listen any more has closed the channel, and that is heard. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, {}, () => resolve());
    else resolve();
  });
}

/** Runs the parts. @returns the exit code. */
async function run(parts: readonly ServicePart[]): Promise<number> {
  const start = await awaitStart();
  if (start === null) return 0;
  watchForStall(start.settings);
  let service: Service;
  try {
    service = await serve(start.settings, {
      parts,
      gather: (own) => askForReports(own, tell),
      keys: { areNeeded: start.keysNeeded, onNeeded: () => void tell({ type: 'keysNeeded' }) },
    });
  } catch (error) {
    await tell({ type: 'failed', error: toWire(error) });
    return FAILED;
  }
  try {
    answerCounts(service, tell);
    tellCounts(service, tell);
    await tell({ type: 'ready', url: service.url });
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), service.failed]);
    return 0;
  } catch {
    // The service has logged why.
    return FAILED;
  } finally {
    if (service.url !== null) await primaryReleased();
    await service.close();
    await tell({ type: 'counts', report: await service.counts() });
  }
}

function toWire(error: unknown): WireError {
  if (!isHrmError(error)) return { kind: 'internal', code: 'internal', message: String(error), faults: [] };
  const { kind, code, message, faults } = error;
  return { kind, code, message, faults };
}

process.stderr.on('error', () => undefined);
process.prependListener('disconnect', () => {
  // Otherwise Node ends a worker at once whose primary is gone, in the middle of its requests.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  told.abort();
});
forgetLostTerminals();
const exitCode = await run(process.argv.slice(2) as ServicePart[]);
await Promise.all([flushLog(LAST_WORDS_MS), flush(process.stderr, LAST_WORDS_MS)]);
await endProcess(exitCode);
