/** What a verification found. */
import type { VerifyFault, VerifySummary } from '../flow/verify/verify.js';
import { plural } from '../words.js';
import { failuresToWire, failureText, summaryText, type Visible } from './table.js';

/** For programs. */
export function verifySummaryToWire({
  faults,
  faultCount,
  setAside,
  failures,
  receivedAhead,
  ...counts
}: VerifySummary) {
  const { readings, latestMs } = receivedAhead;
  return {
    ...counts,
    received_ahead: { readings, latest: latestMs === null ? null : minuteText(latestMs) },
    set_aside: setAside,
    fault_count: faultCount,
    faults: faults.map(({ partition, ...fault }) => ({ ...partition, ...fault })),
    failures: failuresToWire(failures),
  };
}

/** For people. */
export function verifyText({ faults, failures, ...counts }: VerifySummary, visible: Visible): string {
  const table = summaryText([
    ['partitions', counts.partitions],
    ['files', counts.files],
    ['readings', counts.readings],
    ['files superseded', counts.superseded.files],
    ['readings in those', counts.superseded.readings],
    ['faults', counts.faultCount],
    ['files repaired', counts.repaired],
    ['files set aside', counts.setAside],
    ['in quarantine', counts.quarantine.files],
    ['readings only there', counts.quarantine.salvageable - counts.quarantine.salvaged],
    ['readings brought back', counts.quarantine.salvaged],
    ['failed', failures.length],
  ]);
  return (
    table +
    aheadText(counts.receivedAhead) +
    faults.map((fault) => faultText(fault, visible)).join('') +
    failureText(failures, visible)
  );
}

/** What to do about a clock that was ahead; nothing where none was. */
function aheadText({ readings, latestMs }: VerifySummary['receivedAhead']): string {
  if (latestMs === null) return '';
  const until = minuteText(latestMs);
  return (
    `${plural(readings, 'reading')} received ahead of the clock, the latest at ${until}: a clock was wrong. ` +
    'A correction of such a reading counts only if it is received later than the reading was. ' +
    `Set the clock right on each machine, and send corrections again after ${until}.\n`
  );
}

/** `2024-01-15T10:30Z` */
function minuteText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

const OUTCOMES = { found: '', repaired: ' (repaired)', set_aside: ' (set aside)' } as const;

function faultText(
  { partition: { date, directory }, name, code, message, outcome }: VerifyFault,
  visible: Visible,
): string {
  // Where the place itself is taken there is no file, and maybe no directory.
  const path = [date, directory, name].filter((part) => part !== '').map(visible);
  return `${path.join('/')}: ${code}: ${visible(message)}${OUTCOMES[outcome]}\n`;
}
