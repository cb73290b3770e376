/**
 * The drivers that the settings name. Each is loaded only when it is opened.
 * @module
 */
import { HrmError } from './errors.js';
import type { Queue, QueueWarning } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import type { Settings } from './settings.js';

/** What {@link openQueue} goes by; what is absent has the settings' defaults. */
export type QueueSettings = Pick<Settings, 'queueDir'> &
  Partial<Pick<Settings, 'redisUrl' | 'queueKey' | 'processingKey' | 'deadKey' | 'queueHighWater'>>;

/** Who hears of what a queue's server may do to readings one day. */
export interface OpenQueueOptions {
  /** Called while the queue is opened, and whenever a warning begins to hold later; never by the embedded queue. */
  readonly onWarning?: ((warning: QueueWarning) => void) | undefined;
}

/** Opens the queue: the embedded one, in `queueDir`. @throws HrmError kind `unavailable` with what to do. */
export async function openQueue(
  { redisUrl = '', queueDir }: QueueSettings,
  _options: OpenQueueOptions = {},
): Promise<Queue> {
  if (redisUrl !== '') {
    const message = 'REDIS_URL is set, but this version has only the embedded queue: unset it to use that one';
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings' });
  }
  const { openEmbeddedQueue } = await import('./drivers/queue/embedded.js');
  return openEmbeddedQueue({ directory: queueDir });
}

/**
 * Opens the storage: the directory `dataDir`.
 * @param readOnly - only look, and make nothing; default false.
 * @throws HrmError kind `unavailable` with what to do.
 */
export async function openStorage(
  { dataDir }: Pick<Settings, 'dataDir'>,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<Storage> {
  const { openDirectoryStorage } = await import('./drivers/storage/directory.js');
  return openDirectoryStorage({ directory: dataDir, readOnly });
}
