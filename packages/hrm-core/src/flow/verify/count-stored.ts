/**
 * Counts what is stored: readings in files that count, and those in files whose readings are all in others, and that wait for the
 * sweep. A user's file names the shared parts that it has this user's readings of; so of a shared part it is known, user by user,
 * how much still counts.
 */
import { MAX_COUNTED_SLICES } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { Partition } from '../../ports/storage.js';
import { type ReadingColumns, sliceRows } from '../../pure/columns.js';
import { sharedPartOf, userDirectory } from '../../pure/partition.js';
import { addAhead, countAhead, NONE_AHEAD, type ReceivedAhead } from '../../pure/reading/received-ahead.js';

/** Files, and rows in them. */
export interface StoredCount {
  readonly files: number;
  readonly readings: number;
}

/** One file's. */
export interface FileCount {
  /** The name by which others say that they hold it, as of a `PlannedFile`. */
  readonly contentName: string;
  /** Those of files whose readings are all in this one. */
  readonly replaces: readonly string[];
  readonly readings: number;
  readonly ahead: ReceivedAhead;
  /** Of a shared part: each user's readings, by directory, and those received ahead of the clock, where there are any. */
  readonly slices: ReadonlyMap<string, number>;
  readonly slicesAhead: ReadonlyMap<string, number>;
}

/** Counts one file's rows as they come. @param nowMs - what "ahead" is measured by. */
export function startFileCount({ directory }: Partition, nowMs: number) {
  const slices = new Map<string, number>();
  const slicesAhead = new Map<string, number>();
  let [readings, ahead] = [0, NONE_AHEAD];

  function countSlices(columns: ReadingColumns): void {
    for (let from = 0; from < columns.length; ) {
      const user = columns.user[from] as number;
      let to = from + 1;
      while (to < columns.length && columns.user[to] === user) to += 1;
      const own = userDirectory(columns.users[user] as string);
      slices.set(own, (slices.get(own) ?? 0) + to - from);
      const { readings: early } = countAhead(sliceRows(columns, from, to), nowMs);
      if (early > 0) slicesAhead.set(own, (slicesAhead.get(own) ?? 0) + early);
      from = to;
    }
  }

  return {
    add(columns: ReadingColumns): void {
      readings += columns.length;
      ahead = addAhead(ahead, countAhead(columns, nowMs));
      if (directory === SHARED_DIRECTORY && slices.size < MAX_COUNTED_SLICES) countSlices(columns);
    },
    end(contentName: string, replaces: readonly string[]): FileCount {
      return { contentName, replaces, readings, ahead, slices, slicesAhead };
    },
  };
}

/** What is left to count of a shared part. */
interface CountedPart {
  left: number;
  readonly slices: Map<string, number>;
  readonly slicesAhead: ReadonlyMap<string, number>;
}

/** Adds up files; shared parts before the users' own. */
export function createStock() {
  const parts = new Map<string, CountedPart>();
  const count = { files: 0, readings: 0 };
  const superseded = { files: 0, readings: 0 };
  let ahead = NONE_AHEAD;
  let counted = 0;

  /** Moves a user's rows of a shared part to what is superseded, once. */
  function supersedeShare(part: CountedPart, directory: string): void {
    const rows = part.slices.get(directory);
    if (rows === undefined) return;
    part.slices.delete(directory);
    part.left -= rows;
    count.readings -= rows;
    superseded.readings += rows;
    ahead = { ...ahead, readings: ahead.readings - (part.slicesAhead.get(directory) ?? 0) };
    if (part.left > 0) return;
    count.files -= 1;
    superseded.files += 1;
  }

  return {
    /** @param files - all of a partition's. */
    add({ date, directory }: Partition, files: readonly FileCount[]): void {
      const replaced = new Set(files.flatMap(({ replaces }) => replaces));
      for (const { contentName, readings, ahead: early, slices, slicesAhead } of files) {
        const isSuperseded = replaced.has(contentName);
        const to = isSuperseded ? superseded : count;
        to.files += 1;
        to.readings += readings;
        if (isSuperseded) continue;
        ahead = addAhead(ahead, early);
        counted += slices.size;
        if (directory !== SHARED_DIRECTORY || counted > MAX_COUNTED_SLICES) continue;
        parts.set(`${date}/${contentName}`, { left: readings, slices: new Map(slices), slicesAhead });
      }
      for (const name of replaced) {
        const part = parts.get(`${date}/${sharedPartOf(name) ?? ''}`);
        if (part !== undefined) supersedeShare(part, directory);
      }
    },
    total(): StoredCount & { readonly superseded: StoredCount; readonly receivedAhead: ReceivedAhead } {
      const receivedAhead = ahead.readings === 0 ? NONE_AHEAD : ahead;
      return { ...count, superseded: { ...superseded }, receivedAhead };
    },
  };
}
