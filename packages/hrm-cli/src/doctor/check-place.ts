import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Space } from 'hrm-core';
import { bytesText } from '../output.js';
import { type Finding, findingsOf } from './finding.js';

/** Room below which somebody should look: a share of the disk, and never more than some bytes. */
const LOW_SHARE = 0.1;
const LOW_BYTES = 5e9;

/** The same of inodes, each a file or a directory: a day of as many users. */
const LOW_INODES = 50_000;

/** Inodes that storing one user's first batch takes: a date, a user, a part, a mark, and temporaries. */
const NO_INODES = 16;

/** Room that a first batch and the queue's file want; with less nothing begins. */
const NO_ROOM_BYTES = 10e6;

/**
 * Looks at the place of a directory that nothing has used yet: whether it may be made or written there, and the room.
 * @param directory - absolute; it may be there, and empty.
 */
export async function placeFindings(check: string, directory: string): Promise<readonly Finding[]> {
  const { problem } = findingsOf(check);
  const place = await nearestPlace(directory);
  const isWritable = await access(place, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable || !(await stat(place)).isDirectory()) {
    const message = `${place} is no directory that this user may write to`;
    return [problem('place_unwritable', message, 'make it one, or name another directory')];
  }
  const { bavail, blocks, bsize, files, ffree } = await statfs(place);
  const inodes = files > 0 ? { freeInodes: ffree, totalInodes: files } : {};
  return spaceFindings(check, { freeBytes: bavail * bsize, totalBytes: blocks * bsize, ...inodes });
}

/** The directory itself, or what there is of the way to it. */
async function nearestPlace(directory: string): Promise<string> {
  for (let place = directory; ; place = dirname(place)) {
    if ((await stat(place).catch(() => null)) !== null || place === dirname(place)) return place;
  }
}

/** Judges the room of a disk. */
export function spaceFindings(check: string, space: Space): readonly Finding[] {
  return [...byteFindings(check, space), ...inodeFindings(check, space)];
}

function inodeFindings(check: string, { freeInodes, totalInodes }: Space): readonly Finding[] {
  const { ok, warning, problem } = findingsOf(check);
  if (freeInodes == null || totalInodes == null) return [];
  const message = `${freeInodes} of ${totalInodes} inodes free`;
  if (freeInodes < NO_INODES) {
    return [problem('inodes_none', message, 'delete files, or move to a file system with more: no file can be made')];
  }
  if (freeInodes >= Math.min(LOW_INODES, totalInodes * LOW_SHARE)) return [ok('inodes', message)];
  return [warning('inodes_low', message, 'delete files, or move to a file system with more: each new file takes one')];
}

function byteFindings(check: string, { freeBytes, totalBytes }: Space): readonly Finding[] {
  const { ok, warning, problem } = findingsOf(check);
  if (freeBytes === null) return [];
  const message = `${bytesText(freeBytes)} free${totalBytes === null ? '' : ` of ${bytesText(totalBytes)}`}`;
  if (freeBytes < NO_ROOM_BYTES) return [problem('space_none', message, 'make room: nothing can be stored')];
  if (freeBytes >= Math.min(LOW_BYTES, (totalBytes ?? Number.POSITIVE_INFINITY) * LOW_SHARE))
    return [ok('space', message)];
  return [warning('space_low', message, 'make room: a full disk stops storing, and the queue grows until it refuses')];
}
