import { plural, type VerifyFault, type VerifySummary, verify, verifyOutcome } from 'hrm-core';
import { openForMending, openStorage } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { type Command, STORAGE_SETTINGS } from '../command.js';
import { failuresToWire, failureText, summaryText } from '../output/output.js';
import { startProgress } from '../output/progress.js';

/** `hrm verify` */
export const verifyCommand: Command = {
  name: 'verify',
  about:
    'Looks at every byte and reading of every stored file, and says what is wrong; ends with 5 where something is left so, or lost. ' +
    'With --repair it stores what can be read where it belongs, makes rollups anew, and sets damaged files aside. It deletes nothing.',
  options: [
    { name: 'user', value: 'U', about: "Only this user's days, and the shared parts that may hold some of it." },
    { name: 'date', value: 'YYYYMMDD', about: 'Only this UTC date.' },
    { name: 'repair', about: 'Mend what can be mended.' },
  ],
  settings: STORAGE_SETTINGS,
  examples: ['hrm verify', 'hrm verify --user ana --date 20240115 --repair', 'hrm verify --repair --json'],
  async run({ args, settings, json, output, stderr, signal }) {
    const repair = args.has('repair');
    // Looking changes nothing, so it may be a backup, or a disk that is mounted read-only.
    const storage = await (repair
      ? openForMending(settings)
      : openStorage(settings, { readOnly: true, create: false }));
    const progress = startProgress({ label: 'verify', total: 1, stream: stderr, enabled: !json });
    try {
      const summary = await verify(
        { storage },
        { userId: args.value('user'), date: args.value('date'), repair },
        { signal, onProgress: ({ done, total }) => progress.update(done / total, `${done} of ${total} partitions`) },
      );
      progress.end();
      await output.write(json ? `${JSON.stringify(toWire(summary))}\n` : toText(summary));
      return verifyOutcome(summary);
    } finally {
      progress.end();
      await storage.close();
    }
  },
};

function toWire({ faults, faultCount, setAside, failures, receivedAhead, ...counts }: VerifySummary) {
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

function toText({ faults, failures, ...counts }: VerifySummary): string {
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
  return table + aheadText(counts.receivedAhead) + faults.map(faultText).join('') + failureText(failures);
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

function faultText({ partition: { date, directory }, name, code, message, outcome }: VerifyFault): string {
  // Where the place itself is taken there is no file, and maybe no directory.
  const path = [date, directory, name].filter((part) => part !== '').map(visibleText);
  return `${path.join('/')}: ${code}: ${visibleText(message)}${OUTCOMES[outcome]}\n`;
}
