/** One run of a compacter, over partitions in the order that they are found. */
import { throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_MERGES } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { Partition, PartitionFailure } from '../../ports/storage.js';
import { type OrderedWork, takeTurns } from '../../pure/order-work.js';
import { withoutDamaged } from '../damage/damage-watch.js';
import { compactPartition } from './compact-partition.js';
import { compactShared } from './compact-shared.js';
import type { CompactOptions, CompactSummary } from './compact-summary.js';
import {
  addSteps,
  type CompactionRun,
  NOTHING_DONE,
  type StepOptions,
  type StepSummary,
  stepFailed,
} from './compaction-run.js';

/** Takes every partition as far as it goes now, until the run has done enough. @throws as `compact`. */
export async function runOver(
  run: CompactionRun,
  work: AsyncIterable<OrderedWork<Partition>>,
  { onProgress, ...options }: CompactOptions,
): Promise<CompactSummary> {
  let total: StepSummary = NOTHING_DONE;
  const failures: PartitionFailure[] = [];
  let [done, found, splitting] = [0, 0, 0];
  for await (const partitions of work) {
    const turns = takeTurns(partitions);
    found += turns.left();
    const begun = new Set<Partition>();
    let isEnded = false;
    async function takeThem(): Promise<void> {
      for (let turn = turns.next(); turn !== null && !isEnded; turn = turns.next()) {
        throwIfAborted(options.signal, 'compacting');
        if (!run.all && isLong(run, total)) break;
        const { partition } = turn;
        const beganMs = performance.now();
        const step = await compactFully(run, partition, options).catch((error) =>
          stepFailed(failures, partition, error),
        );
        total = addSteps(total, step);
        const isLeft = step.splitting > 0;
        turn.done(performance.now() - beganMs, isLeft);
        if (isLeft) begun.add(partition);
        else begun.delete(partition);
        if (!isLeft) done += 1;
        onProgress?.({ done, total: found });
      }
    }
    const atOnce = Math.min(1 + (run.storage.readAhead ?? 0), MAX_CONCURRENT_MERGES);
    const ends = Array.from({ length: atOnce }, () =>
      takeThem().catch((error) => {
        isEnded = true;
        throw error;
      }),
    );
    // Nothing is left running by who fails.
    await Promise.allSettled(ends);
    await Promise.all(ends);
    splitting += begun.size;
    if (done < found) break;
  }
  const { work: _, ...counts } = total;
  return {
    partitions: done,
    left: found - done,
    ...counts,
    splitting,
    failures: [...total.failures, ...failures],
  };
}

/** Whether a run has done enough: of many days of few readings it is the files that take the time. */
function isLong({ bounds }: CompactionRun, { work }: StepSummary): boolean {
  return work >= bounds.runRows;
}

/** Steps of one partition until nothing is merged, or somebody else merges it. */
async function compactFully(run: CompactionRun, partition: Partition, options: StepOptions): Promise<StepSummary> {
  const step = partition.directory === SHARED_DIRECTORY ? compactShared : compactPartition;
  let total: StepSummary = NOTHING_DONE;
  for (;;) {
    throwIfAborted(options.signal, 'compacting');
    const done = await withoutDamaged(run.storage, partition, options, () => step(run, partition, options));
    total = addSteps(total, done);
    if (done.merged === 0 || (!run.all && isLong(run, total))) return total;
  }
}
