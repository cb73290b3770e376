/**
 * Which partitions are worth compacting. Rewriting a day's file on every run copies each reading ~140 times a day; a
 * size-ratio trigger makes it a handful.
 */
import { MAX_COMPACTION_INPUTS } from '../limits.js';

/** A file of a partition, as planning sees it. */
interface PlannedFile {
  readonly name: string;
  readonly byteLength: number;
}

/** What is known of a partition before any reading is read. */
export interface PartitionState {
  /** The compacted file, `null` where there is none yet. */
  readonly compacted: PlannedFile | null;
  /** Names that the compacted file says it replaces. */
  readonly replaces: readonly string[];
  readonly parts: readonly PlannedFile[];
  /** The partition's UTC day is over. */
  readonly dayOver: boolean;
  /** The compacted file is so old that what it replaces may go. */
  readonly graceOver: boolean;
}

/** What to do with a partition. */
export interface CompactionPlan {
  /** Parts to merge into the compacted file; empty when it is not worth it. */
  readonly merge: readonly string[];
  /** Parts that are in the compacted file already. */
  readonly replaced: readonly string[];
}

/** Merge when the parts hold a quarter of the compacted file's bytes: a reading is rewritten about log(day) times. */
const SIZE_RATIO = 0.25;
/** Or when there are so many that opening them costs a query more than the merge costs once. */
const MANY_PARTS = 64;

/**
 * Plans one partition.
 * @param all - merge whatever the policy says.
 */
export function planCompaction(
  { compacted, replaces, parts, dayOver, graceOver }: PartitionState,
  all: boolean,
): CompactionPlan {
  const gone = new Set(replaces);
  const replaced = parts.filter((part) => gone.has(part.name)).map((part) => part.name);
  const waiting = parts.filter((part) => !gone.has(part.name));
  if (waiting.length === 0) return { merge: [], replaced };
  const waitingBytes = waiting.reduce((sum, part) => sum + part.byteLength, 0);
  const worthIt =
    compacted === null
      ? waiting.length > 1
      : waiting.length >= MANY_PARTS || waitingBytes >= SIZE_RATIO * compacted.byteLength;
  // A new compacted file starts the grace anew: a partition compacted more often than that would never be swept.
  const mustWait = replaced.length > 0 && !graceOver;
  if (!all && (mustWait || (!worthIt && !dayOver))) return { merge: [], replaced };
  return { merge: waiting.slice(0, MAX_COMPACTION_INPUTS).map((part) => part.name), replaced };
}
