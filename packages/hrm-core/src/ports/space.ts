/** Room where a driver keeps things: a disk's for this user, or a server's memory limit. */
export interface Space {
  /** What can still be written, bytes >= 0; `null` where the driver cannot tell. */
  readonly freeBytes: number | null;
  /** What there is in all, bytes > 0; `null` where the driver cannot tell, or where there is no bound. */
  readonly totalBytes: number | null;
}

/** The space of a driver that cannot tell. */
export const UNKNOWN_SPACE: Space = { freeBytes: null, totalBytes: null };

/**
 * The space that `statfs` tells of, as `df` counts it: without what is kept for the superuser.
 * A file system that answers with zeros (some in user space do) cannot tell.
 */
export function diskSpace(status: {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}): Space {
  const { bsize, blocks, bfree, bavail } = status;
  if (bsize <= 0 || blocks <= 0) return UNKNOWN_SPACE;
  return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
}
