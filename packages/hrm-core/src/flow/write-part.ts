import { HrmError, throwIfAborted } from '../errors.js';
import { DAY_MS, MAX_CONCURRENT_WRITES } from '../limits.js';
import { encodeReadings } from '../parquet/encode.js';
import type { CallOptions } from '../ports/queue.js';
import type { Partition, Storage } from '../ports/storage.js';
import { columnsFromReadings, type Reading, type ReadingColumns, takeRows } from '../pure/columns.js';
import { mergeReadings } from '../pure/merge.js';
import { partitionDate, partName, userDirectory } from '../pure/partition.js';
import { isReading } from '../reading.js';

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
 * them are durable. Writing the same readings again finds the parts there and changes nothing.
 *
 * When it throws, some parts may have been written: write the same readings again.
 *
 * @param readings - valid readings, in any order, of any users and days.
 * @throws HrmError kind `invalid`, code `invalid_readings`; kind `unavailable` (`storage_full` when there is no space), kind `closed` when aborted.
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
  const batch = splitPartitions(mergeReadings([columnsFromReadings(readings)]));
  const written: WrittenPart[] = [];
  let next = 0;
  async function writeNext(): Promise<void> {
    for (let item = batch[next]; item !== undefined; item = batch[next]) {
      next += 1;
      throwIfAborted(signal, 'writing parts');
      const bytes = encodeReadings(item.columns);
      const name = partName(bytes);
      const outcome = await storage.publish(item.partition, name, bytes, { signal });
      const { partition, columns } = item;
      written.push({ partition, name, readings: columns.length, byteLength: bytes.byteLength, outcome });
    }
  }
  const writers = Array.from({ length: Math.min(MAX_CONCURRENT_WRITES, batch.length) }, writeNext);
  // All writers end before an error is reported, so that nothing is written after the caller has given the batch back.
  const results = await Promise.allSettled(writers);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return written;
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

/** The partitions of merged readings, each with its rows, still sorted. Partitions of one user stand together. */
function splitPartitions(columns: ReadingColumns): { partition: Partition; columns: ReadingColumns }[] {
  const rowsByPartition = new Map<number, number[]>();
  const users = columns.users.length;
  for (let row = 0; row < columns.length; row += 1) {
    const day = Math.floor((columns.timestampMs[row] as number) / DAY_MS);
    const key = day * users + (columns.user[row] as number);
    const rows = rowsByPartition.get(key);
    if (rows === undefined) rowsByPartition.set(key, [row]);
    else rows.push(row);
  }
  return [...rowsByPartition].map(([key, rows]) => {
    const day = Math.floor(key / users);
    const directory = userDirectory(columns.users[key % users] as string);
    return {
      partition: { date: partitionDate(day * DAY_MS), directory },
      columns: takeRows(columns, Uint32Array.from(rows)),
    };
  });
}
