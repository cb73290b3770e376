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
      if (merge === null) return { ...NOTHING_DONE, swept, waiting: isWaiting ? 1 : 0 };
      const mergeInto = merge.into === 'part' ? mergeIntoPart : mergeIntoCompacted;
      return { ...(await mergeInto(run, snapshot, present, merge.inputs, options)), swept };
    },
  });
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
