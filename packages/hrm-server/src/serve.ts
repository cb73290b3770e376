import {
  type CompacterEvent,
  createSystemView,
  errorFields,
  HrmError,
  isHrmError,
  placeFields,
  type Queue,
  type Storage,
  within,
} from 'hrm-core';
import {
  type AlertEvent,
  alertCounts,
  alertLine,
  forgetAlerts,
  openAlertFeed,
  openAlerts,
  type RunningAlerts,
} from 'hrm-core/alerts';
import { openServiceAudit } from 'hrm-core/audit';
import type { KeyRing } from 'hrm-core/keys';
import { openQueue, openStorage, present, rememberedStore } from 'hrm-core/open';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { createApp } from './app.js';
import { type KeyKnowledge, openKeys, requireProtected } from './auth/open-keys.js';
import { type Listening, listen } from './http/listen.js';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  LIVE_LIMITS,
  type LiveLimits,
  WATCH_LIMITS,
  type WatchLimits,
} from './limits.js';
import { createLog } from './log/log.js';
import { createMetrics, type Gather } from './metrics/index.js';
import type { MetricsReport } from './metrics/merge.js';
import { createHealth, logHealth } from './ops/health.js';
import { type LoopContext, startCompacter, startConsumer } from './ops/loops.js';
import { observeQueue } from './ops/observed-queue.js';
import { VERSION } from './package.js';
import { createLive } from './routes/live.js';
import { createOpsApp } from './routes/ops-routes.js';
import type { RequestListeners } from './routes/requests.js';
import { openTracing } from './tracing/open.js';
import type { Tracing } from './tracing/tracing.js';

/** A part of the system that a process can run. */
export type ServicePart = 'api' | 'consumer' | 'compacter';

/** Which parts run, and where their log goes. */
export interface ServeOptions {
  /** At least one. */
  readonly parts: readonly ServicePart[];
  /** To stderr by default. */
  readonly log?: Logger | undefined;
  /** How /metrics hears of the other processes of this service; by default there are none. */
  readonly gather?: Gather | undefined;
  /** What the other processes know of keys; by default there are none. */
  readonly keys?: KeyKnowledge | undefined;
}

/** A service that runs. */
export interface Service {
  /** Where the API is reached, `http://127.0.0.1:8000`; `null` when it is not among the parts. */
  readonly url: string | null;
  /**
   * Never resolves; rejects when a part stands still or ends, and restarting it did not help. Then close the service and
   * exit with a code that is not 0, so that a supervisor starts it anew: kind `unavailable` (`hrm` exits with 3) when a call
   * of the queue or the storage hangs, else `internal` (1).
   */
  readonly failed: Promise<never>;
  /** What this process has counted: for another process of the service that gathers. */
  report(): Promise<MetricsReport>;
  /** Its counters and histograms alone: nothing is asked for them, so they may be had often. */
  counts(): Promise<MetricsReport>;
  /**
   * Stops cleanly: answers the requests in flight, within 10 s, then stores the batch in hand or gives it back, within
   * 20 s, then closes queue and storage, within 5 s. Where a call hangs it goes on without: exit then, since what hangs
   * keeps the process alive; its batch is another consumer's when its lease has ended. Calling it again waits for the same.
   */
  close(): Promise<void>;
}

/** The drivers that parts work on; injected, so that a test can let them fail. */
export interface ServiceComponents {
  readonly queue: Queue | null;
  readonly storage: Storage;
  /** Without them every call is answered. */
  readonly keys?: KeyRing | undefined;
}

/** Where a service logs, and how patient it is. */
export interface RunOptions {
  readonly parts: readonly ServicePart[];
  readonly log: Logger;
  readonly limits: ConnectionLimits;
  readonly watch?: WatchLimits | undefined;
  readonly live?: LiveLimits | undefined;
  readonly gather?: Gather | undefined;
  /** Closed with the service. */
  readonly tracing?: Tracing | null | undefined;
}

/**
 * Opens the drivers that the parts need, and runs the parts.
 * @throws HrmError kind `invalid`, code `invalid_settings`, when the API would listen beyond this machine and nobody
 *   said so; kind `data` or `unavailable` when there were keys that cannot be read; kind `unavailable` when a driver cannot be
 *   opened or the port is in use. Nothing is left open then.
 */
export async function serve(
  settings: Settings,
  { parts, log = createLog(settings), gather, keys: known }: ServeOptions,
): Promise<Service> {
  if (parts.length === 0) throw noPartsError();
  const listens = parts.includes('api') || settings.metricsPort !== 0;
  const keys = listens ? await openKeys(settings, log, known) : undefined;
  if (keys !== undefined) requireProtected(settings, keys);
  const needsQueue = parts.includes('api') || parts.includes('consumer');
  const queue = needsQueue ? await openQueue(settings) : null;
  let storage: Storage | null = null;
  try {
    // A compacter alone makes a store of an empty directory too.
    const store = queue === null ? await rememberedStore(settings) : await queue.store.get();
    storage = await openStorage(settings, { store });
    const access = keys === undefined ? {} : { anonymous: !keys.isNeeded() };
    log.info({ parts, ...placeFields(settings), ...access }, 'starting');
    const tracing = await openTracing(process.env, log);
    const options = { parts, log, limits: CONNECTION_LIMITS, gather, tracing };
    return await startService({ queue, storage, keys }, settings, options);
  } catch (error) {
    await closeComponents({ queue, storage });
    throw error;
  }
}

/** Runs parts on open drivers; closing the service closes them, failing to start does not. */
export async function startService(
  { queue, storage, keys }: ServiceComponents,
  settings: Settings,
  { parts, log, limits, watch = WATCH_LIMITS, live: liveLimits = LIVE_LIMITS, gather, tracing = null }: RunOptions,
): Promise<Service> {
  const stop = new AbortController();
  const audit = parts.includes('api') ? openServiceAudit(settings, log) : null;
  const health = createHealth({ queue, storage, keys, audit }, settings);
  const metrics = createMetrics({ health, gather, tracing, audit });
  const self = { version: VERSION, parts };
  const { signal } = stop;
  const presence = present(settings, self, stop);
  const seen = { health, storage, queue, presence, alerts: () => alertCounts(settings) };
  const system = createSystemView(seen, self, stop);
  function compacter(event: CompacterEvent): void {
    metrics.compacter(event);
    system.compacter(event);
  }
  const heard = { ...metrics, compacter };
  const context: LoopContext = { signal, log, health, watch, metrics: heard, tracing };
  const requests = { log, metrics, tracing };
  const live =
    queue === null ? null : createLive({ queue, storage, alerts: openAlertFeed(settings) }, settings, liveLimits);
  function onAlert(event: AlertEvent): void {
    metrics.alert(event);
    const { level, fields, text } = alertLine(event);
    log[level](fields, text);
  }
  let alerts: RunningAlerts | null = null;
  let ops: Listening | null = null;
  let api: Listening | null = null;
  try {
    if (parts.includes('consumer'))
      alerts = await openAlerts({ storage, queue }, settings, { signal, onEvent: onAlert });
    ops = await listenForOps(createOpsApp({ health, metrics, log, keys }), settings, { requests, limits });
    if (parts.includes('api') && queue !== null && live !== null) {
      const observed = observeQueue(queue, metrics);
      const forget = (userId: string) => forgetAlerts(settings, userId);
      const what = { queue: observed, storage, log, health, metrics, keys, audit, live, system, forget };
      const app = createApp(what, settings);
      api = await listen({ app, requests }, settings, limits);
    }
  } catch (error) {
    stop.abort();
    live?.close();
    await ops?.close();
    metrics.close();
    await audit?.close();
    // Whoever hears of it may take the storage away at once.
    await settlesWithin(watch.closeLoopsMs, Promise.allSettled([presence.done, alerts?.done]));
    await tracing?.close();
    throw error;
  }
  const running = [presence.done, logHealth(health, { signal, log, everyMs: watch.everyMs })];
  if (alerts !== null) running.push(alerts.done);
  const consumed = { storage, observer: alerts?.observer };
  if (parts.includes('consumer') && queue !== null)
    running.push(startConsumer({ ...consumed, queue }, settings, context));
  if (parts.includes('compacter'))
    running.push(startCompacter({ storage, queue: queue ?? undefined }, settings, context));
  let closed: Promise<void> | null = null;
  async function close(): Promise<void> {
    // They would not end by themselves.
    live?.close();
    await api?.close();
    await audit?.close();
    stop.abort();
    if (!(await settlesWithin(watch.closeLoopsMs, Promise.allSettled(running)))) {
      log.error('a loop has not ended in time; its batch is taken over when its lease has ended');
    }
    await ops?.close();
    metrics.close();
    const flushed = tracing?.close();
    if (!(await settlesWithin(watch.closeDriversMs, closeComponents({ queue, storage })))) {
      log.error('queue or storage cannot be closed, since a call hangs in them');
    }
    await flushed;
  }
  return {
    url: api?.url ?? null,
    failed: rejectWhenEnded(running, log),
    report: metrics.report,
    counts: metrics.counts,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** Listens on the port for metrics and health alone, where there is one. */
async function listenForOps(
  app: ReturnType<typeof createOpsApp>,
  settings: Settings,
  { requests, limits }: { readonly requests: RequestListeners; readonly limits: ConnectionLimits },
): Promise<Listening | null> {
  if (settings.metricsPort === 0) return null;
  const place = { ...settings, port: settings.metricsPort, portVariable: 'HRM_METRICS_PORT' };
  return await listen({ app, requests }, place, limits);
}

async function closeComponents({ queue, storage }: { queue: Queue | null; storage: Storage | null }): Promise<void> {
  await Promise.all([queue?.close(), storage?.close()]);
}

/** Whether it did; an error is passed on, as long as somebody waits for it. */
async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  return await within(
    ms,
    promise.then(() => true),
    () => false,
  );
}

/** Rejects when a part ends that nobody stopped, or that its watchdog has given up. */
function rejectWhenEnded(parts: readonly Promise<void>[], log: Logger): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    for (const part of parts) part.catch((error) => reject(isHrmError(error) ? error : partEndedError(error)));
  });
  // Also, without another listener it is no unhandled rejection; nor is a log that cannot be written.
  failed
    .catch((error) => log.fatal(errorFields(error), 'a part failed for good; the process has to be started anew'))
    .catch(() => undefined);
  return failed;
}

function noPartsError(): HrmError {
  const message = 'there is nothing to serve: name at least one of api, consumer, compacter';
  return new HrmError(message, { kind: 'invalid', code: 'invalid_settings' });
}

function partEndedError(cause: unknown): HrmError {
  return new HrmError('a part of the service ended by itself', { kind: 'internal', code: 'part_ended', cause });
}
