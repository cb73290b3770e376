/**
 * Workers (`hrm serve --workers`): the API in several processes on one port, for the cores of one machine, and the loops in one
 * more. The primary runs no part itself: it starts them, starts them again, and stops them.
 *
 * Workers accept connections themselves, from one socket (SCHED_NONE), instead of being handed them by the primary
 * (SCHED_RR). So a worker that closes knows that it has taken all who came, and no request is cut; and nothing waits for
 * the primary. Busy workers accept less; measured on two cores, 64 connections at once were shared 34 to 30 (SCHED_RR:
 * 35 to 29), with more workers than cores less evenly.
 * @module
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { backoffMs, HrmError, isHrmError, pause } from 'hrm-core';
import { present } from 'hrm-core/open';
import { MAX_WORKERS } from 'hrm-core/process';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { VERSION } from '../package.js';
import type { Service, ServicePart } from '../serve.js';
import type { FromWorker, ToWorker } from './messages.js';
import { createTally, type Tally } from './tally.js';

/** Waits before a worker is started again: doubled each time between these, so that none spins, and none is forgotten. */
const RESTART = { minMs: 100, maxMs: 5_000 };

/** After so long a life a worker's end is no longer counted with those before it, ms. */
const HEALTHY_MS = 60_000;

/** How long workers may take to stop before they are killed, ms: several times what requests and batches are given. */
const MAX_STOP_MS = 60_000;

/** Beside this module's own bundle. */
const ENTRY = fileURLToPath(new URL('./worker.js', import.meta.url));

/** What runs, and how it is heard of. */
export interface WorkersOptions {
  /** `api` is among them. */
  readonly parts: readonly ServicePart[];
  /** Processes for the API, 1 to {@link MAX_WORKERS}; the other parts run together in one more. */
  readonly workers: number;
  readonly log: Logger;
}

/** How a process ended, or that it could not be started. */
interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One process, with those that take its place when it ends. */
interface Slot {
  readonly parts: readonly ServicePart[];
  child: Worker | null;
  isReady: boolean;
  ended: Promise<End>;
}

interface Group extends WorkersOptions {
  readonly settings: Settings;
  readonly slots: readonly Slot[];
  readonly stop: AbortController;
  readonly tally: Tally<Worker>;
  url: string | null;
  /** Once one of them has seen it, for as long as this process runs. */
  keysNeeded: boolean;
}

/**
 * Starts the workers; resolves when all are ready. One that ends later is logged and started again; so is one that cannot start while
 * another one answers, where that may pass. A process starts one such service.
 * @throws HrmError kind `invalid`, code `invalid_settings`, for a number of workers that is none, or parts without the API; the first
 *   error of a worker that cannot start, where that does not pass or no worker answers. No process is left then.
 * @example
 * const service = await startWorkers(settings, { parts: ['api', 'consumer'], workers: 2, log });
 */
export async function startWorkers(settings: Settings, options: WorkersOptions): Promise<Service> {
  requireWorkers(options);
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const loops = options.parts.filter((part) => part !== 'api');
  const shares: ServicePart[][] = Array.from({ length: options.workers }, () => ['api']);
  if (loops.length > 0) shares.push(loops);
  const slots = shares.map(
    (parts): Slot => ({ parts, child: null, isReady: false, ended: Promise.resolve({ code: 0, signal: null }) }),
  );
  const tally = createTally<Worker>({
    others: (asker) =>
      slots.flatMap(({ child, isReady }) => (isReady && child !== null && child !== asker ? [child] : [])),
    ask: (child, id) => tell(child, { type: 'count', id }),
  });
  const group: Group = {
    ...options,
    settings,
    slots,
    stop: new AbortController(),
    tally,
    url: null,
    keysNeeded: false,
  };
  // Of whoever puts the audit log aside; a worker that has nothing to write would keep the old one open.
  if (settings.auditLog !== '')
    process.on('SIGHUP', () => {
      for (const { child } of slots) child?.process.kill('SIGHUP');
    });
  // A second signal ends this process at once: what it leaves behind would go on for seconds.
  process.once('exit', () => killAll(slots));
  try {
    group.url = await launchAll(group);
  } catch (error) {
    await stopAll(group);
    throw error;
  }
  const kept = slots.map((slot) => keep(group, slot));
  const { done } = present(settings, { version: VERSION, parts: ['primary'] }, group.stop);
  return {
    url: group.url,
    failed: new Promise<never>(() => undefined),
    // It does nothing that is counted.
    report: async () => [],
    counts: async () => [],
    async close() {
      await stopAll(group);
      await Promise.all([done, ...kept]);
    },
  };
}

function requireWorkers({ parts, workers }: WorkersOptions): void {
  if (Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS && parts.includes('api')) return;
  const message = `workers are 1 to ${MAX_WORKERS} processes of the API, which must be among the parts`;
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings' });
}

/**
 * Starts all processes. The first that listens answers at once, and what it has accepted is kept: to end it, since Redis stalls while
 * another one starts, would take down what works. To let none answer before all are ready would need a word more from the primary.
 * @returns where the API answers.
 * @throws the first error, where that does not pass or nothing answers.
 */
async function launchAll(group: Group): Promise<string> {
  const failures: { readonly slot: Slot; readonly error: unknown }[] = [];
  const urls = await Promise.all(
    group.slots.map(async (slot) => {
      try {
        return await launch(group, slot);
      } catch (error) {
        if (!mayPass(error)) throw error;
        failures.push({ slot, error });
        return null;
      }
    }),
  );
  const url = urls.find((each) => each !== null) ?? null;
  if (url === null) throw failures[0]?.error;
  for (const { slot, error } of failures) logFailure(group, slot, error);
  return url;
}

/** Whether the next start of a worker may succeed: what it needs was not there, or it was killed. */
function mayPass(error: unknown): boolean {
  return isHrmError(error) && (error.kind === 'unavailable' || error.code === 'worker_ended');
}

function logFailure({ log }: Group, { child, parts }: Slot, error: unknown): void {
  const { kind, code } = isHrmError(error) ? error : { kind: 'internal', code: 'internal' };
  log.error({ worker: child?.process.pid, parts, kind, code }, 'a worker could not be started');
}

/** Starts a process. @returns its URL, when it is ready. @throws why it cannot start. */
function launch(group: Group, slot: Slot): Promise<string | null> {
  const settings = { ...group.settings, port: portFor(group) };
  cluster.setupPrimary({ exec: ENTRY, args: [...slot.parts], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const child = cluster.fork();
  slot.child = child;
  slot.isReady = false;
  slot.ended = new Promise((resolve) => {
    child.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    // A process that could not be made does not exit.
    child.once('error', () => {
      if (child.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromWorker) => {
      if (message.type === 'here') tell(child, { type: 'start', settings, keysNeeded: group.keysNeeded });
      else if (message.type === 'failed') reject(new HrmError(message.error.message, message.error));
      else if (message.type === 'keysNeeded') group.keysNeeded = true;
      else if (message.type === 'counts') group.tally.counts(child, message.report);
      else if (message.type === 'counted') group.tally.heard(child, message.id, message.report);
      else if (message.type === 'scraped') void answerScrape(group, child, message);
      else {
        slot.isReady = true;
        resolve(message.url);
      }
    });
    void slot.ended.then((end) => {
      slot.isReady = false;
      group.tally.ended(child);
      reject(earlyEndError(end));
    });
  });
}

async function answerScrape(
  { tally }: Group,
  child: Worker,
  { id, report }: Extract<FromWorker, { type: 'scraped' }>,
): Promise<void> {
  tell(child, { type: 'gathered', id, reports: await tally.gather(child, report) });
}

/**
 * The port that was asked for, also when that is 0: the workers that listen share the one that they were given. When
 * none is left the port is free again, and has to be asked for by its number.
 */
function portFor({ settings, slots, url }: Group): number {
  const isShared = slots.some(({ parts, isReady }) => isReady && parts.includes('api'));
  return url === null || isShared ? settings.port : Number(new URL(url).port);
}

/** Starts a process again whenever it ends, until all are to stop. */
async function keep(group: Group, slot: Slot): Promise<void> {
  const { log, stop, url } = group;
  let failures = 0;
  for (let sinceMs = performance.now(); ; sinceMs = performance.now()) {
    const pid = slot.child?.process.pid;
    const end = await slot.ended;
    if (stop.signal.aborted) return;
    if (performance.now() - sinceMs >= HEALTHY_MS) failures = 0;
    const restartMs = backoffMs(failures, RESTART);
    failures += 1;
    log.error({ worker: pid, parts: slot.parts, ...end, restartMs }, 'a worker ended; it is started again');
    // The signal only cuts the wait short.
    await pause(restartMs, stop.signal);
    if (stop.signal.aborted) return;
    try {
      const newUrl = await launch(group, slot);
      if (newUrl !== null && newUrl !== url)
        throw new HrmError('another port', { kind: 'conflict', code: 'port_moved' });
      log.info({ worker: slot.child?.process.pid, parts: slot.parts }, 'a worker was started again');
    } catch (error) {
      slot.child?.process.kill('SIGKILL');
      logFailure(group, slot, error);
    }
  }
}

/** Tells all to stop; resolves when no process is left. */
async function stopAll({ slots, stop, log }: Group): Promise<void> {
  stop.abort();
  // This also closes the socket that they share, here first: see worker.ts.
  for (const { child } of slots) if (child?.isConnected()) child.process.disconnect();
  const timer = setTimeout(() => {
    log.error('some workers did not stop in time; they are killed, and lose nothing that was accepted');
    killAll(slots);
  }, MAX_STOP_MS);
  await Promise.all(slots.map(({ ended }) => ended));
  clearTimeout(timer);
}

function killAll(slots: readonly Slot[]): void {
  for (const { child } of slots) if (child?.process.exitCode === null) child.process.kill('SIGKILL');
}

/** A worker that cannot be told has ended or is about to, and that is heard. */
function tell(child: Worker, message: ToWorker): void {
  if (child.isConnected()) child.send(message, () => undefined);
}

function earlyEndError({ code, signal }: End): HrmError {
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  return new HrmError(`a worker process ended ${how} before it was ready`, { kind: 'internal', code: 'worker_ended' });
}
