import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Room, spaceState } from '../ops/space-state.js';
import { diskSpace, type Space } from '../ports/space.js';
import { bytesText } from '../words.js';
import { type CheckResult, resultsOf } from './check-result.js';

/**
 * Looks at the place of a directory that nothing has used yet: whether it may be made or written there, and the room.
 * @param directory - absolute; it may be there, and empty.
 */
export async function placeResults(check: string, directory: string): Promise<readonly CheckResult[]> {
  const { problem } = resultsOf(check);
  const place = await nearestPlace(directory);
  const isWritable = await access(place, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable || !(await stat(place)).isDirectory()) {
    const message = `${place} is no directory that this user may write to`;
    return [problem('place_unwritable', message, 'make it one, or name another directory')];
  }
  return spaceResults(check, diskSpace(await statfs(place)));
}

/** The directory itself, or what there is of the way to it. */
async function nearestPlace(directory: string): Promise<string> {
  for (let place = directory; ; place = dirname(place)) {
    if ((await stat(place).catch(() => null)) !== null || place === dirname(place)) return place;
  }
}

/** What the room of a disk says, in words. */
export function spaceResults(check: string, space: Space): readonly CheckResult[] {
  const { bytes, inodes } = spaceState(space);
  return [...byteResults(check, space, bytes), ...inodeResults(check, space, inodes)];
}

function inodeResults(check: string, { freeInodes, totalInodes }: Space, room: Room): readonly CheckResult[] {
  const { ok, warning, problem } = resultsOf(check);
  const message = `${freeInodes} of ${totalInodes} inodes free`;
  const advice = 'delete files, or move to a file system with more';
  switch (room) {
    case 'unknown':
      return [];
    case 'ok':
      return [ok('inodes', message)];
    case 'low':
      return [warning('inodes_low', message, `${advice}: each new file takes one`)];
    case 'none':
      return [problem('inodes_none', message, `${advice}: no file can be made`)];
  }
}

function byteResults(check: string, { freeBytes, totalBytes }: Space, room: Room): readonly CheckResult[] {
  const { ok, warning, problem } = resultsOf(check);
  const message = `${bytesText(freeBytes ?? 0)} free${totalBytes === null ? '' : ` of ${bytesText(totalBytes)}`}`;
  switch (room) {
    case 'unknown':
      return [];
    case 'ok':
      return [ok('space', message)];
    case 'low':
      return [
        warning('space_low', message, 'make room: a full disk stops storing, and the queue grows until it refuses'),
      ];
    case 'none':
      return [problem('space_none', message, 'make room: nothing can be stored')];
  }
}
