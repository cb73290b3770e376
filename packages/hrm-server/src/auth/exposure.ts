/** Whether others than the owner may read a file, change it, or put another in its place. */
import { type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { targetOf } from './key-place.js';

const MAY_READ = 0o044;
const MAY_WRITE = 0o022;
const ALL_MAY_WRITE = 0o002;
/** In such a directory, as `/tmp` is one, nobody renames or deletes what is another's. */
const STICKY = 0o1000;

/** What others may do with a file of keys; a group counts as others. */
export function rightsAt(path: string): 'read' | 'change' | null {
  const mode = modeOf(path);
  if ((mode & MAY_WRITE) !== 0) return 'change';
  return (mode & MAY_READ) !== 0 ? 'read' : null;
}

/**
 * The nearest directory on the way to a file or directory in which everybody may put something else in its place; `null`: there is
 * none. Links are followed; what is not there yet counts as its place.
 */
export function writableAround(path: string): string | null {
  for (let at = placeOf(path); dirname(at) !== at; at = dirname(at)) {
    const mode = modeOf(dirname(at));
    if ((mode & ALL_MAY_WRITE) !== 0 && (mode & STICKY) === 0) return dirname(at);
  }
  return null;
}

function placeOf(path: string): string {
  try {
    return targetOf(path);
  } catch {
    // Something on the way is no directory, or may not be looked at.
    return resolve(path);
  }
}

/** 0 where nothing is, or it may not be looked at. */
function modeOf(path: string): number {
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch {
    // Whose place it is may not look there either.
  }
  return stats?.mode ?? 0;
}
