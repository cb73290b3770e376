/**
 * What a storage holds, by names and sizes of files. None is read, but for the ends of large compacted files: whether they have a rollup.
 *
 * A date is counted anew only where one of its partitions has changed since: the states of all are one digest, which is remembered with
 * the counts. A date that is over mostly stays as it is, and then costs a look a partition instead of a listing and a look a file.
 */
import { createHash } from 'node:crypto';
import { isGone, isHrmError, throwIfAborted } from '../../errors.js';
import { MAX_LISTED_DAYS, MAX_MEASURED_DATES, MIN_UNROLLED_BYTES } from '../../limits.js';
import { isCompacted, SHARED_DIRECTORY } from '../../names.js';
import { openFile } from '../../parquet/footer.js';
import type { CallOptions } from '../../ports/queue.js';
import type { ListOptions, Partition, PartitionSize, Storage } from '../../ports/storage.js';
import { userDirectory } from '../../pure/partition.js';
import { byCodeUnits, sortYielding } from '../../sort-yielding.js';
import { readAhead } from '../files/read-ahead.js';
import { createYielder } from '../files/yielder.js';

/** What `measureStorage` works on. */
export interface MeasureComponents {
  readonly storage: Pick<Storage, 'partitions' | 'snapshot' | 'sizes' | 'state' | 'readAhead'>;
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
  /** Users of whom the day has no rollup, as {@link StorageSize.withoutRollup}. */
  readonly withoutRollup: number;
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
  /**
   * Users' days whose compacted file has no rollup though it has {@link MIN_UNROLLED_BYTES}: of too many devices. Every question reads
   * all their readings.
   */
  readonly withoutRollup: number;
  /** Users with files of their own; who is in shared parts only is not counted. */
  readonly users: number;
  readonly days: number;
  /** The last {@link MAX_LISTED_DAYS}, ascending. */
  readonly lastDays: readonly StoredDay[];
  readonly firstDate: string | null;
  readonly lastDate: string | null;
}

/**
 * Counts files, bytes, days and users. Holds a name a user, the names of one date and some numbers a date. What is
 * published or compacted meanwhile may be counted or not.
 * @throws HrmError kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 */
export async function measureStorage(
  { storage }: MeasureComponents,
  { userId, signal, onProgress }: MeasureOptions = {},
): Promise<StorageSize> {
  const users = new Set<string>();
  const days = new Map<string, StoredDay>();
  const total = { ...NOTHING, sharedParts: 0 };
  const yielder = createYielder();
  const options = { signal, yieldTurn: yielder.yieldTurn };
  async function measure(some: DatePartitions) {
    return { ...some, size: await sizeOfDate({ storage, ...some }, options) };
  }
  const counted = readAhead(datesIn(storage, userId, options), measure, storage.readAhead ?? 0);
  for await (const { date, partitions, size } of counted) {
    for (const { directory } of partitions) {
      if (directory !== SHARED_DIRECTORY && !size.empty.has(directory)) users.add(directory);
    }
    if (size.files === 0) continue;
    if (partitions[0]?.directory === SHARED_DIRECTORY) total.sharedParts += size.files;
    addSize(total, size);
    const day = days.get(date) ?? { date, files: 0, bytes: 0, withoutRollup: 0 };
    days.set(date, {
      date,
      files: day.files + size.files,
      bytes: day.bytes + size.bytes,
      withoutRollup: day.withoutRollup + size.withoutRollup,
    });
    onProgress?.({ partitions: total.partitions, date });
  }
  const dates = await sortYielding([...days.keys()], byCodeUnits, yielder.yieldTurn);
  const lastDays = dates.slice(-MAX_LISTED_DAYS).map((date) => days.get(date) as StoredDay);
  const [firstDate = null] = dates;
  return { ...total, users: users.size, days: dates.length, lastDays, firstDate, lastDate: dates.at(-1) ?? null };
}

/** What some partitions take. */
interface Sizes {
  partitions: number;
  files: number;
  bytes: number;
  compactedFiles: number;
  mostFiles: number;
  withoutRollup: number;
}

const NOTHING: Readonly<Sizes> = {
  partitions: 0,
  files: 0,
  bytes: 0,
  compactedFiles: 0,
  mostFiles: 0,
  withoutRollup: 0,
};

function addSize(total: Sizes, size: Readonly<Sizes>): void {
  total.partitions += size.partitions;
  total.files += size.files;
  total.bytes += size.bytes;
  total.compactedFiles += size.compactedFiles;
  total.mostFiles = Math.max(total.mostFiles, size.mostFiles);
  total.withoutRollup += size.withoutRollup;
}

/** Partitions of one date: users', or the shared one. */
interface DatePartitions {
  readonly date: string;
  readonly partitions: readonly Partition[];
  /** None of that kind is left out. */
  readonly isAll: boolean;
}

async function* datesIn(
  storage: MeasureComponents['storage'],
  userId: string | undefined,
  options: ListOptions,
): AsyncGenerator<DatePartitions, void, undefined> {
  const isAll = userId === undefined;
  // Between any two dates, so that nobody looks first whether the user has something there.
  const own = { fromDate: '00000000', toDate: '99999999', directories: [userDirectory(userId ?? '')] };
  const ranges = isAll ? [{}, { directories: [SHARED_DIRECTORY] }] : [own];
  for (const range of ranges) {
    let partitions: Partition[] = [];
    for await (const partition of storage.partitions(range, options)) {
      const [{ date } = partition] = partitions;
      if (date !== partition.date) {
        yield { date, partitions, isAll };
        partitions = [];
      }
      partitions.push(partition);
      await options.yieldTurn?.();
    }
    const [first] = partitions;
    if (first !== undefined) yield { date: first.date, partitions, isAll };
  }
}

/** The counts of a date, as of the states of its partitions. */
interface MeasuredDate {
  readonly states: string;
  readonly size: Readonly<Sizes>;
}

const measured = new WeakMap<object, Map<string, MeasuredDate>>();

async function sizeOfDate(
  { storage, date, partitions, isAll }: DatePartitions & MeasureComponents,
  options: ListOptions,
): Promise<Readonly<Sizes> & { readonly empty: ReadonlySet<string> }> {
  const remembered = measured.get(storage) ?? new Map<string, MeasuredDate>();
  measured.set(storage, remembered);
  const key = partitions[0]?.directory === SHARED_DIRECTORY ? `${date}/${SHARED_DIRECTORY}` : date;
  const states = isAll ? await statesOf(storage, partitions, options) : null;
  const known = remembered.get(key);
  const empty = new Set<string>();
  if (known !== undefined && known.states === states) return { ...known.size, empty };
  const size = { ...NOTHING };
  for (let from = 0; from < partitions.length; from += SIZED_AT_ONCE) {
    const some = partitions.slice(from, from + SIZED_AT_ONCE);
    const sizes = await storage.sizes(some, options);
    await nextPiece(options);
    for (const [i, partition] of some.entries()) {
      const each = await sizeOf(storage, partition, sizes[i] as PartitionSize);
      if (each.files === 0) empty.add(partition.directory);
      addSize(size, each);
    }
  }
  // What has no files is not told by the counts alone.
  const isKept = states !== null && empty.size === 0 && (known !== undefined || remembered.size < MAX_MEASURED_DATES);
  if (isKept) remembered.set(key, { states, size });
  else remembered.delete(key);
  return { ...size, empty };
}

/** Partitions of a date that are counted before others have a turn. */
const SIZED_AT_ONCE = 512;

async function nextPiece({ signal, yieldTurn }: ListOptions): Promise<void> {
  throwIfAborted(signal, 'measuring');
  await yieldTurn?.();
}

/** A digest of the states of partitions; `null` where one may have changed without telling. */
async function statesOf(
  storage: MeasureComponents['storage'],
  partitions: readonly Partition[],
  options: ListOptions,
): Promise<string | null> {
  const hash = createHash('sha256');
  for (const partition of partitions) {
    const state = await storage.state([partition]);
    if (state === null) return null;
    hash.update(`${partition.directory} ${state}\n`);
    await nextPiece(options);
  }
  return hash.digest('hex');
}

async function sizeOf(
  storage: MeasureComponents['storage'],
  partition: Partition,
  { files, bytes, compactedBytes }: PartitionSize,
): Promise<Readonly<Sizes>> {
  const isLarge = (compactedBytes ?? 0) >= MIN_UNROLLED_BYTES;
  return {
    partitions: files === 0 ? 0 : 1,
    files,
    bytes,
    compactedFiles: compactedBytes === null ? 0 : 1,
    mostFiles: files,
    withoutRollup: isLarge && !(await hasRollup(storage, partition)) ? 1 : 0,
  };
}

/** Whether the compacted file of a partition has a rollup, be it damaged; of what cannot be read `hrm verify` tells. */
async function hasRollup(storage: MeasureComponents['storage'], partition: Partition): Promise<boolean> {
  const snapshot = await storage.snapshot(partition, { isKnown: () => true });
  try {
    const file = snapshot.files.find(({ name }) => isCompacted(name));
    if (file === undefined) return true;
    const { rollup, rollupFault } = (await openFile(file, partition)).footer;
    return rollup !== null || rollupFault !== null;
  } catch (error) {
    if (isGone(error) || (isHrmError(error) && error.kind === 'data')) return true;
    throw error;
  } finally {
    await snapshot.close();
  }
}
