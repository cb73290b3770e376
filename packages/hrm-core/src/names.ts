/** Names in a data directory that the contract fixes, and every layer goes by. */

/** The file that compaction makes: at most one a partition, and the only one that is ever replaced. */
export const COMPACTED_NAME = 'compacted.parquet';

/**
 * The directory of parts that hold several users' readings; no user's own, since `userDirectory` gives no name that begins
 * with `_`. It has no compacted file.
 */
export const SHARED_DIRECTORY = '_shared';
