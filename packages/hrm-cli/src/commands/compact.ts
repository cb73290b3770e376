import { compactAll, compactSummaryToWire, compactText, type DamageReport, expire, failuresOutcome } from 'hrm-core';
import { openForMending, presentWhile } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { type Command, STORAGE_SETTINGS } from '../command.js';
import { startProgress } from '../output/progress.js';
import { VERSION } from '../version.js';

/** `hrm compact` */
export const compactCommand: Command = {
  name: 'compact',
  about:
    'Deletes days that are kept no longer (HRM_RETENTION_DAYS). ' +
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
    {
      name: 'trust-clock',
      about: 'Delete what is kept no longer, also where only the clock here says that its days are over.',
    },
  ],
  settings: [...STORAGE_SETTINGS, 'sweepAfterMs', 'devicePriority'],
  examples: ['hrm compact', 'hrm compact --user ana --date 20240115 --all', 'hrm compact --all --json'],
  async run({ args, settings, json, output, stderr, signal }) {
    const storage = await openForMending(settings);
    const progress = startProgress({ label: 'compact', total: 1, stream: stderr, enabled: !json });
    const damaged: DamageReport[] = [];
    const trustClock = args.has('trust-clock');
    try {
      const { expired, summary } = await presentWhile(
        settings,
        { version: VERSION, parts: ['compacter'] },
        async ({ compacted }) => {
          const expired = await expire({ storage }, { trustClock }, { signal });
          const summary = await compactAll(
            { storage },
            {
              userId: args.value('user'),
              date: args.value('date'),
              all: args.has('all'),
              trustClock,
              sweepAfterMs: settings.sweepAfterMs,
              devicePriority: settings.devicePriority,
            },
            {
              signal,
              onProgress: ({ done, total }) => progress.update(done / total, `${done} of ${total} partitions`),
              onDamage(report) {
                damaged.push(report);
                stderr.write(warningText(report));
              },
            },
          );
          return { expired, summary: compacted(summary) };
        },
      );
      progress.end();
      await output.write(
        json
          ? `${JSON.stringify({ ...compactSummaryToWire(summary, damaged), expired })}\n`
          : compactText(summary, expired, visibleText),
      );
      return damaged.length > 0 ? 'data' : failuresOutcome(summary.failures);
    } finally {
      progress.end();
      await storage.close();
    }
  },
};

function warningText({ message }: DamageReport): string {
  return `hrm compact: warning: ${visibleText(message)}; it was left out: run hrm verify\n`;
}
