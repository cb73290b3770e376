/** Stores columns of readings as immutable parts. */
import { isTotal, throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_WRITES, MAX_SMALL_PARTS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { encodeSteps } from '../../parquet/encode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Storage } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { mergeYielding } from '../../pure/merge.js';
import { type PartitionedReadings, splitPartsSteps } from '../../pure/split-parts.js';
import { inTurns } from '../../steps.js';
import { createYielder } from '../files/yielder.js';
import { partNameYielding } from './content-hash.js';

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

/** How a batch is written. */
export interface WriteOptions extends CallOptions {
  /** As in `DrainSettings`. */
  readonly maxSmallParts?: number | undefined;
  /** Parts to write, at most; default: all. */
  readonly maxParts?: number | undefined;
  /** Hears of each part when its write has ended, well or not. */
  readonly onProgress?: (() => void) | undefined;
  /** Hears of each part when all that is left of it is to wait for the storage. */
  readonly onStoring?: (() => void) | undefined;
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
export async function storePart(
  storage: Pick<Storage, 'publish'>,
  partition: Partition,
  columns: ReadingColumns,
  { signal, onProgress, onStoring }: Pick<WriteOptions, 'signal' | 'onProgress' | 'onStoring'>,
): Promise<WrittenPart> {
  throwIfAborted(signal, 'writing parts');
  const { yieldTurn } = createYielder();
  const bytes = await inTurns(encodeSteps(columns, { shared: partition.directory === SHARED_DIRECTORY }), yieldTurn);
  await yieldTurn();
  const name = await partNameYielding(bytes, yieldTurn);
  const publishing = storage.publish(partition, name, bytes, { signal }).finally(onProgress);
  onStoring?.();
  const outcome = await publishing;
  return { partition, name, readings: columns.length, byteLength: bytes.byteLength, outcome };
}

/**
 * Writes a part for each partition that readings touch, and goes on with the others when one cannot be written. Stops
 * early, and counts what it did not try as failed, when aborted or when there is no space. What failed is in the order
 * that the readings determine.
 */
export async function storeParts(
  storage: Pick<Storage, 'publish'>,
  readings: ReadingColumns,
  { signal, onProgress, onStoring, maxSmallParts = MAX_SMALL_PARTS, maxParts = Number.POSITIVE_INFINITY }: WriteOptions,
): Promise<WrittenPartitions> {
  const { yieldTurn } = createYielder();
  await yieldTurn();
  const merged = await mergeYielding([readings], yieldTurn);
  await yieldTurn();
  const { parts: batch, left } = await inTurns(splitPartsSteps(merged, { maxSmallParts, maxParts }), yieldTurn);
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
        await yieldTurn();
        if (stop !== undefined) throw stop;
        written.push(await storePart(storage, partition, columns, { signal, onProgress, onStoring }));
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
