import type { Storage } from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import type { Settings } from 'hrm-core/settings';

/**
 * Opens the storage for what works on stored files, and stores nothing new: an empty directory, which a server begins in, may be to
 * it the mount point of a disk that is not mounted.
 * @throws HrmError kind `unavailable`, code `storage_missing` there.
 */
export async function openForMending(settings: Pick<Settings, 'dataDir'>): Promise<Storage> {
  const look = await openStorage(settings, { readOnly: true });
  await look.close();
  return openStorage(settings);
}
