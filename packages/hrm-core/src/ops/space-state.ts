import {
  LOW_INODES,
  LOW_SPACE_BYTES,
  LOW_SPACE_SHARE,
  MIN_SPACE_BYTES,
  NO_INODES,
  QUEUE_RESERVE_BYTES,
} from '../limits.js';
import type { Space } from '../ports/space.js';

/** How much is left. `low`: somebody should look. `none`: nothing more can be stored. `unknown`: it cannot be told. */
export type Room = 'ok' | 'low' | 'none' | 'unknown';

/** Judges the room under a queue or a storage. A disk with room and without inodes takes no new file. */
export function spaceState({ freeBytes, totalBytes, freeInodes, totalInodes }: Space): {
  readonly bytes: Room;
  readonly inodes: Room;
} {
  const hasInodes = freeInodes != null && totalInodes != null;
  return {
    bytes: freeBytes === null ? 'unknown' : roomOf(freeBytes, lowSpaceBytes(totalBytes), QUEUE_RESERVE_BYTES),
    inodes: hasInodes ? roomOf(freeInodes, Math.min(totalInodes * LOW_SPACE_SHARE, LOW_INODES), NO_INODES) : 'unknown',
  };
}

function roomOf(free: number, low: number, none: number): Room {
  if (free >= low) return 'ok';
  return free < none ? 'none' : 'low';
}

function lowSpaceBytes(totalBytes: number | null): number {
  if (totalBytes === null) return LOW_SPACE_BYTES;
  const low = Math.min(totalBytes * LOW_SPACE_SHARE, LOW_SPACE_BYTES);
  return Math.max(low, Math.min(MIN_SPACE_BYTES, totalBytes / 2));
}
