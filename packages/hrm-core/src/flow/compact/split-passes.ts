/**
 * How far splits have come that are done in pieces: a pass goes from user to user, in their order.
 *
 * A pass that began with the first user, and has found every user's file there so far, old enough and proved, is whole: at its end the
 * shared parts may go. One that had to bring somebody's slice goes on to the end, and the next pass proves what it made. A pass
 * that is whole stops where a file is young, and goes on from there when its grace is over.
 *
 * It is known to one process alone, of one opened storage: what another says that it proved would be no proof. After a crash who goes on
 * looks for the users that have theirs: mostly those up to some user, so a search by halves finds that user in some looks. Whoever
 * lacks a slice before that is found by the pass that proves.
 */
import { MAX_SPLITS } from '../../limits.js';
import type { Storage } from '../../ports/storage.js';

/** How far a pass has come. */
export interface SplitPass {
  /** The last user that was dealt with; `null`: none. */
  readonly afterUser: string | null;
  /** See above. */
  readonly isWhole: boolean;
}

/** The splits under way of an opened storage, by date. */
export interface SplitPasses {
  get(date: string): { readonly names: readonly string[]; readonly pass: SplitPass } | undefined;
  /** Gives a pass over these parts back to who goes on with it, once; of other parts it is forgotten. */
  take(date: string, names: readonly string[]): SplitPass | null;
  keep(date: string, names: readonly string[], pass: SplitPass): void;
}

const all = new WeakMap<Storage, SplitPasses>();

/** The splits that were begun in an opened storage. */
export function splitPassesOf(storage: Storage): SplitPasses {
  let passes = all.get(storage);
  if (passes === undefined) {
    passes = createSplitPasses();
    all.set(storage, passes);
  }
  return passes;
}

function createSplitPasses(): SplitPasses {
  const underWay = new Map<string, { readonly names: readonly string[]; readonly pass: SplitPass }>();
  return {
    get: (date) => underWay.get(date),
    take(date, names) {
      const known = underWay.get(date);
      underWay.delete(date);
      return known !== undefined && known.names.join() === names.join() ? known.pass : null;
    },
    keep(date, names, pass) {
      underWay.delete(date);
      underWay.set(date, { names, pass });
      for (const oldest of underWay.keys()) {
        if (underWay.size <= MAX_SPLITS) break;
        underWay.delete(oldest);
      }
    },
  };
}

/** A pass behind a user, or from the first on. */
export function beginPass(afterUser: string | null): SplitPass {
  return { afterUser, isWhole: afterUser === null };
}

/**
 * The last of some users who has theirs, where those before have, too. `null` where the first has not, or where the last has: then it is time to
 * prove them all.
 * @param users - in order.
 */
export async function lastHeldUser(
  users: readonly string[],
  isHeld: (userId: string) => Promise<boolean>,
): Promise<string | null> {
  let [held, lacking] = [0, users.length - 1];
  if (lacking < 1 || !(await isHeld(users[held] as string)) || (await isHeld(users[lacking] as string))) return null;
  while (lacking - held > 1) {
    const middle = (held + lacking) >>> 1;
    if (await isHeld(users[middle] as string)) held = middle;
    else lacking = middle;
  }
  return users[held] as string;
}
