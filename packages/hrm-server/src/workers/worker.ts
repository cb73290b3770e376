/**
 * A worker's process: runs the parts that its arguments name, until it is told to stop, its primary is
 * gone, or a signal comes. Each of these ends it as it ends a service of one process: no request is cut.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { isHrmError, pause, within } from 'hrm-core';
import { endProcess, flush, forgetLostTerminals, LAST_WORDS_MS, listenForStop, watchForStall } from 'hrm-core/process';
import { flushLog } from '../log/log.js';
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

/**
 * How long a start that was told to stop may go on, ms. A primary that is gone answers nothing any more, and Node waits
 * for its answer to "may I listen" without end. Nothing was accepted yet, so nothing is lost.
 */
const MAX_START_MS = 2_000;

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
    await pause(MAX_SIGNAL_WAIT_MS, told.signal);
  }
  await pause(RELEASE_MS);
}

/** Starts the parts. @returns `null` where it was told to stop, and the start does not end by itself. */
async function startParts(parts: readonly ServicePart[], { settings, keysNeeded }: ToStart): Promise<Service | null> {
  const started = serve(settings, {
    parts,
    gather: (own) => askForReports(own, tell),
    keys: { areNeeded: keysNeeded, onNeeded: () => void tell({ type: 'keysNeeded' }) },
  });
  await Promise.race([started, onceAborted(told.signal)]);
  // Of a start that ended in time nobody waits here.
  return await within(MAX_START_MS, started, () => null);
}

async function onceAborted(of: AbortSignal): Promise<void> {
  if (!of.aborted) await once(of, 'abort');
}

/** Resolves when it was sent, or cannot be: who does not listen any more has closed the channel, and that is heard. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, {}, () => resolve());
    else resolve();
  });
}

/** The same before the end, for which a primary that reads nothing (stopped, or as busy as can be) is not waited. */
async function tellLast(message: FromWorker): Promise<void> {
  await within(MAX_SIGNAL_WAIT_MS, tell(message), () => undefined);
}

/** Runs the parts. @returns the exit code. */
async function run(parts: readonly ServicePart[]): Promise<number> {
  const start = await awaitStart();
  if (start === null) return 0;
  watchForStall(start.settings);
  let service: Service | null;
  try {
    service = await startParts(parts, start);
  } catch (error) {
    await tellLast({ type: 'failed', error: toWire(error) });
    return FAILED;
  }
  if (service === null) return 0;
  try {
    answerCounts(service, tell);
    tellCounts(service, tell);
    void tell({ type: 'ready', url: service.url });
    await Promise.race([onceAborted(signal), service.failed]);
    return 0;
  } catch {
    // The service has logged why.
    return FAILED;
  } finally {
    if (service.url !== null) await primaryReleased();
    await service.close();
    await tellLast({ type: 'counts', report: await service.counts() });
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
