import { type CompactSummary, compact, type DamageReport } from 'hrm-core';
import type { Command } from '../command.js';
import { openForMending } from '../open-mending.js';
import { failuresToWire, failureText, type PartitionFailure, summaryText, visibleText } from '../output.js';
import { startProgress } from '../progress.js';

/** `hrm compact` */
export const compactCommand: Command = {
  name: 'compact',
  about:
    "Merges the parts of a user's day into larger parts and one compacted file, where that is worth it. It splits shared files " +
    'among their users, and deletes files superseded long ago. It looks at what was written since the last run. ' +
    'Any number of compacters may run at once: one that loses a race says so (skipped) and has lost nothing.\n\n' +
    'A day that is over becomes one file when a run finds nothing new for it, or nothing has come for ten minutes. Until ' +
    'then it counts as waiting, and a later run does it. --all does it at once.',
  options: [
    {
      name: 'user',
      value: 'U',
      about: "Only this user's days, and the shared parts that may hold some of it, for all their users.",
    },
    { name: 'date', value: 'YYYYMMDD', about: 'Only this UTC date.' },
    { name: 'all', about: 'Look at everything and merge every part, whatever the policy says.' },
  ],
  settings: ['dataDir', 'sweepAfterMs', 'devicePriority'],
  examples: ['hrm compact', 'hrm compact --user ana --date 20240115 --all', 'hrm compact --all --json'],
  async run({ args, settings, json, output, signal }) {
    const storage = await openForMending(settings);
    const progress = startProgress({ label: 'compact', total: 1, stream: process.stderr, enabled: !json });
    const damaged: DamageReport[] = [];
    try {
      const compactOnce = () =>
        compact(
          { storage },
          {
            userId: args.value('user'),
            date: args.value('date'),
            all: args.has('all'),
            sweepAfterMs: settings.sweepAfterMs,
            devicePriority: settings.devicePriority,
          },
          {
            signal,
            onProgress: ({ done, total }) => progress.update(done / total, `${done} of ${total} partitions`),
            onDamage(report) {
              damaged.push(report);
              warn(report);
            },
          },
        );
      let summary = await compactOnce();
      while (summary.left > 0) summary = addRuns(summary, await compactOnce());
      progress.end();
      await output.write(json ? `${JSON.stringify(toWire(summary, damaged))}\n` : toText(summary));
      return damaged.length > 0 ? 'data' : outcomeOf(summary.failures);
    } finally {
      progress.end();
      await storage.close();
    }
  },
};

/** Codes of failures that trying again does not mend. */
const DATA_CODES: readonly string[] = [
  'file_damaged',
  'file_too_large',
  'file_unsupported',
  'unstorable_readings',
  'name_taken',
];

/** Where both kinds failed, the one that needs a person. */
export function outcomeOf(failures: readonly PartitionFailure[]): 'done' | 'data' | 'unavailable' {
  if (failures.length === 0) return 'done';
  return failures.some(({ code }) => DATA_CODES.includes(code)) ? 'data' : 'unavailable';
}

function warn({ message }: DamageReport): void {
  process.stderr.write(`hrm compact: warning: ${visibleText(message)}; it was left out: run hrm verify\n`);
}

/** A run ends when it has rewritten enough; the next one goes on with what is needed most by then. */
function addRuns(before: CompactSummary, last: CompactSummary): CompactSummary {
  return {
    partitions: before.partitions + last.partitions,
    left: last.left,
    compacted: before.compacted + last.compacted,
    skipped: before.skipped + last.skipped,
    merged: before.merged + last.merged,
    readings: before.readings + last.readings,
    swept: before.swept + last.swept,
    waiting: last.waiting,
    failures: last.failures,
  };
}

function toWire({ failures, left: _, ...counts }: CompactSummary, damaged: readonly DamageReport[]) {
  return { ...counts, damaged, failures: failuresToWire(failures) };
}

function toText({ failures, ...counts }: CompactSummary): string {
  const table = summaryText([
    ['partitions', counts.partitions],
    ['compacted', counts.compacted],
    ['skipped', counts.skipped],
    ['parts merged', counts.merged],
    ['readings', counts.readings],
    ['files swept', counts.swept],
    ['waiting', counts.waiting],
    ['failed', failures.length],
  ]);
  return table + failureText(failures);
}
