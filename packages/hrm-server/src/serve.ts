import { resolve } from 'node:path';
import { HrmError, type Queue, type Storage } from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';
import { createApp } from './app.js';
import { createHealth, type Health } from './health.js';
import { isLoopback } from './host.js';
import { CONNECTION_LIMITS, type ConnectionLimits } from './limits.js';
import { listen } from './listen.js';
import { createLog } from './log.js';
import { type LoopContext, startCompacter, startConsumer } from './loops.js';

/** A part of the system that a process can run. */
export type ServicePart = 'api' | 'consumer' | 'compacter';

/** Which parts run, and where their log goes. */
export interface ServeOptions {
  /** At least one. */
  readonly parts: readonly ServicePart[];
  /** To stderr by default. */
  readonly log?: Logger | undefined;
}

/** A service that runs. */
export interface Service {
  /** Where the API is reached, `http://127.0.0.1:8000`; `null` when it is not among the parts. */
  readonly url: string | null;
  /** Never resolves; rejects when a part has ended that should not. Then close the service and exit. */
  readonly failed: Promise<never>;
  /**
   * Stops cleanly: answers the requests in flight, within 10 s, then stores the batch in hand or gives it back, then
   * closes queue and storage. Calling it again waits for the same.
   */
  close(): Promise<void>;
}

/** The drivers that parts work on; injected, so that a test can let them fail. */
export interface ServiceComponents {
  readonly queue: Queue | null;
  readonly storage: Storage;
}

/**
 * Opens the drivers that the parts need, and runs the parts.
 * @throws HrmError kind `invalid`, code `invalid_settings`, when the API would listen beyond this machine and nobody
 *   said so; kind `unavailable` when a driver cannot be opened or the port is in use. Nothing is left open then.
 */
export async function serve(settings: Settings, { parts, log = createLog(settings) }: ServeOptions): Promise<Service> {
  checkParts(settings, parts);
  const needsQueue = parts.includes('api') || parts.includes('consumer');
  const storage = await openStorage(settings);
  let queue: Queue | null = null;
  try {
    queue = needsQueue ? await openQueue(settings) : null;
    log.info({ parts, dataDir: resolve(settings.dataDir), queueDir: resolve(settings.queueDir) }, 'starting');
    return await startService({ queue, storage }, settings, { parts, log, limits: CONNECTION_LIMITS });
  } catch (error) {
    await closeComponents({ queue, storage });
    throw error;
  }
}

/** Runs parts on open drivers; closing the service closes them, failing to start does not. */
export async function startService(
  { queue, storage }: ServiceComponents,
  settings: Settings,
  { parts, log, limits }: { parts: readonly ServicePart[]; log: Logger; limits: ConnectionLimits },
): Promise<Service> {
  const stop = new AbortController();
  const health: Health | null = queue === null ? null : createHealth({ queue, storage }, settings);
  const context: LoopContext = { signal: stop.signal, log, health: health ?? { record: () => undefined } };
  const api =
    parts.includes('api') && queue !== null && health !== null
      ? await listen({ app: createApp({ queue, storage, log, health }, settings), log }, settings, limits)
      : null;
  const loops: Promise<void>[] = [];
  if (parts.includes('consumer') && queue !== null) loops.push(startConsumer({ queue, storage }, settings, context));
  if (parts.includes('compacter')) loops.push(startCompacter({ storage }, settings, context));
  let closed: Promise<void> | null = null;
  async function close(): Promise<void> {
    await api?.close();
    stop.abort();
    await Promise.allSettled(loops);
    await closeComponents({ queue, storage });
  }
  return {
    url: api?.url ?? null,
    failed: rejectWhenEnded(loops, stop.signal),
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function closeComponents({ queue, storage }: ServiceComponents): Promise<void> {
  await Promise.all([queue?.close(), storage.close()]);
}

/** Rejects when a loop ends that nobody stopped. Without a listener that is no unhandled rejection. */
function rejectWhenEnded(loops: readonly Promise<void>[], signal: AbortSignal): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    for (const loop of loops) {
      loop.then(
        () => {
          if (!signal.aborted) reject(loopEndedError(undefined));
        },
        (error) => reject(loopEndedError(error)),
      );
    }
  });
  failed.catch(() => undefined);
  return failed;
}

function checkParts({ host, allowAnonymous }: Settings, parts: readonly ServicePart[]): void {
  if (parts.length === 0) {
    throw new HrmError('there is nothing to serve: name at least one of api, consumer, compacter', {
      kind: 'invalid',
      code: 'invalid_settings',
    });
  }
  if (!parts.includes('api') || allowAnonymous || isLoopback(host)) return;
  const message = `HRM_HOST is ${host}: whoever reaches that address could read and write. Set HRM_ALLOW_ANONYMOUS=true if that is meant, or HRM_HOST=127.0.0.1`;
  const faults = [{ path: '/host', message }];
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', faults });
}

function loopEndedError(cause: unknown): HrmError {
  return new HrmError('a part of the service ended by itself', { kind: 'internal', code: 'part_ended', cause });
}
