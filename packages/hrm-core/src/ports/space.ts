/** Room where a driver keeps things: a disk's for this user, or a server's memory limit. */
export interface Space {
  /** What can still be written, bytes >= 0; `null` where the driver cannot tell. */
  readonly freeBytes: number | null;
  /** What there is in all, bytes > 0; `null` where the driver cannot tell, or where there is no bound. */
  readonly totalBytes: number | null;
  /** Files that can still be made there, >= 0; absent or `null` where that is not counted. A disk may have room and none of these. */
  readonly freeInodes?: number | null | undefined;
  /** Files that there can be in all, > 0; as {@link Space.freeInodes}. */
  readonly totalInodes?: number | null | undefined;
}

/** The space of a driver that cannot tell. */
export const UNKNOWN_SPACE: Space = { freeBytes: null, totalBytes: null };

/**
 * The space that `statfs` tells of, as `df` counts it: without what is kept for the superuser.
 * A file system that answers with zeros (some in user space do) cannot tell; one that makes inodes as it needs them (btrfs) counts none.
 */
export function diskSpace(status: {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files?: number;
  readonly ffree?: number;
}): Space {
  const { bsize, blocks, bfree, bavail, files = 0, ffree = 0 } = status;
  const inodes = files > 0 && ffree >= 0 ? { freeInodes: ffree, totalInodes: files } : {};
  if (bsize <= 0 || blocks <= 0) return UNKNOWN_SPACE;
  return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize, ...inodes };
}
