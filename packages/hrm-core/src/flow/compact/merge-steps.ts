/** What compacting a user's partition and compacting shared parts have in common. */

import { ROW_GROUP_ROWS, SHARED_HELD_ROWS } from '../../limits.js';
import { COMPACTED_NAME, isCompacted, SHARED_DIRECTORY } from '../../names.js';
import { proveFile } from '../../parquet/decode.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import type { ErasureMask } from '../../pure/erasure/register.js';
import { hashInName, isNamedAfter, sharedPartOf, supersededName } from '../../pure/partition.js';
import type { CompactionPlan, PartitionState, PlannedFile, PlannedSweep } from '../../pure/plan-compaction.js';
import { storeIntact } from '../damage/store-intact.js';
import { buildFile } from '../files/build-file.js';
import { type PinnedFile, partNameYielding, pinFile } from '../files/content-hash.js';
import { describeFile } from '../files/describe-file.js';
import { cacheOf } from '../files/file-cache.js';
import { isDamage, isLeftInPlace } from '../files/file-damage.js';
import { mergeFiles } from '../files/merge-files.js';
import { createYielder } from '../files/yielder.js';
import {
  type CompactionRun,
  dayOf,
  fileWork,
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
    const swept = await sweepFiles(storage, snapshot, plan.sweeps, options);
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
  const { yieldTurn } = createYielder();
  for (const file of files) {
    try {
      const planned = await describeFile(cacheOf(storage), file, partition, yieldTurn);
      if (planned !== null) described.push(planned);
    } catch (error) {
      if (!isDamage(error) || !isLeftInPlace(error)) throw error;
      const { code, message } = error;
      onDamage?.({ date: partition.date, name: file.name, code, message, outcome: 'skipped' });
    }
  }
  return described;
}

/** The snapshot's files of these names, to be merged: held to the bytes that they have now. */
export async function inputsOf({ files, partition }: Snapshot, names: readonly string[]): Promise<PinnedFile[]> {
  const { yieldTurn } = createYielder();
  const wanted = new Set(names);
  const inputs: PinnedFile[] = [];
  for (const file of files) if (wanted.has(file.name)) inputs.push(await pinFile(file, partition, yieldTurn));
  return inputs;
}

/** Files whose names have the hash of other bytes: who says that it holds those would hide, and delete, these. */
export function misnamed(inputs: readonly PinnedFile[]): readonly PinnedFile[] {
  return inputs.filter(isMisnamed);
}

function isMisnamed({ file: { name }, sha256 }: PinnedFile): boolean {
  return hashInName(name) !== null && !isNamedAfter(name, sha256);
}

/**
 * Stores what is in misnamed files in parts that are named after their bytes, and deletes the files.
 * @throws HrmError kind `data`, code `file_damaged`, for one that cannot be read whole.
 */
export async function storeAnew(
  storage: Storage,
  snapshot: Snapshot,
  files: readonly PinnedFile[],
  options: CallOptions,
): Promise<StepSummary> {
  for (const { file, partition, sha256 } of files) {
    await proveFile(file, partition, createYielder().yieldTurn);
    await storeIntact(storage, partition, file, options);
    await storage.removeExact(snapshot, { name: file.name, sha256 });
  }
  return { ...NOTHING_DONE, merged: files.length, work: files.length * fileWork(0) };
}

/**
 * Deletes files whose readings others hold, once those are proved: whole, not only their footers, since what they replace may
 * be the only good copy of what is damaged in them. And only those that have the bytes that the others hold: another file may have
 * such a name by now.
 * @returns the names that are gone.
 */
async function sweepFiles(
  storage: Storage,
  snapshot: Snapshot,
  sweeps: readonly PlannedSweep[],
  options: CallOptions,
): Promise<readonly string[]> {
  const gone: string[] = [];
  if (sweeps.length === 0) return gone;
  const { partition } = snapshot;
  const { yieldTurn } = createYielder();
  const files = new Map(snapshot.files.map((file) => [file.name, file]));
  const pin = async (name: string) => await pinFile(files.get(name) as StoredFile, partition, yieldTurn);
  for (const { holder, names } of sweeps) {
    const held = await pin(holder);
    if (isMisnamed(held)) {
      await storeAnew(storage, snapshot, [held], options);
      continue;
    }
    const replaced = new Set((await proveFile(held.file, partition, yieldTurn)).replaces);
    const proved: HashedFile[] = [];
    const wrong: PinnedFile[] = [];
    for (const name of names) {
      const file = await pin(name);
      if (isMisnamed(file)) wrong.push(file);
      // Of what is deleted nothing is held.
      else if (replaced.has(file.contentName))
        proved.push({ name, contentName: file.contentName, sha256: file.sha256 });
    }
    for (const name of await removeProved(storage, snapshot, proved)) gone.push(name);
    await storeAnew(storage, snapshot, wrong, options);
  }
  return gone;
}

/** A file of a snapshot, and the hash that its bytes have. */
type HashedFile = Pick<PinnedFile, 'contentName' | 'sha256'> & { readonly name: string };

/**
 * Deletes files that were found to have the bytes that others hold.
 * @param holders - the partitions that those others are in; by default the snapshot's own.
 * @returns the names that are gone.
 */
export async function removeProved(
  storage: Storage,
  snapshot: Snapshot,
  files: readonly HashedFile[],
  holders: readonly Partition[] = [snapshot.partition],
): Promise<readonly string[]> {
  const gone = files.filter(({ name, contentName }) => name === contentName).map(({ name }) => name);
  await storage.remove(snapshot.partition, gone, holders);
  for (const { name, contentName, sha256 } of files) {
    if (name === contentName) continue;
    if ((await storage.removeExact(snapshot, { name, sha256 }, holders)) === 'removed') gone.push(name);
  }
  return gone;
}

/** Merges parts, a user's or shared ones, into a larger part. */
export async function mergeIntoPart(
  { storage }: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  names: readonly string[],
  options: CallOptions,
): Promise<StepSummary> {
  const { partition } = snapshot;
  const inputs = await inputsOf(snapshot, names);
  if (misnamed(inputs).length > 0) return await storeAnew(storage, snapshot, misnamed(inputs), options);
  const replaces = await namesHeld(storage, partition, present, inputs);
  const shared = partition.directory === SHARED_DIRECTORY;
  const heldRows = shared ? SHARED_HELD_ROWS : ROW_GROUP_ROWS;
  const tables = mergeFiles(inputs, { ...options, heldRows });
  const { bytes, rows } = await buildFile(tables, { ...options, shared, replaces, erased: maskOf(snapshot)?.key });
  await storage.publish(partition, await partNameYielding(bytes, createYielder().yieldTurn), bytes, options);
  return { ...NOTHING_DONE, merged: inputs.length, readings: rows, work: fileWork(rows) };
}

/** Whether `compacted.parquet` is the name of something that is no file: a directory, a link. */
export async function isNameTaken(storage: Storage, { files, partition, orphans }: Snapshot): Promise<boolean> {
  if (files.some(({ name }) => isCompacted(name))) return false;
  return (orphans ?? (await storage.orphans(partition))).includes(COMPACTED_NAME);
}

/** What the readings of a snapshot's files are looked at through. */
export function maskOf({ files: [first] }: Snapshot): ErasureMask | null {
  return first?.mask ?? null;
}

/** What a new compacted file is made of. */
interface CompactedSources {
  /** Files, the compacted one among them where there is one. */
  readonly inputs: readonly PinnedFile[];
  /** Merged readings that are in none of them. */
  readonly table?: ReadingColumns | undefined;
  /** Further names of what it holds. */
  readonly replaces?: readonly string[] | undefined;
}

/**
 * Publishes a new compacted file.
 * @param present - the partition's files.
 */
export async function replaceCompacted(
  run: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  { inputs, table, replaces = [] }: CompactedSources,
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<StepSummary> {
  const { storage } = run;
  const old = inputs.find(({ file: { name } }) => name === COMPACTED_NAME);
  const superseded = supersededName(old?.sha256 ?? null, run.random.id());
  const held = await namesHeld(storage, snapshot.partition, present, inputs);
  const names = [...(old === undefined ? [] : [superseded]), ...replaces, ...held];
  const { dayMs } = dayOf(run, snapshot.partition);
  const { bytes, rows } = await buildFile(mergeFiles(inputs, { table, signal }), {
    replaces: [...new Set(names)],
    erased: maskOf(snapshot)?.key,
    rollup: { dayMs, priority: run.priority },
    signal,
  });
  const outcome = await storage.replace({ snapshot, supersededName: superseded, bytes }, { signal });
  const work = fileWork(rows);
  if (outcome === 'conflict') return { ...SKIPPED, work };
  return { ...NOTHING_DONE, compacted: 1, readings: rows, work };
}

/**
 * Content names of the files that a merge holds: of its inputs, but for the compacted file, which gets another; and of what those
 * replace and is still there. The merged file must go on saying so, since its inputs may be deleted before what they replaced is.
 */
export async function namesHeld(
  storage: Storage,
  { date }: Partition,
  present: readonly PlannedFile[],
  inputs: readonly PinnedFile[],
): Promise<readonly string[]> {
  const merged = new Set(inputs.map(({ file: { name } }) => name));
  const own = new Set(inputs.filter(({ file: { name } }) => name !== COMPACTED_NAME).map((input) => input.contentName));
  const names = present.filter(({ name }) => merged.has(name)).flatMap(({ replaces }) => replaces);
  const others = [...new Set(names)].filter((name) => !own.has(name));
  if (others.length === 0) return [...own];
  const there = new Set(present.map(({ contentName }) => contentName));
  let isSharedUnknown = false;
  if (others.some((name) => sharedPartOf(name) !== null)) {
    for (const { name } of await storage.versions({ date, directory: SHARED_DIRECTORY })) {
      there.add(name);
      isSharedUnknown ||= hashInName(name) === null;
    }
  }
  function isThere(name: string): boolean {
    const part = sharedPartOf(name);
    // A shared part that somebody else named may be any.
    return part === null ? there.has(name) : isSharedUnknown || there.has(part);
  }
  return [...own, ...others.filter(isThere)];
}
