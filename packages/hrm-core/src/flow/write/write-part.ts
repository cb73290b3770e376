import { HrmError, throwIfAborted } from '../../errors.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { columnsFromReadings, type Reading } from '../../pure/columns.js';
import { isReading } from '../../pure/reading/reading.js';
import { storeParts, type WrittenPart } from '../files/store-parts.js';

/** What `writePart` works on. */
export interface WriteComponents {
  /** All that it needs of a storage. */
  readonly storage: Pick<Storage, 'publish'>;
}

/**
 * Writes readings as one immutable part for each partition (a user's UTC day) that they touch, and resolves once all of
 * them are durable. Writing the same readings again finds the parts there and changes nothing. Where they touch very many
 * users of a day, those with few readings share one part; compaction splits it.
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
  const { written, failed } = await storeParts(storage, columnsFromReadings(readings), { signal });
  for (const { error } of failed) throw error;
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
