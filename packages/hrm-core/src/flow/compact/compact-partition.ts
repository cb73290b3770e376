/**
 * One user's partition: look at its files, delete what was replaced long enough ago, merge what is due.
 */

import { HrmError } from '../../errors.js';
import { COMPACTED_NAME } from '../../names.js';
import type { Partition, Snapshot } from '../../ports/storage.js';
import { type PlannedFile, planCompaction } from '../../pure/plan-compaction.js';
import { mergeFiles } from '../files/merge-files.js';
import { takeTurns } from '../files/turns.js';
import { type CompactionRun, dayOf, NOTHING_DONE, type StepOptions, type StepSummary } from './compaction-run.js';
import {
  describeFiles,
  inputsOf,
  isNameTaken,
  mergeIntoPart,
  replaceCompacted,
  stillReplaced,
  sweepFiles,
} from './merge-steps.js';

/** Takes a partition one step further; when nothing was merged, there is nothing to merge now. */
export async function compactPartition(
  run: CompactionRun,
  partition: Partition,
  options: StepOptions,
): Promise<StepSummary> {
  const { storage, all, sweepAfterMs, quietAfterMs } = run;
  const visit = await storage.visit(partition);
  // Open to the end: the file system gives a deleted file's number to the next one at once, and `replace` tells the
  // compacted file that it knows from a newer one by that number.
  const snapshot = await storage.snapshot(partition, { ...options, giveWay: takeTurns().give });
  try {
    const files = await describeFiles(storage, snapshot, options);
    const { dayOver } = dayOf(run, partition);
    const plan = planCompaction({ files, dayOver, isUnchanged: !visit.changed, quietAfterMs, sweepAfterMs }, all);
    const swept = await sweepFiles(storage, snapshot, plan.sweeps);
    if (plan.isSettled) await visit.settle();
    if (plan.merge === null) return { ...NOTHING_DONE, swept: swept.length, waiting: plan.isWaiting ? 1 : 0 };
    const present = files.filter(({ name }) => !swept.includes(name));
    const { inputs, into } = plan.merge;
    const merged = await (into === 'part' ? mergeIntoPart : mergeIntoCompacted)(
      run,
      snapshot,
      present,
      inputs,
      options,
    );
    return { ...merged, swept: swept.length };
  } finally {
    await snapshot.close();
  }
}

async function mergeIntoCompacted(
  run: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  inputs: readonly string[],
): Promise<StepSummary> {
  // Before the merge, which would be in vain, and in every run again.
  if (await isNameTaken(run.storage, snapshot)) {
    const { date } = snapshot.partition;
    throw new HrmError(
      `${COMPACTED_NAME} of ${date} is a directory or a link, and no file: move it away, or the day of that user cannot be compacted (hrm verify --date ${date} tells where)`,
      { kind: 'data', code: 'name_taken' },
    );
  }
  const replaces = [...inputs, ...(await stillReplaced(run.storage, snapshot.partition, present, inputs))];
  const done = await replaceCompacted(run, snapshot, mergeFiles(inputsOf(snapshot, inputs)), replaces);
  const merged = done.skipped > 0 ? 0 : inputs.filter((name) => name !== COMPACTED_NAME).length;
  return { ...done, merged };
}
