/** What compacting a user's partition and compacting shared parts have in common. */

import { ROW_GROUP_ROWS, SHARED_HELD_ROWS } from '../../limits.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../names.js';
import { proveFile } from '../../parquet/decode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { partName, sharedPartOf, supersededName } from '../../pure/partition.js';
import type { CompactionPlan, PartitionState, PlannedFile, PlannedSweep } from '../../pure/plan-compaction.js';
import { buildFile } from '../files/build-file.js';
import { describeFile } from '../files/describe-file.js';
import { cacheOf } from '../files/file-cache.js';
import { isDamage, isLeftInPlace } from '../files/file-damage.js';
import { mergeFiles } from '../files/merge-files.js';
import { createYielder } from '../files/yielder.js';
import {
  type CompactionRun,
  dayOf,
  NOTHING_DONE,
  SKIPPED,
  type StepOptions,
  type StepSummary,
} from './compaction-run.js';

/** What is left of a partition's files once some were deleted, and what is planned of them. */
interface Look<Plan extends CompactionPlan> {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly present: readonly PlannedFile[];
  /** Files that were deleted. */
  readonly swept: number;
}

/** Looks at a partition's files, deletes what was replaced long enough ago, and does what is planned of the others. */
export async function stepThrough<Plan extends CompactionPlan>(
  run: CompactionRun,
  partition: Partition,
  options: StepOptions,
  {
    plan: planOf,
    act,
  }: {
    readonly plan: (state: PartitionState, all: boolean) => Plan;
    readonly act: (look: Look<Plan>) => Promise<StepSummary>;
  },
): Promise<StepSummary> {
  const { storage, all, sweepAfterMs, quietAfterMs } = run;
  const visit = await storage.visit(partition);
  // Open to the end: the file system gives a deleted file's number to the next one at once, and `replace` tells the
  // compacted file that it knows from a newer one by that number.
  const snapshot = await storage.snapshot(partition, { ...options, yieldTurn: createYielder().yieldTurn });
  try {
    const files = await describeFiles(storage, snapshot, options);
    const { dayOver } = dayOf(run, partition);
    const plan = planOf({ files, dayOver, isUnchanged: !visit.changed, quietAfterMs, sweepAfterMs }, all);
    const swept = await sweepFiles(storage, snapshot, plan.sweeps);
    if (plan.isClean) await visit.markClean();
    const present = files.filter(({ name }) => !swept.includes(name));
    return await act({ snapshot, plan, present, swept: swept.length });
  } finally {
    await snapshot.close();
  }
}

/** What planning needs to know of a snapshot's files; without those that cannot be read here or are never merged, which nobody waits for. */
export async function describeFiles(
  storage: Storage,
  { files, partition }: Snapshot,
  { onDamage }: Pick<StepOptions, 'onDamage'>,
): Promise<readonly PlannedFile[]> {
  const described: PlannedFile[] = [];
  for (const file of files) {
    try {
      const planned = await describeFile(cacheOf(storage), file, partition);
      if (planned !== null) described.push(planned);
    } catch (error) {
      if (!isDamage(error) || !isLeftInPlace(error)) throw error;
      const { code, message } = error;
      onDamage?.({ date: partition.date, name: file.name, code, message, outcome: 'skipped' });
    }
  }
  return described;
}

/** The snapshot's files of these names, to be merged. */
export function inputsOf({ files, partition }: Snapshot, names: readonly string[]) {
  return files.filter(({ name }) => names.includes(name)).map((file) => ({ file, partition }));
}

/**
 * Deletes files whose readings others hold, once those are proved: whole, not only their footers, since what they replace may
 * be the only good copy of what is damaged in them.
 * @returns the names that are gone.
 */
async function sweepFiles(
  storage: Storage,
  snapshot: Snapshot,
  sweeps: readonly PlannedSweep[],
): Promise<readonly string[]> {
  for (const { holder, names } of sweeps) {
    for (const { file, partition } of inputsOf(snapshot, [holder])) await proveFile(file, partition);
    await storage.remove(snapshot.partition, names);
  }
  return sweeps.flatMap(({ names }) => names);
}

/** Merges parts, a user's or shared ones, into a larger part. */
export async function mergeIntoPart(
  { storage }: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  inputs: readonly string[],
  options: CallOptions,
): Promise<StepSummary> {
  const { partition } = snapshot;
  const replaces = [...inputs, ...(await stillReplaced(storage, partition, present, inputs))];
  const shared = partition.directory === SHARED_DIRECTORY;
  const heldRows = shared ? SHARED_HELD_ROWS : ROW_GROUP_ROWS;
  const tables = mergeFiles(inputsOf(snapshot, inputs), { ...options, heldRows });
  const { bytes, rows } = await buildFile(tables, { ...options, shared, replaces });
  await storage.publish(partition, partName(bytes), bytes, options);
  return { ...NOTHING_DONE, merged: inputs.length, readings: rows };
}

/** Whether `compacted.parquet` is the name of something that is no file: a directory, a link. */
export async function isNameTaken(storage: Storage, { files, partition }: Snapshot): Promise<boolean> {
  if (files.some(({ name }) => name === COMPACTED_NAME)) return false;
  return (await storage.orphans(partition)).includes(COMPACTED_NAME);
}

/**
 * Publishes a new compacted file.
 * @param tables - its readings, as `mergeFiles` yields them.
 * @param replaces - names of the files that they are of; the compacted file's own for the one it takes the place of.
 */
export async function replaceCompacted(
  run: CompactionRun,
  snapshot: Snapshot,
  tables: AsyncIterable<ReadingColumns>,
  replaces: readonly string[],
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<StepSummary> {
  const superseded = supersededName(run.random.id());
  const { dayMs } = dayOf(run, snapshot.partition);
  const { bytes, rows } = await buildFile(tables, {
    replaces: replaces.map((name) => (name === COMPACTED_NAME ? superseded : name)),
    rollup: { dayMs, priority: run.priority },
    signal,
  });
  const outcome = await run.storage.replace({ snapshot, supersededName: superseded, bytes }, { signal });
  if (outcome === 'conflict') return SKIPPED;
  return { ...NOTHING_DONE, compacted: 1, readings: rows };
}

/**
 * What the inputs of a merge replace and is still there: the merged file must go on saying so, since its inputs may be deleted
 * before what they replaced is.
 */
export async function stillReplaced(
  storage: Storage,
  { date }: Partition,
  present: readonly PlannedFile[],
  inputs: readonly string[],
): Promise<readonly string[]> {
  const names = new Set(present.filter(({ name }) => inputs.includes(name)).flatMap(({ replaces }) => replaces));
  for (const name of inputs) names.delete(name);
  if (names.size === 0) return [];
  const there = new Set(present.map(({ name }) => name));
  if ([...names].some((name) => sharedPartOf(name) !== null)) {
    for (const { name } of await storage.versions({ date, directory: SHARED_DIRECTORY })) there.add(name);
  }
  return [...names].filter((name) => there.has(sharedPartOf(name) ?? name));
}
