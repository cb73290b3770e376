/** Shared parts, found for who works on some dates or one user: they are in no user's directory, and listed only by name. */
import { SHARED_DIRECTORY } from '../names.js';
import { openFile } from '../parquet/footer.js';
import type { CallOptions } from '../ports/queue.js';
import type { Partition, PartitionRange, Storage } from '../ports/storage.js';
import { isDamage } from './damage.js';
import { mayHold } from './known-share.js';

/** Which shared parts. */
export interface SharedRange extends Pick<PartitionRange, 'fromDate' | 'toDate'> {
  /** Only of dates where one of them may hold readings of this user. */
  readonly userId?: string | undefined;
}

/** The partitions of shared parts, by date. @throws HrmError kind `unavailable`, kind `closed` when aborted. */
export async function* sharedPartitions(
  storage: Storage,
  { userId, ...dates }: SharedRange,
  options: CallOptions,
): AsyncGenerator<Partition, void, undefined> {
  for await (const partition of storage.partitions({ ...dates, directories: [SHARED_DIRECTORY] }, options)) {
    if (userId === undefined || (await mayHoldUser(storage, partition, userId, options))) yield partition;
  }
}

/** By the bounds of row groups, read anew, since verifying trusts no memory; of one whose end cannot be read nobody knows. */
async function mayHoldUser(
  storage: Storage,
  partition: Partition,
  userId: string,
  options: CallOptions,
): Promise<boolean> {
  const snapshot = await storage.snapshot(partition, options);
  try {
    for (const file of snapshot.files) {
      const opened = await openFile(file, partition).catch((error) => {
        if (isDamage(error)) return null;
        throw error;
      });
      if (opened === null || opened.footer.groups.some((group) => mayHold(group, userId))) return true;
    }
    return false;
  } finally {
    await snapshot.close();
  }
}
