/** Names in a data directory that the contract fixes, and every layer goes by. */

/** The file that compaction makes where files can be held open: at most one a partition, and the only one that is ever replaced. */
export const COMPACTED_NAME = 'compacted.parquet';

/**
 * The directory of parts that hold several users' readings; no user's own, since `userDirectory` gives no name that begins
 * with `_`. It has no compacted file.
 */
export const SHARED_DIRECTORY = '_shared';

/**
 * Names that are a hash of their bytes, and so only ever those of one content. Other parts are superseded files, or were named by
 * a person or another program, who may give the name again.
 */
export const HASHED_NAME = /^(?:part|compacted)-[0-9a-f]{32}\.parquet$/;

const HASHED_COMPACTED = /^compacted-[0-9a-f]{32}\.parquet$/;

/**
 * Whether a name is that of a file that compaction makes. Where whoever reads a file can hold it open it is always the same one,
 * {@link COMPACTED_NAME}. Elsewhere an overwritten file would break those who read it, so its name is a hash of its bytes, and
 * there may be several for a while.
 */
export function isCompacted(name: string): boolean {
  return name === COMPACTED_NAME || HASHED_COMPACTED.test(name);
}

/** Names of compacted files that were replaced, until they are swept. */
export const SUPERSEDED_PART = /^part-old-(?:[0-9a-f]{32}-)?[0-9a-f-]{32,36}\.parquet$/;
