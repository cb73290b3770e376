/**
 * The drivers that the settings name. Each is loaded only when it is opened.
 * @module
 */
import type { Queue } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import type { Settings } from './settings.js';

/** Opens the queue: the embedded one, in `queueDir`. @throws HrmError kind `unavailable` with what to do. */
export async function openQueue({ queueDir }: Pick<Settings, 'queueDir'>): Promise<Queue> {
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
