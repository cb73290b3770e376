/** One user's slice of shared parts: whether the user's own files have it, and how it gets there. */
import { LOOK_ROWS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { proveFile } from '../../parquet/decode.js';
import type { Partition, Storage } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { partName } from '../../pure/partition.js';
import { type PlannedFile, planCompaction } from '../../pure/plan-compaction.js';
import { buildFile } from '../files/build-file.js';
import { nullIfDamaged } from '../files/file-damage.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { createYielder } from '../files/yielder.js';
import {
  type CompactionRun,
  dayOf,
  fileWork,
  NOTHING_DONE,
  type StepOptions,
  type StepSummary,
} from './compaction-run.js';
import { describeFiles, inputsOf, isNameTaken, maskOf, misnamed, replaceCompacted } from './merge-steps.js';

/** What became of one user's slice. `held`: it is in the user's own, old enough and proved, so that the shared parts may go. */
export type Slice = StepSummary & { readonly state: 'held' | 'young' | 'brought' };

/** Whether a user's files have all of the user's slices, however young they are. */
export async function isSliceThere(
  storage: Storage,
  partition: Partition,
  slices: readonly string[],
  options: StepOptions,
): Promise<boolean> {
  const files = await overSnapshot(storage, partition, options, (snapshot) =>
    describeFiles(storage, snapshot, options),
  ).catch(nullIfDamaged);
  return files !== null && areHeld(slices, files);
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
export async function splitSlice(
  run: CompactionRun,
  partition: Partition,
  { columns, slices, ageMs }: SliceRows,
  options: StepOptions,
): Promise<Slice> {
  const { storage, all, sweepAfterMs, quietAfterMs } = run;
  const snapshot = await storage.snapshot(partition, { ...options, yieldTurn: createYielder().yieldTurn });
  // What was erased since the shared parts were looked at: the file that is made here says that it has nothing of it.
  const mask = maskOf(snapshot);
  const rest = mask?.keep(columns) ?? columns;
  try {
    const files = await describeFiles(storage, snapshot, options);
    const holders = files.filter(({ replaces }) => slices.some((slice) => replaces.includes(slice)));
    const old = holders.filter(({ ageMs }) => ageMs >= sweepAfterMs);
    if (areHeld(slices, old)) {
      const names = old.map(({ name }) => name);
      for (const { file } of await inputsOf(snapshot, names))
        await proveFile(file, partition, createYielder().yieldTurn);
      return { ...NOTHING_DONE, work: LOOK_ROWS, state: 'held' };
    }
    if (areHeld(slices, holders)) return { ...NOTHING_DONE, work: LOOK_ROWS, state: 'young' };
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
      const { bytes, rows } = await buildFile([rest], { ...options, replaces: slices, erased: mask?.key });
      await storage.publish(partition, partName(bytes), bytes, options);
      return { ...NOTHING_DONE, readings: rows, work: fileWork(rows), state: 'brought' };
    }
    const done = await replaceCompacted(run, snapshot, files, { inputs, table: rest, replaces: slices }, options);
    return { ...done, state: 'brought' };
  } finally {
    await snapshot.close();
  }
}

function areHeld(slices: readonly string[], holders: readonly PlannedFile[]): boolean {
  return slices.every((slice) => holders.some(({ replaces }) => replaces.includes(slice)));
}
