/** Whether others than this process may put another file in the place of one. */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { targetOf } from './key-place.js';

const ALL_MAY_WRITE = 0o002;
/** In such a directory, as `/tmp` is one, nobody renames or deletes what is another's. */
const STICKY = 0o1000;

/**
 * The nearest directory on the way to a file or directory in which everybody may put something else in its place, or in the place of
 * a link to it; `null`: there is none. What is not there yet counts as its place.
 */
export function writableAround(path: string): string | null {
  for (const directory of directoriesAround(path)) {
    const mode = statsOf(directory)?.mode ?? 0;
    if ((mode & ALL_MAY_WRITE) !== 0 && (mode & STICKY) === 0) return directory;
  }
  return null;
}

/** Something that belongs to another user. */
export interface Foreign {
  readonly path: string;
  /** The user's number. */
  readonly owner: number;
}

/**
 * What on the way to a file, itself first, belongs to another user, who may therefore change it or put another in its place, whatever
 * the modes; `null`: nothing does. Root may do that anyway, and does not count.
 * @param user - the number of who asks; by default who runs the process.
 */
export function foreignOwner(path: string, user = process.geteuid?.()): Foreign | null {
  if (user === undefined) return null;
  for (const each of [path, ...directoriesAround(path)]) {
    const owner: number = statsOf(each)?.uid ?? user;
    if (owner !== user && owner !== ROOT && !(owner === UNMAPPED && isMapped())) return { path: each, owner };
  }
  return null;
}

const ROOT = 0;
/** Whom a user namespace has no number for: root of the machine is among them. */
const UNMAPPED = 65_534;

/** Whether the process is in a user namespace. */
function isMapped(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  } catch {
    // Only Linux has them.
    return false;
  }
}

/** On the way to a path as it is named, and on the way to where its links lead, from below. */
function* directoriesAround(path: string): Generator<string> {
  for (const place of new Set([resolve(path), placeOf(path)])) {
    for (let at = place; dirname(at) !== at; at = dirname(at)) yield dirname(at);
  }
}

function placeOf(path: string): string {
  try {
    return targetOf(path);
  } catch {
    // Something on the way is no directory, or may not be looked at.
    return resolve(path);
  }
}

/** Nothing where nothing is, or it may not be looked at. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // Whose place it is may not look there either.
    return undefined;
  }
}
