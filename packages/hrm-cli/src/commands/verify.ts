import { verify, verifyOutcome, verifySummaryToWire, verifyText } from 'hrm-core';
import { openForMending, openStorage } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { type Command, STORAGE_SETTINGS } from '../command.js';
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
      await output.write(json ? `${JSON.stringify(verifySummaryToWire(summary))}\n` : verifyText(summary, visibleText));
      return verifyOutcome(summary);
    } finally {
      progress.end();
      await storage.close();
    }
  },
};
