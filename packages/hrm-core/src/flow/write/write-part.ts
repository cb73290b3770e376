import { HrmError, isTotal, throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_WRITES, MAX_SMALL_PARTS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { encodeReadings } from '../../parquet/encode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage } from '../../ports/storage.js';
import { columnsFromReadings, type Reading, type ReadingColumns } from '../../pure/columns.js';
import { mergeReadings } from '../../pure/merge.js';
import { partName } from '../../pure/partition.js';
import { isReading } from '../../pure/reading.js';
import { type PartitionedReadings, splitParts } from '../../pure/split-parts.js';
import { takeTurns } from '../files/turns.js';

/** What `writePart` works on. */
export interface WriteComponents {
  readonly storage: Storage;
}

/** One part that is durable now. */
export interface WrittenPart {
  readonly partition: Partition;
  /** `part-<id>.parquet`; the id follows from the readings. */
  readonly name: string;
  /** Readings in it, after rule 1. */
  readonly readings: number;
  readonly byteLength: number;
  /** `exists` when the same readings were written before, as after a redelivery. */
  readonly outcome: 'written' | 'exists';
}

/**
 * Writes readings as one immutable part for each partition (a user's UTC day) that they touch, and resolves once all of
 * them are durable. Writing the same readings again finds the parts there and changes nothing. Where they touch very many
 * users of a day, those with few readings share one part; compaction brings its readings home.
 *
 * When it throws, some parts may have been written: write the same readings again.
 *
 * @param readings - valid readings, in any order, of any users and days.
 * It does not look for the reading that makes a write fail, as `drainBatch` does: where some of a partition cannot be
 * stored, nothing of that partition is.
 *
 * @throws HrmError kind `invalid`, code `invalid_readings`; kind `unavailable` (`storage_full` when there is no space), kind
 *   `data`, code `unstorable_readings`, when the storage takes some of them never; kind `closed` when aborted.
 * @example
 * await writePart({ storage }, [
 *   { userId: 'ana', deviceId: 'watch', timestampMs: 1705312800000, heartRate: 72, receivedMs: Date.now() },
 * ]);
 */
export async function writePart(
  { storage }: WriteComponents,
  readings: readonly Reading[],
  { signal }: CallOptions = {},
): Promise<readonly WrittenPart[]> {
  throwIfAborted(signal, 'writing parts');
  checkReadings(readings);
  const { written, failed } = await writePartitions(storage, columnsFromReadings(readings), { signal });
  for (const { error } of failed) throw error;
  return written;
}

/** How a batch is written. */
export interface WriteOptions extends CallOptions {
  /** As in `DrainSettings`. */
  readonly maxSmallParts?: number | undefined;
  /** Parts to write, at most; default: all. */
  readonly maxParts?: number | undefined;
}

/** A partition that could not be written; its readings are merged, of one user, or of the users of a shared part. */
interface FailedPartition extends PartitionedReadings {
  readonly error: unknown;
}

/** What became of the parts of a batch. */
interface WrittenPartitions {
  readonly written: readonly WrittenPart[];
  readonly failed: readonly FailedPartition[];
  /** Not tried, see {@link WriteOptions.maxParts}. */
  readonly left: readonly PartitionedReadings[];
}

/**
 * Writes merged readings of one partition as a part.
 * @throws whatever keeps it from being durable.
 */
export async function writeColumns(
  storage: Storage,
  partition: Partition,
  columns: ReadingColumns,
  { signal }: CallOptions,
): Promise<WrittenPart> {
  throwIfAborted(signal, 'writing parts');
  const bytes = encodeReadings(columns, { shared: partition.directory === SHARED_DIRECTORY });
  const name = partName(bytes);
  const outcome = await storage.publish(partition, name, bytes, { signal });
  return { partition, name, readings: columns.length, byteLength: bytes.byteLength, outcome };
}

/**
 * Writes a part for each partition that readings touch, and goes on with the others when one cannot be written. Stops
 * early, and counts what it did not try as failed, when aborted or when there is no space. What failed is in the order
 * that the readings determine.
 */
export async function writePartitions(
  storage: Storage,
  readings: ReadingColumns,
  { signal, maxSmallParts = MAX_SMALL_PARTS, maxParts = Number.POSITIVE_INFINITY }: WriteOptions,
): Promise<WrittenPartitions> {
  const { give } = takeTurns();
  await give();
  const merged = mergeReadings([readings]);
  await give();
  const { parts: batch, left } = splitParts(merged, { maxSmallParts, maxParts });
  const written: WrittenPart[] = [];
  const failures = new Map<number, FailedPartition>();
  let stop: unknown;
  let next = 0;
  async function writeNext(): Promise<void> {
    for (let item = batch[next]; item !== undefined; item = batch[next]) {
      const index = next;
      next += 1;
      const { partition, columns } = item;
      try {
        await give();
        if (stop !== undefined) throw stop;
        written.push(await writeColumns(storage, partition, columns, { signal }));
      } catch (error) {
        if (isTotal(error)) stop ??= error;
        failures.set(index, { partition, columns, error });
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT_WRITES, batch.length) }, writeNext));
  const failed = [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
  return { written, failed, left };
}

function checkReadings(readings: readonly Reading[]): void {
  const wrong = readings.findIndex((reading) => !isReading(reading));
  if (wrong < 0) return;
  const message = 'must be a valid reading: ids, timestampMs, heartRate and receivedMs in their bounds';
  throw new HrmError(`reading ${wrong} ${message}; none was written`, {
    kind: 'invalid',
    code: 'invalid_readings',
    faults: [{ path: `/${wrong}`, message }],
  });
}
