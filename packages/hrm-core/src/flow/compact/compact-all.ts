import { type CompactComponents, type CompactSettings, compact } from './compact.js';
import type { CompactOptions, CompactSummary } from './compact-summary.js';

/**
 * Runs {@link compact} until it leaves nothing: a run ends when it has rewritten enough, and the next one goes on with what is needed
 * most by then.
 * @returns the runs' sums; `waiting` and `failures` are the last one's, which has tried again what failed before.
 * @throws HrmError as {@link compact}.
 * @example
 * const { compacted, failures } = await compactAll({ storage }, { all: true });
 */
export async function compactAll(
  components: CompactComponents,
  settings: CompactSettings = {},
  options: CompactOptions = {},
): Promise<CompactSummary> {
  let total = await compact(components, settings, options);
  while (total.left > 0) total = addRuns(total, await compact(components, settings, options));
  return total;
}

function addRuns(before: CompactSummary, last: CompactSummary): CompactSummary {
  return {
    partitions: before.partitions + last.partitions,
    left: last.left,
    splitting: last.splitting,
    compacted: before.compacted + last.compacted,
    skipped: before.skipped + last.skipped,
    merged: before.merged + last.merged,
    readings: before.readings + last.readings,
    swept: before.swept + last.swept,
    waiting: last.waiting,
    failures: last.failures,
  };
}
