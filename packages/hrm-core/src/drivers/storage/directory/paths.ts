/** Paths inside a data directory. */
import { join } from 'node:path';
import type { Partition } from '../../../ports/storage.js';
import { requirePartition } from '../names.js';

/** Unfinished files; the sweep's, at the next start. */
export const TEMPORARY_DIRECTORY = '.tmp';
/** Stamps of months whose dates got a directory. */
export const DATES_DIRECTORY = '.dates';

/**
 * The path of a partition.
 * @throws HrmError kind `internal`, code `invalid_name`.
 */
export function partitionPath(dataDirectory: string, partition: Partition): string {
  requirePartition(partition);
  return join(dataDirectory, partition.date, partition.directory);
}
