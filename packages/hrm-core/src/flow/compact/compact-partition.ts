/**
 * One user's partition: look at its files, delete what was replaced long enough ago, merge what is due.
 */

import { HrmError } from '../../errors.js';
import { COMPACTED_NAME, isCompacted } from '../../names.js';
import type { Partition, Snapshot } from '../../ports/storage.js';
import { type PlannedFile, planCompaction } from '../../pure/plan-compaction.js';
import { type CompactionRun, NOTHING_DONE, type StepOptions, type StepSummary } from './compaction-run.js';
import {
  inputsOf,
  isNameTaken,
  mergeIntoPart,
  misnamed,
  removeProved,
  replaceCompacted,
  stepThrough,
  storeAnew,
} from './merge-steps.js';

/** Takes a partition one step further; when nothing was merged, there is nothing to merge now. */
export async function compactPartition(
  run: CompactionRun,
  partition: Partition,
  options: StepOptions,
): Promise<StepSummary> {
  return await stepThrough(run, partition, options, {
    plan: planCompaction,
    async act({ snapshot, plan: { merge, isWaiting }, present, swept }) {
      if (merge === null) {
        const emptied = await removeEmpty(run, snapshot, present);
        return { ...NOTHING_DONE, swept: swept + emptied, waiting: isWaiting ? 1 : 0 };
      }
      const mergeInto = merge.into === 'part' ? mergeIntoPart : mergeIntoCompacted;
      return { ...(await mergeInto(run, snapshot, present, merge.inputs, options)), swept };
    },
  });
}

/** Deletes a file without readings, where it is the last one, and what else names the partition: all of it was erased. */
async function removeEmpty(run: CompactionRun, snapshot: Snapshot, present: readonly PlannedFile[]): Promise<number> {
  const { storage } = run;
  const { partition } = snapshot;
  const { maskOf } = await storage.erasures.current();
  if (maskOf(partition) === null || snapshot.files.length > 1) return 0;
  const [file] = present;
  if (file === undefined || file.rows > 0) {
    if (snapshot.files.length === 0) await storage.vacate(partition);
    return 0;
  }
  const inputs = await inputsOf(snapshot, [file.name]);
  const empty = inputs.map(({ contentName, sha256 }) => ({ name: file.name, contentName, sha256 }));
  const gone = await removeProved(storage, snapshot, empty);
  await storage.vacate(partition);
  return gone.length;
}

async function mergeIntoCompacted(
  run: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  names: readonly string[],
  options: StepOptions,
): Promise<StepSummary> {
  // Before the merge, which would be in vain, and in every run again.
  if (await isNameTaken(run.storage, snapshot)) {
    const { date } = snapshot.partition;
    throw new HrmError(
      `${COMPACTED_NAME} of ${date} is no file, but a directory, a link or the like: move it away, or the day of that user cannot be compacted (hrm verify --date ${date} tells where)`,
      { kind: 'data', code: 'name_taken' },
    );
  }
  const inputs = await inputsOf(snapshot, names);
  if (misnamed(inputs).length > 0) return await storeAnew(run.storage, snapshot, misnamed(inputs), options);
  const done = await replaceCompacted(run, snapshot, present, { inputs }, options);
  const merged = done.skipped > 0 ? 0 : Math.max(1, names.filter((name) => !isCompacted(name)).length);
  return { ...done, merged };
}
