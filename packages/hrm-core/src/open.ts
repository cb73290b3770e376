/**
 * The drivers that the settings name. Each is loaded only when it is opened.
 * @module
 */
import { DEFAULT_QUEUE_HIGH_WATER } from './limits.js';
import type { Queue } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import type { Settings } from './settings.js';

/** What {@link openQueue} goes by; what is absent has the settings' defaults. */
export type QueueSettings = Pick<Settings, 'queueDir'> &
  Partial<Pick<Settings, 'redisUrl' | 'queueKey' | 'processingKey' | 'deadKey' | 'queueHighWater'>>;

/** How queue and storage are opened. */
export interface OpenOptions {
  /** Whether to make what is not there; default true. Without it what is missing is `unavailable`, as a broken one is. */
  readonly create?: boolean | undefined;
}

/**
 * Opens the queue: in Redis where `redisUrl` is given, else the embedded one in `queueDir`. From `queueHighWater` readings
 * on it refuses pushes.
 * @throws HrmError kind `unavailable` with what to do; kind `invalid` where the settings do not suit the server.
 */
export async function openQueue(settings: QueueSettings, options: OpenOptions = {}): Promise<Queue> {
  const { withHighWater } = await import('./drivers/queue/high-water.js');
  const highWaterReadings = settings.queueHighWater ?? DEFAULT_QUEUE_HIGH_WATER;
  return withHighWater(await openDriver(settings, options), { highWaterReadings });
}

async function openDriver(
  { redisUrl = '', queueDir, ...keys }: QueueSettings,
  { create }: OpenOptions,
): Promise<Queue> {
  if (redisUrl === '') {
    const { openEmbeddedQueue } = await import('./drivers/queue/embedded/embedded.js');
    return openEmbeddedQueue({ directory: queueDir, create });
  }
  const { openRedisQueue } = await import('./drivers/queue/redis/redis.js');
  return openRedisQueue({ ...keys, server: redisUrl });
}

/**
 * Opens the storage: the directory `dataDir`.
 * @param readOnly - only look, and make nothing; default false.
 * @throws HrmError kind `unavailable` with what to do.
 */
export async function openStorage(
  { dataDir }: Pick<Settings, 'dataDir'>,
  { readOnly = false, create = true }: OpenOptions & { readonly readOnly?: boolean } = {},
): Promise<Storage> {
  const { openDirectoryStorage } = await import('./drivers/storage/directory/directory.js');
  return openDirectoryStorage({ directory: dataDir, readOnly, create });
}
