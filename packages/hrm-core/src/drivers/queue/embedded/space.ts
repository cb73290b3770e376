/**
 * Space on the disk under an embedded queue: refusing what would fill it, and telling a full disk from a broken one.
 * @module
 */
import { statfsSync } from 'node:fs';
import { HrmError } from '../../../errors.js';
import { QUEUE_RESERVE_BYTES } from '../../../limits.js';
import { diskSpace, type Space } from '../../../ports/space.js';
import { bytesText } from '../../../words.js';

/** ENOSPC and EDQUOT, and MDB_MAP_FULL. */
const FULL_CODES: readonly unknown[] = [28, 122, -30792];

const EIO = 5;

/** Pages that a push makes lmdb write, in bytes a byte of elements: twice, for pages half full. */
const WRITE_AMPLIFICATION = 2;

/**
 * Refuses a write of `byteLength` bytes of elements that would leave the disk nearly full.
 * @throws HrmError kind `unavailable`, code `queue_full`.
 */
export function requireSpace(directory: string, byteLength: number): void {
  const neededBytes = QUEUE_RESERVE_BYTES + byteLength * WRITE_AMPLIFICATION;
  const free = readFreeBytes(directory);
  if (free >= neededBytes) return;
  const reason = `the disk is nearly full: ${bytesText(free)} are free, and this takes ${bytesText(neededBytes)}, of which ${bytesText(QUEUE_RESERVE_BYTES)} stay free for the consumers`;
  throw unavailable(Object.assign(new Error(reason), { code: 'ENOSPC' }), directory);
}

function readFreeBytes(directory: string): number {
  try {
    return freeBytes(directory);
  } catch (error) {
    throw unavailable(error, directory);
  }
}

/** The error for what `fs` or lmdb threw: code `queue_full` if that was for want of space. */
export function unavailable(cause: unknown, directory: string): HrmError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return isFull(cause, directory)
    ? new HrmError(`The queue in ${directory} has no space (${reason}): free some on its disk, then try again`, {
        kind: 'unavailable',
        code: 'queue_full',
        cause,
      })
    : new HrmError(`The queue in ${directory} cannot be used (${reason}): check the disk and the directory's owner`, {
        kind: 'unavailable',
        code: 'queue_unavailable',
        cause,
      });
}

function isFull(cause: unknown, directory: string): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === EIO) {
    // A write that took only a part of its bytes, which is what a disk does that becomes full, is lmdb's EIO too.
    return freeBytes(directory) < QUEUE_RESERVE_BYTES;
  }
  return code === 'ENOSPC' || FULL_CODES.includes(code);
}

/**
 * The room on the disk under the queue.
 * @throws HrmError kind `unavailable`, code `queue_unavailable`.
 */
export function readSpace(directory: string): Space {
  try {
    return diskSpace(statfsSync(directory));
  } catch (error) {
    throw unavailable(error, directory);
  }
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
