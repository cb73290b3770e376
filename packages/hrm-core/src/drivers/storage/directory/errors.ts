/** What the file system's errors mean for whoever runs this: the reason, and what to do about it. */
import { errorCode, HrmError, isHrmError } from '../../../errors.js';

/**
 * The driver's error for a failed call: an HrmError stays what it is, anything else is kind `unavailable`, code
 * `storage_full` or `storage_unavailable`; what the system did not report is a defect, kind `internal`.
 * @param what - what could not be done, in the form "publish 20240115/ana/part-1.parquet".
 * @param directory - the data directory.
 */
export function storageError(what: string, directory: string, cause: unknown): HrmError {
  if (isHrmError(cause)) return cause;
  const code = errorCode(cause);
  if (code === '' || code.startsWith('ERR_')) {
    return new HrmError(`cannot ${what}: a defect in this software`, {
      kind: 'internal',
      code: 'storage_defect',
      cause,
    });
  }
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const reason = `${adviceOf(code)} (${cause instanceof Error ? cause.message : String(cause)})`;
  return new HrmError(`cannot ${what} in the data directory ${directory} (HRM_DATA_DIR): ${reason}`, {
    kind: 'unavailable',
    code: isFull ? 'storage_full' : 'storage_unavailable',
    cause,
  });
}

/** Awaits a call; `false` where it fails with this code. */
export async function succeedsUnless(code: string, call: Promise<void>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (errorCode(error) === code) return false;
    throw error;
  }
}

function adviceOf(code: string): string {
  switch (code) {
    case 'ENOSPC':
      return 'the disk is full, or has no inodes left (df -i); free some space or delete files';
    case 'EDQUOT':
      return 'the disk quota is used up; free some space or raise it';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; give the user that runs this process read and write access';
    case 'EROFS':
      return 'the file system is read-only; mount it writable or choose another directory';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many open files; raise the limit (ulimit -n)';
    case 'ENOENT':
      return 'a directory is gone; if the disk was unmounted or the directory deleted, restore it and start again';
    case 'EEXIST':
    case 'ENOTDIR':
    case 'EISDIR':
      return 'something else than a directory or file of this system is in the way; move it away';
    case 'EXDEV':
      return 'it spans file systems; keep all of it on one';
    default:
      return 'the file system failed; look at the disk and at the system log';
  }
}
