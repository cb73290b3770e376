/** A quick look for readings that were received ahead of the clock; `verify` looks at all. */

import { throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_AHEAD_READINGS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { decodeGroups } from '../../parquet/decode.js';
import { openFile } from '../../parquet/footer.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Snapshot, Storage } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { partitionDate } from '../../pure/partition.js';
import { addAhead, countAhead, NONE_AHEAD, type ReceivedAhead } from '../../pure/reading/received-ahead.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { createYielder } from '../files/yielder.js';

/** What `findReceivedAhead` works on. */
export interface AheadComponents {
  readonly storage: Pick<Storage, 'partitions' | 'snapshot'>;
  /** What "ahead" is measured by; the machine's by default. */
  readonly clock?: Clock | undefined;
}

/** How long it may take. */
export interface AheadOptions extends CallOptions {
  /** Readings that are looked at, about; default 5,000,000, some seconds' work. */
  readonly maxReadings?: number | undefined;
}

/** What was found. */
export interface AheadSummary extends ReceivedAhead {
  /** Whether all files of the days looked at were looked at. */
  readonly isComplete: boolean;
}

/**
 * Looks for readings received ahead of the clock among those of yesterday and later, where most that was received lately lies.
 * A reading counts once for each file that it is in. What is damaged is skipped: others tell of it.
 * @throws HrmError kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 * @example
 * const { readings, latestMs } = await findReceivedAhead({ storage });
 */
export async function findReceivedAhead(
  { storage, clock = systemClock }: AheadComponents,
  { signal, maxReadings = MAX_AHEAD_READINGS }: AheadOptions = {},
): Promise<AheadSummary> {
  const nowMs = clock.nowMs();
  const fromDate = partitionDate(Math.max(0, nowMs - DAY_MS));
  const yielder = createYielder();
  let found = NONE_AHEAD;
  let left = maxReadings;
  for (const range of [{ fromDate, directories: [SHARED_DIRECTORY] }, { fromDate }]) {
    for await (const partition of storage.partitions(range, { signal })) {
      throwIfAborted(signal, 'looking for readings received ahead of the clock');
      if (left <= 0) return { ...found, isComplete: false };
      const own = await overSnapshot(storage, partition, { signal }, async (snapshot) => {
        let [ahead, rows] = [NONE_AHEAD, 0];
        for await (const columns of tablesOf(snapshot)) {
          ahead = addAhead(ahead, countAhead(columns, nowMs));
          rows += columns.length;
          await yielder.yieldTurn();
          if (rows >= left) break;
        }
        return { ahead, rows };
      });
      found = addAhead(found, own.ahead);
      left -= own.rows;
    }
  }
  return { ...found, isComplete: left > 0 };
}

/** What can be read of a partition, a row group at a time. */
async function* tablesOf({ partition, files }: Snapshot): AsyncGenerator<ReadingColumns> {
  for (const file of files) {
    const opened = await openFile(file, partition).catch(nullIfDamaged);
    if (opened === null) continue;
    for (const group of opened.footer.groups) {
      const tables = await decodeGroups(file, partition, opened, [group], createYielder().yieldTurn).catch(
        nullIfDamaged,
      );
      for (const columns of tables ?? []) yield columns;
    }
  }
}
