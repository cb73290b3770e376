/** What fails in one partition keeps nobody from going on with the others. */

import { isHrmError, isTotal } from '../../errors.js';
import { MAX_PARTITION_FAILURES } from '../../limits.js';
import type { Partition, PartitionFailure } from '../../ports/storage.js';

/** What is reported of a partition that failed. */
export function describeFailure(partition: Partition, error: unknown): PartitionFailure {
  if (isHrmError(error)) return { partition, code: error.code, message: error.message, name: error.file?.name };
  return { partition, code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/**
 * Notes the failure of a partition.
 * @throws the error, where going on makes no sense: it is of the storage or of the call, or so many partitions have failed that the
 *   storage itself is taken for broken.
 */
export function noteFailure(failures: PartitionFailure[], partition: Partition, error: unknown): void {
  if (isTotal(error) || failures.length === MAX_PARTITION_FAILURES) throw error;
  failures.push(describeFailure(partition, error));
}
