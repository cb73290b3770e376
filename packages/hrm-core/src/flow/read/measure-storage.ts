/**
 * What a storage holds, by its files alone: none is read.
 */
import { throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_READS, MAX_LISTED_DAYS } from '../../limits.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { ListOptions, Partition, SnapshotOptions, Storage } from '../../ports/storage.js';
import { userDirectory } from '../../pure/partition.js';
import { byCodeUnits, sortInTurns } from '../../sort-in-turns.js';
import { takeTurns } from '../files/turns.js';

/** What `measureStorage` works on. */
export interface MeasureComponents {
  readonly storage: Pick<Storage, 'partitions' | 'snapshot'>;
}

/** How a storage is measured. */
export interface MeasureOptions extends CallOptions {
  /** Only this user's own files. */
  readonly userId?: string | undefined;
  /** Hears of each partition when it was counted. */
  readonly onProgress?: ((progress: { readonly partitions: number; readonly date: string }) => void) | undefined;
}

/** One UTC day's files. */
export interface StoredDay {
  /** `YYYYMMDD`. */
  readonly date: string;
  readonly files: number;
  readonly bytes: number;
}

/** What there is. */
export interface StorageSize {
  readonly partitions: number;
  readonly files: number;
  readonly bytes: number;
  /** Files that hold a user's day as one. */
  readonly compactedFiles: number;
  /** Parts of batches of very many users. */
  readonly sharedParts: number;
  /** Files of the partition that has the most: what a query of that day opens. */
  readonly mostFiles: number;
  /** Users with files of their own; who is in shared parts only is not counted. */
  readonly users: number;
  readonly days: number;
  /** The last {@link MAX_LISTED_DAYS}, ascending. */
  readonly lastDays: readonly StoredDay[];
  readonly firstDate: string | null;
  readonly lastDate: string | null;
}

/**
 * Counts files, bytes, days and users. Holds a name a user and a number a day, and some files open at once; takes a look at each partition. What is
 * published or compacted meanwhile may be counted or not.
 * @throws HrmError kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 */
export async function measureStorage(
  { storage }: MeasureComponents,
  { userId, signal, onProgress }: MeasureOptions = {},
): Promise<StorageSize> {
  const users = new Set<string>();
  const days = new Map<string, StoredDay>();
  const total = { partitions: 0, files: 0, bytes: 0, compactedFiles: 0, sharedParts: 0, mostFiles: 0 };
  const turns = takeTurns();
  for await (const partitions of batches(storage, userId, { signal, giveWay: turns.give })) {
    throwIfAborted(signal, 'measuring');
    await turns.give();
    const sizes = await Promise.all(
      partitions.map((partition) => sizeOf(storage, partition, { signal, giveWay: turns.give })),
    );
    for (const [i, { date, directory }] of partitions.entries()) {
      const { files, bytes, compactedFiles } = sizes[i] as (typeof sizes)[number];
      if (files === 0) continue;
      total.partitions += 1;
      total.files += files;
      total.bytes += bytes;
      total.compactedFiles += compactedFiles;
      total.mostFiles = Math.max(total.mostFiles, files);
      if (directory === SHARED_DIRECTORY) total.sharedParts += files;
      else users.add(directory);
      const day = days.get(date) ?? { date, files: 0, bytes: 0 };
      days.set(date, { date, files: day.files + files, bytes: day.bytes + bytes });
      onProgress?.({ partitions: total.partitions, date });
    }
  }
  const dates = await sortInTurns([...days.keys()], byCodeUnits, turns.give);
  const lastDays = dates.slice(-MAX_LISTED_DAYS).map((date) => days.get(date) as StoredDay);
  const [firstDate = null] = dates;
  return { ...total, users: users.size, days: dates.length, lastDays, firstDate, lastDate: dates.at(-1) ?? null };
}

/** Partitions, some at a time: a user's own, or all and then the shared ones. */
async function* batches(
  storage: MeasureComponents['storage'],
  userId: string | undefined,
  options: ListOptions,
): AsyncGenerator<readonly Partition[]> {
  const ranges =
    userId === undefined ? [{}, { directories: [SHARED_DIRECTORY] }] : [{ directories: [userDirectory(userId)] }];
  for (const range of ranges) {
    let batch: Partition[] = [];
    for await (const partition of storage.partitions(range, options)) {
      batch.push(partition);
      if (batch.length < MAX_CONCURRENT_READS) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }
}

async function sizeOf(storage: MeasureComponents['storage'], partition: Partition, options: SnapshotOptions) {
  const snapshot = await storage.snapshot(partition, options);
  try {
    const { files } = snapshot;
    return {
      files: files.length,
      bytes: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
      compactedFiles: files.filter(({ name }) => name === COMPACTED_NAME).length,
    };
  } finally {
    await snapshot.close();
  }
}
