/**
 * Keys of a store below its prefix.
 *
 * ```
 * YYYYMMDD/<user>/part-<hash>.parquet         never changed, but where it was damaged                 publish.ts
 * YYYYMMDD/<user>/compacted-<hash>.parquet    never changed                                         publish.ts
 * _shared/YYYYMMDD/part-<hash>.parquet        the same of many users                                  publish.ts
 * .pending/<shard>/DATE~<user>~<random>       what a compacter should look at                         marks.ts
 * .users/<hash>.json                          settings of a user                          settings-files.ts
 * .erasures/<id>.json                         what was erased; never changed                    erasures.ts
 * .erasures/retention-<number>.json           how long readings are kept; the last counts       erasures.ts
 * .quarantine/….damaged, ….damaged.json       set aside, and why                                  quarantine.ts
 * .dead/<id>.json                             dead letters of SQS                  drivers/letters/bucket.ts
 * .store                                      which store it is                                        start.ts
 * .probe, .probe-<random>                     what a check writes                                      start.ts
 * ```
 *
 * A directory has shared parts below their date. Here their name leads, so that one listing tells which of any number of dates have some: a
 * question about a month would ask for each of its days otherwise, and mostly for nothing.
 */
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../../names.js';
import type { Partition } from '../../../ports/storage.js';
import { isPart, requirePartition } from '../names.js';

/**
 * How a file is named whose key ends in `compacted.parquet`, as one has that was copied from a directory: as a part that others than this
 * storage named. It is merged like one, and goes when its bytes are held.
 */
const COPIED_COMPACTED = `part-${COMPACTED_NAME}`;

/** What a partition's keys begin with. @throws HrmError kind `internal`, code `invalid_name`. */
export function partitionPrefix(partition: Partition): string {
  requirePartition(partition);
  const { date, directory } = partition;
  return directory === SHARED_DIRECTORY ? `${SHARED_PREFIX}${date}/` : `${date}/${directory}/`;
}

/** What the keys of all shared parts begin with. */
export const SHARED_PREFIX = `${SHARED_DIRECTORY}/`;

/** The key of a partition's file. */
export function keyOfFile(partition: Partition, name: string): string {
  return partitionPrefix(partition) + (name === COPIED_COMPACTED ? COMPACTED_NAME : name);
}

/** The name of the file that a key below {@link partitionPrefix} ends in; `null` where it is none of a partition. */
export function nameOfFile(end: string): string | null {
  if (end === COMPACTED_NAME) return COPIED_COMPACTED;
  return isPart(end) && end !== COPIED_COMPACTED ? end : null;
}
