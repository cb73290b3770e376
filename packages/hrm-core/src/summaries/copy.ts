/** What a copy did. */
import type { CopySummary } from '../flow/copy/copy-store.js';
import { failuresToWire, failureText, summaryText, type Visible } from './table.js';

/** For programs. */
export function copySummaryToWire({ copiedBytes, newInLastPass, failures, ...counts }: CopySummary) {
  return { ...counts, copied_bytes: copiedBytes, new_in_last_pass: newInLastPass, failures: failuresToWire(failures) };
}

/** For people. */
export function copyText({ failures, ...counts }: CopySummary, visible: Visible): string {
  const table = summaryText([
    ['passes', counts.passes],
    ['partitions', counts.partitions],
    ['files', counts.files],
    ['copied', counts.copied],
    ['bytes copied', counts.copiedBytes],
    ['new in the last pass', counts.newInLastPass],
    ['left in quarantine', counts.quarantined],
    ['failed', failures.length],
  ]);
  const left =
    counts.newInLastPass > 0 ? 'Readings still come: stop the consumers, and copy once more to have them all.\n' : '';
  return table + left + failureText(failures, visible);
}
