/**
 * What to do with a partition: which parts to merge, into what, and which files may go.
 *
 * Rewriting a day's file on every run copies each reading ~140 times a day. Here a user's compacted file is rewritten when half as
 * many readings again wait in parts as it has, and until then parts of like size are merged into larger parts, so that a query
 * never meets more than some dozens. When its day is over, and no more is expected, a partition is brought to one file: when a run
 * finds nothing new since the last one, and at the latest when its youngest part is old enough. A part must have some seconds in
 * both cases, or another compacter's look, a moment ago, would count as quiet, and late readings, ten at a time, would rewrite a
 * day of 34,560 for every part (3,486 rows for each; so 0.8).
 *
 * Rows rewritten for each row of a simulated day of 5-second batches, and the most files waiting, by a run's interval:
 *
 * ```
 *   parts merged at once, ratio     5 min      1 min      5 s
 *    8, 1                           5.5  64    6.6  26    7.8  31
 *   16, 1                           4.6  23    4.5  52    6.1  47
 *   16, 1.5                         3.7  26    4.4  52    4.7  47
 *   16, 2                           4.4  65    4.3  52    5.1  47
 *   32, 1.5                         3.5  36    3.8  62    3.7  71
 * ```
 *
 * Shared parts are merged in the same tiers, until one holds enough of each of its users to be worth a file of theirs: then
 * it is split into their directories. When their day is over they all do.
 *
 * Every merged file names those whose readings it holds, so each stays in sight until what replaced it is there, and is
 * skipped from then on. It may be deleted after its grace: every outside reader that listed it has had that long to open it.
 *
 * It names them by the hash of their bytes. A file that a person or another program named is not known by its name, which may be
 * given again. So it stays in sight even when it is merged; it is not merged again, and is deleted once it has had its grace too.
 */
import { MAX_COMPACTED_BYTES, MAX_MERGE_FILES, MAX_MERGE_ROWS, ROW_GROUP_ROWS } from '../limits.js';
import { isCompacted } from '../names.js';

/** A file of a partition, as planning sees it. */
export interface PlannedFile {
  readonly name: string;
  /**
   * The name by which others say that they hold its readings: its own where that has the hash of its bytes in it, and that of the
   * compacted file; else the one that a part of these bytes has.
   */
  readonly contentName: string;
  readonly byteLength: number;
  readonly rows: number;
  /** Users of a shared part; 1 of others. */
  readonly users: number;
  readonly ageMs: number;
  /** Content names of files whose readings are all in this one. */
  readonly replaces: readonly string[];
  /** It has readings that are erased, or is slow to read since it may have: it is rewritten, whatever the policy says. */
  readonly isErasable?: boolean | undefined;
}

/** What is known of a partition before any reading is read. */
export interface PartitionState {
  readonly files: readonly PlannedFile[];
  /** The partition's UTC day is over. */
  readonly dayOver: boolean;
  /** Nothing was published to it between the last look of a compacter, whichever that was, and this one. */
  readonly isUnchanged: boolean;
  /** How old the youngest part is before no more is expected soon, milliseconds, whoever has looked. */
  readonly quietAfterMs: number;
  /** How long replaced files stay. */
  readonly sweepAfterMs: number;
}

/** Files that may be deleted once the one that holds their readings is proved, and that they still have the bytes that it holds. */
export interface PlannedSweep {
  readonly holder: string;
  readonly names: readonly string[];
}

/** What to do with a user's partition. */
export interface CompactionPlan {
  readonly merge: { readonly inputs: readonly string[]; readonly into: 'compacted' | 'part' } | null;
  readonly sweeps: readonly PlannedSweep[];
  /** Nothing is left to do, however long one waits. */
  readonly isClean: boolean;
  /** Its day is over, and what is left to merge waits for its youngest part to be old enough. */
  readonly isWaiting: boolean;
}

/** What to do with shared parts. */
export interface SharedPlan extends CompactionPlan {
  /** To be split, into files of all their users. */
  readonly split: readonly string[];
}

/** Rewrite the compacted file when so many times its rows wait in parts. */
const WAITING_RATIO = 1.5;
/** Parts of like size that are merged into one, and how many times larger the next size is. */
const FAN_IN = 16;
/** Age of a part that nothing followed between two looks, milliseconds: two compacters may look in the same second. */
const LOOKED_AFTER_MS = 2_000;
/** Readings that a shared part holds of its average user when it is split: a file takes about 600 bytes and a sync whatever it holds. */
const HOME_ROWS = 256;

/**
 * Plans one user's partition.
 * @param all - bring everything into one file, whatever the policy says.
 */
export function planCompaction(state: PartitionState, all: boolean): CompactionPlan {
  const { files, dayOver } = state;
  const { waiting: unheld, sweeps } = sortOut(state);
  const compacted = largestCompacted(unheld);
  const waiting = unheld.filter((file) => file !== compacted);
  const isClean = waiting.length === 0 && files.length <= 1;
  const erasable = unheld.filter((file) => file.isErasable === true);
  if (erasable.length > 0) {
    const inputs = inputsOfErasure(compacted, erasable).map(nameOf);
    return { merge: { inputs, into: 'compacted' }, sweeps, isClean: false, isWaiting: false };
  }
  const isDue =
    waiting.length > 0 &&
    (all ||
      // Of compacters that raced each has made one.
      waiting.some(({ name }) => isCompacted(name)) ||
      (compacted === undefined
        ? dayOver || waiting.length > 1
        : rowsOf(waiting) >= WAITING_RATIO * compacted.rows || (dayOver && isQuiet(state, waiting))));
  const tier = mergeTier(waiting);
  if (!isDue) return { merge: tier, sweeps, isClean, isWaiting: isWaiting(state, waiting, tier) };
  const into = takeWhileBounded(compacted === undefined ? [] : [compacted], waiting);
  if (into.length > (compacted === undefined ? 0 : 1)) {
    return { merge: { inputs: into.map(nameOf), into: 'compacted' }, sweeps, isClean, isWaiting: false };
  }
  // A compacted file that may grow no more: its day has several.
  return { merge: tier, sweeps, isClean: isClean || tier === null, isWaiting: false };
}

/**
 * Plans the shared parts of a date.
 * @param all - split everything, whatever the policy says.
 * @param underWay - content names of parts that are being split: while all of them are there, they and no others are, unless `all` is wanted.
 */
export function planShared(state: PartitionState, all: boolean, underWay: readonly string[] = []): SharedPlan {
  const { waiting, sweeps } = sortOut(state);
  const isClean = state.files.length === 0;
  const begun = waiting.filter(({ contentName }) => underWay.includes(contentName));
  const isUnderWay = !all && begun.length > 0 && begun.length === underWay.length;
  const bringAll = all || (state.dayOver && isQuiet(state, waiting));
  const due = bringAll ? waiting : waiting.filter(isWorthFiles);
  const split = takeWhileBounded([], isUnderWay ? begun : due).map(nameOf);
  const others = waiting.filter((file) => !split.includes(file.name));
  const [first, ...more] = others.filter((file) => file.isErasable === true);
  const tier = bringAll ? null : mergeTier(others.filter((file) => !isWorthFiles(file)));
  const merge: CompactionPlan['merge'] =
    first === undefined ? tier : { inputs: takeWhileBounded([first], more).map(nameOf), into: 'part' };
  return { merge, split, sweeps, isClean, isWaiting: split.length === 0 && isWaiting(state, waiting, merge) };
}

/** Files that are rewritten since something of them is erased: with the compacted one, where it does not grow too large. */
function inputsOfErasure(
  compacted: PlannedFile | undefined,
  [first, ...others]: readonly PlannedFile[],
): readonly PlannedFile[] {
  const erasable = first === undefined ? [] : [first, ...others];
  const kept = compacted === undefined ? [] : [compacted];
  const inputs = takeWhileBounded(
    kept,
    erasable.filter((file) => file !== compacted),
  );
  const isAny = inputs.some((file) => erasable.includes(file));
  return isAny ? inputs : takeWhileBounded(erasable.slice(0, 1), erasable.slice(1));
}

/** The one that goes on; the smaller ones are merged into it like parts. */
function largestCompacted(files: readonly PlannedFile[]): PlannedFile | undefined {
  const compacted = files.filter(({ name }) => isCompacted(name));
  return compacted.sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1))[0];
}

/** Files whose readings no other file has, and what may go of the rest. */
function sortOut({ files, sweepAfterMs }: PartitionState) {
  const replaced = new Set(files.flatMap(({ replaces }) => replaces));
  const present = new Map<string, PlannedFile[]>();
  for (const file of files) {
    // One that somebody else named may still be written to, as long as it is young.
    if (file.name !== file.contentName && file.ageMs < sweepAfterMs) continue;
    const alike = present.get(file.contentName);
    if (alike === undefined) present.set(file.contentName, [file]);
    else alike.push(file);
  }
  const swept = new Set<string>();
  const sweeps: PlannedSweep[] = [];
  for (const { name: holder, replaces, ageMs } of files) {
    if (ageMs < sweepAfterMs) continue;
    const held = new Set(replaces.flatMap((contentName) => present.get(contentName) ?? []).map(nameOf));
    const names = [...held].filter((name) => !swept.has(name));
    for (const name of names) swept.add(name);
    if (names.length > 0) sweeps.push({ holder, names });
  }
  const waiting = files.filter(({ contentName }) => !replaced.has(contentName));
  return { waiting, sweeps: sweeps.filter(({ holder }) => !swept.has(holder)) };
}

function isQuiet({ isUnchanged, quietAfterMs }: PartitionState, waiting: readonly PlannedFile[]): boolean {
  const enoughMs = isUnchanged ? Math.min(quietAfterMs, LOOKED_AFTER_MS) : quietAfterMs;
  return waiting.every(({ ageMs }) => ageMs >= enoughMs);
}

function isWaiting({ dayOver }: PartitionState, waiting: readonly PlannedFile[], merge: object | null): boolean {
  return dayOver && waiting.length > 0 && merge === null;
}

function isWorthFiles({ rows, users }: PlannedFile): boolean {
  return rows >= HOME_ROWS * users;
}

/** The smallest parts, when there are enough of one size; the still smaller ones go along. */
function mergeTier(waiting: readonly PlannedFile[]): CompactionPlan['merge'] {
  const counts = new Map<number, number>();
  for (const file of waiting) counts.set(sizeOf(file), (counts.get(sizeOf(file)) ?? 0) + 1);
  const full = [...counts].filter(([, count]) => count >= FAN_IN).map(([size]) => size);
  if (full.length === 0) return null;
  const size = Math.min(...full);
  const inputs = takeWhileBounded(
    [],
    waiting.filter((file) => sizeOf(file) <= size),
  ).map(nameOf);
  return inputs.length < 2 ? null : { inputs, into: 'part' };
}

/** Of parts of 1 to 15 readings 0, of 16 to 255 one more, and so on. */
function sizeOf({ rows }: PlannedFile): number {
  return Math.floor(Math.log2(Math.max(1, rows)) / Math.log2(FAN_IN));
}

/** Files that one merge may take, the smallest first: it holds a row group of each, and the whole result's bytes. */
function takeWhileBounded(taken: readonly PlannedFile[], from: readonly PlannedFile[]): readonly PlannedFile[] {
  const inputs = [...taken];
  let rows = inputs.reduce((sum, file) => sum + Math.min(file.rows, ROW_GROUP_ROWS), 0);
  let bytes = inputs.reduce((sum, file) => sum + file.byteLength, 0);
  for (const file of [...from].sort((a, b) => a.rows - b.rows || (a.name < b.name ? -1 : 1))) {
    rows += Math.min(file.rows, ROW_GROUP_ROWS);
    bytes += file.byteLength;
    if (rows > MAX_MERGE_ROWS || bytes > MAX_COMPACTED_BYTES || inputs.length === MAX_MERGE_FILES) break;
    inputs.push(file);
  }
  return inputs;
}

function rowsOf(files: readonly PlannedFile[]): number {
  return files.reduce((sum, { rows }) => sum + rows, 0);
}

function nameOf({ name }: PlannedFile): string {
  return name;
}
