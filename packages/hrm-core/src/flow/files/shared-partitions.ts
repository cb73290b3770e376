/** Shared parts, found for who works on some dates or one user: they are in no user's directory, and listed only by name. */

import { SHARED_DIRECTORY } from '../../names.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, PartitionRange, Storage } from '../../ports/storage.js';
import { nullIfDamaged } from './file-damage.js';
import { groupsOf } from './load-slice.js';
import { overSnapshot } from './over-snapshot.js';
import { readAhead } from './read-ahead.js';

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
  const all = storage.partitions({ ...dates, directories: [SHARED_DIRECTORY] }, options);
  if (userId === undefined) return yield* all;
  async function look(partition: Partition) {
    return { partition, isHeld: await mayHoldUser(storage, partition, userId as string, options) };
  }
  for await (const { partition, isHeld } of readAhead(all, look, storage.readAhead ?? 0)) if (isHeld) yield partition;
}

/** By the ends of the parts, read anew, since verifying trusts no memory; of one whose end cannot be read nobody knows. */
async function mayHoldUser(
  storage: Storage,
  partition: Partition,
  userId: string,
  options: CallOptions,
): Promise<boolean> {
  return overSnapshot(storage, partition, options, async ({ files }) => {
    for (const file of files) {
      const opened = await openFile(file, partition).catch(nullIfDamaged);
      if (opened === null || groupsOf(opened.footer, userId).length > 0) return true;
    }
    return false;
  });
}
