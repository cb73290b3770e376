/** What a compacter's run did. */
import type { CompactSummary } from '../flow/compact/compact-summary.js';
import type { DamageReport } from '../flow/damage/damage.js';
import type { ExpireSummary } from '../retaining.js';
import { failuresToWire, failureText, summaryText, type Visible } from './table.js';

/** For programs. */
export function compactSummaryToWire(
  { failures, left: _, splitting: __, ...counts }: CompactSummary,
  damaged: readonly DamageReport[],
) {
  return { ...counts, damaged, failures: failuresToWire(failures) };
}

/** For people. */
export function compactText(
  { failures, ...counts }: CompactSummary,
  { files, held }: ExpireSummary,
  visible: Visible,
): string {
  const table = summaryText([
    ['partitions', counts.partitions],
    ['compacted', counts.compacted],
    ['skipped', counts.skipped],
    ['parts merged', counts.merged],
    ['readings', counts.readings],
    ['files swept', counts.swept],
    ['waiting', counts.waiting],
    ['files expired', files],
    ...(held === 0 ? [] : [['dates expired by the clock here alone: see --trust-clock', held] as const]),
    ['failed', failures.length],
  ]);
  return table + failureText(failures, visible);
}
