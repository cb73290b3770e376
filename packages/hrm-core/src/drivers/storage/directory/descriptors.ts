/**
 * How many files this storage has open at once. A process may open so many and no more (`ulimit -n`), sockets and all, and a day
 * may have any number of parts. So parts are held open while there is room, and what finds none is opened when it is read; and what
 * writes waits for its turn.
 */
import { readFileSync } from 'node:fs';
import { errorCode } from '../../../errors.js';
import { OWN_FILES } from '../../../limits.js';
import { atMost } from '../../../steps.js';

/** Where the system does not say: Node raises the limit as far as it may, mostly much further. */
const DEFAULT_LIMIT = 1_024;
/** Of what the process may open beside its own, parts of snapshots take a quarter at most, */
const HELD_SHARE = 1 / 4;
/** and what is opened for a moment an eighth: a write has a file and a directory open. The rest is for sockets and the queue. */
const BRIEF_SHARE = 1 / 8;
/** Files; more than this many parts open at once make nothing faster. */
const MAX_HELD = 8_192;
/** Writes; as many as one flush serves. */
const MAX_BRIEF = 256;
const MIN_BRIEF = 4;

/** The open files of one storage, counted. */
export interface Descriptors {
  /** How many calls may have files open for a moment, at once. */
  readonly maxBrief: number;
  /** Takes room to hold a file open; `false` where there is none. */
  hold(): boolean;
  /** Gives room back. */
  release(): void;
  /** Runs what opens files and closes them again; waits while too many do. Calls that it makes must not wait here too. */
  brief<T>(call: () => Promise<T>): Promise<T>;
}

/** Counts from nothing. @param limit - files that the process may have open. */
export function createDescriptors(limit = openFileLimit()): Descriptors {
  const free = Math.max(0, limit - OWN_FILES);
  const maxHeld = Math.min(MAX_HELD, Math.floor(free * HELD_SHARE));
  const maxBrief = Math.max(MIN_BRIEF, Math.min(MAX_BRIEF, Math.floor(free * BRIEF_SHARE)));
  let held = 0;

  return {
    maxBrief,
    hold() {
      if (held >= maxHeld) return false;
      held += 1;
      return true;
    },
    release() {
      held -= 1;
    },
    brief: atMost(maxBrief),
  };
}

/** Whether a call failed since this process, or the system, has too many files open. */
export function isShortOfDescriptors(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(errorCode(error));
}

/** What `ulimit -n` says. @see proc_pid_limits(5) */
function openFileLimit(): number {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return found === null ? DEFAULT_LIMIT : Number(found[1]);
  } catch {
    return DEFAULT_LIMIT;
  }
}
