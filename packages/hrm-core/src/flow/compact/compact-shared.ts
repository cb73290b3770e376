/**
 * The shared parts of a date: merge small ones into larger ones, split those that are due, delete those that are split.
 *
 * Some parts are split as a whole, user by user as their rows come by: into the user's compacted file where that is due
 * to be rewritten, else as a part of the user's. Either names the shared parts, so from then on they do not count for this
 * user. When a later run finds every user's file there, old enough and proved, the shared parts go. A run that is killed
 * half-way is gone on with by the next: users who have theirs are skipped.
 */
import { throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_HOMES, SHARED_HELD_ROWS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { proveFile } from '../../parquet/decode.js';
import type { Partition, PartitionFailure, Snapshot } from '../../ports/storage.js';
import {
  concatColumns,
  NO_READINGS,
  narrowDictionaries,
  type ReadingColumns,
  sliceRows,
  userOf,
} from '../../pure/columns.js';
import { partName, sliceName, userDirectory } from '../../pure/partition.js';
import { type PlannedFile, planCompaction, planShared } from '../../pure/plan-compaction.js';
import { withoutDamaged } from '../damage/damage-watch.js';
import { buildFile } from '../files/build-file.js';
import type { PinnedFile } from '../files/content-hash.js';
import { mergeFiles } from '../files/merge-files.js';
import { createYielder } from '../files/yielder.js';
import {
  addSteps,
  type CompactionRun,
  dayOf,
  NOTHING_DONE,
  type StepOptions,
  type StepSummary,
  stepFailed,
} from './compaction-run.js';
import {
  describeFiles,
  inputsOf,
  isNameTaken,
  mergeIntoPart,
  misnamed,
  namesHeld,
  removeProved,
  replaceCompacted,
  stepThrough,
  storeAnew,
} from './merge-steps.js';

/** Takes the shared parts of a date one step further; when nothing was merged, there is nothing to merge now. */
export async function compactShared(
  run: CompactionRun,
  partition: Partition,
  options: StepOptions,
): Promise<StepSummary> {
  return await stepThrough(run, partition, options, {
    plan: planShared,
    async act({ snapshot, plan: { merge, split, isWaiting }, present, swept }) {
      const merged = merge === null ? NOTHING_DONE : await mergeIntoPart(run, snapshot, present, merge.inputs, options);
      const brought = split.length === 0 ? NOTHING_DONE : await splitShared(run, snapshot, present, split, options);
      return {
        // A split counts nothing as merged, and so is no reason to look again at once: what it left waits for its grace.
        ...addSteps(merged, brought),
        swept: swept + brought.swept,
        waiting: isWaiting ? 1 : 0,
      };
    },
  });
}

/** What became of one user's slice: `held`: in the user's own already, and its replacement so old that the shared parts may go. */
type Slice = StepSummary & { readonly isHeld: boolean; readonly partition: Partition };

async function splitShared(
  run: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  names: readonly string[],
  options: StepOptions,
): Promise<StepSummary> {
  const { date } = snapshot.partition;
  const inputs = await inputsOf(snapshot, names);
  if (misnamed(inputs).length > 0) return await storeAnew(run.storage, snapshot, misnamed(inputs), options);
  const ageMs = present
    .filter(({ name }) => names.includes(name))
    .reduce((youngest, file) => Math.min(youngest, file.ageMs), Number.POSITIVE_INFINITY);
  let total: StepSummary = NOTHING_DONE;
  let isHeld = true;
  const holders = new Map<string, Partition>();
  const failures: PartitionFailure[] = [];
  const replaced = await namesHeld(run.storage, snapshot.partition, present, inputs);

  async function bring(columns: ReadingColumns): Promise<void> {
    throwIfAborted(options.signal, 'compacting');
    const partition = { date, directory: userDirectory(userOf(columns, 0)) };
    holders.set(partition.directory, partition);
    try {
      const slices = replaced.map((name) => sliceName(name, partition.directory));
      const slice = await withoutDamaged(run.storage, partition, options, () =>
        splitSlice(run, partition, { columns, slices, ageMs }, options),
      );
      isHeld &&= slice.isHeld;
      total = addSteps(total, slice);
    } catch (error) {
      isHeld = false;
      total = addSteps(total, stepFailed(failures, partition, error));
    }
    options.onAlive?.();
  }

  const maxSplit = Math.min(MAX_CONCURRENT_HOMES, run.storage.maxConcurrent ?? MAX_CONCURRENT_HOMES);
  let together: ReadingColumns[] = [];
  const tables = mergeFiles(inputs, { ...options, heldRows: SHARED_HELD_ROWS });
  for await (const columns of splitUsers(tables)) {
    together.push(columns);
    if (together.length < maxSplit) continue;
    await Promise.all(together.map(bring));
    together = [];
  }
  await Promise.all(together.map(bring));
  if (!isHeld) return { ...total, swept: 0, failures };
  const old = oldEnough(run, present, inputs);
  const gone = await removeProved(run.storage, snapshot, old, [...holders.values()]);
  return { ...total, swept: gone.length, failures };
}

/** Those that nobody writes to any more: that are named after their bytes, or have had those for long. */
function oldEnough({ sweepAfterMs }: CompactionRun, present: readonly PlannedFile[], inputs: readonly PinnedFile[]) {
  const young = new Set(present.filter(({ ageMs }) => ageMs < sweepAfterMs).map(({ name }) => name));
  return inputs
    .map(({ file: { name }, contentName, sha256 }) => ({ name, contentName, sha256 }))
    .filter(({ name, contentName }) => name === contentName || !young.has(name));
}

/** Each user's rows, whole. */
async function* splitUsers(tables: AsyncIterable<ReadingColumns>): AsyncGenerator<ReadingColumns, void, undefined> {
  let held = NO_READINGS;
  for await (const table of tables) {
    const columns = held.length === 0 ? table : concatColumns([held, table]);
    let from = 0;
    for (let row = 1; row < columns.length; row += 1) {
      if (columns.user[row] === columns.user[from]) continue;
      yield narrowDictionaries(sliceRows(columns, from, row));
      from = row;
    }
    held = narrowDictionaries(sliceRows(columns, from, columns.length));
  }
  if (held.length > 0) yield held;
}

/** One user's rows of some shared parts. */
interface SliceRows {
  readonly columns: ReadingColumns;
  /** The shared parts, as the user's file names them. */
  readonly slices: readonly string[];
  /** Of the youngest of them. */
  readonly ageMs: number;
}

/** Splits off one user's slice. */
async function splitSlice(
  run: CompactionRun,
  partition: Partition,
  { columns, slices, ageMs }: SliceRows,
  options: StepOptions,
): Promise<Slice> {
  const { storage, all, sweepAfterMs, quietAfterMs } = run;
  const snapshot = await storage.snapshot(partition, { ...options, yieldTurn: createYielder().yieldTurn });
  try {
    const files = await describeFiles(storage, snapshot, options);
    const holders = files.filter(({ replaces }) => slices.some((slice) => replaces.includes(slice)));
    const old = holders.filter(({ ageMs }) => ageMs >= sweepAfterMs);
    if (areHeld(slices, old)) {
      const names = old.map(({ name }) => name);
      for (const { file } of await inputsOf(snapshot, names)) await proveFile(file, partition);
      return { ...NOTHING_DONE, isHeld: true, partition };
    }
    const brought = { isHeld: false, partition };
    if (areHeld(slices, holders)) return { ...NOTHING_DONE, ...brought };
    const slice: PlannedFile = {
      name: SHARED_DIRECTORY,
      contentName: SHARED_DIRECTORY,
      byteLength: 0,
      rows: columns.length,
      users: 1,
      ageMs,
      replaces: [],
    };
    const { dayOver } = dayOf(run, partition);
    const plan = planCompaction(
      { files: [...files, slice], dayOver, isUnchanged: true, quietAfterMs, sweepAfterMs },
      all,
    );
    const isDue = plan.merge?.into === 'compacted' && plan.merge.inputs.includes(slice.name);
    const inputs = isDue ? await inputsOf(snapshot, plan.merge.inputs) : [];
    // The user's own partition tells of a name that is taken, or wrong; here it would keep the shared parts of all the others.
    if (!isDue || misnamed(inputs).length > 0 || (await isNameTaken(storage, snapshot))) {
      const { bytes, rows } = await buildFile([columns], { ...options, replaces: slices });
      await storage.publish(partition, partName(bytes), bytes, options);
      return { ...NOTHING_DONE, readings: rows, ...brought };
    }
    const done = await replaceCompacted(run, snapshot, files, { inputs, table: columns, replaces: slices }, options);
    return { ...done, ...brought };
  } finally {
    await snapshot.close();
  }
}

function areHeld(slices: readonly string[], holders: readonly PlannedFile[]): boolean {
  return slices.every((slice) => holders.some(({ replaces }) => replaces.includes(slice)));
}
