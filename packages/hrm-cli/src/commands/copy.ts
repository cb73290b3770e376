import { copyStore, copySummaryToWire, copyText, failuresOutcome } from 'hrm-core';
import { openForCopy } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { type Command, STORAGE_SETTINGS } from '../command.js';
import { startProgress } from '../output/progress.js';

/** `hrm copy` */
export const copyCommand: Command = {
  name: 'copy',
  audit: 'export',
  about:
    'Copies a store, from a directory or S3 into a directory or S3, while it is in use. Each file is proved by its hash. What is there is not ' +
    'copied again, so a copy that was stopped goes on where it was.\n\n' +
    'It copies until a pass finds nothing new, at most five times: then all that was stored before the last pass is there. It ends with 3 ' +
    'where the last pass still found something. It deletes nothing. Quarantine, queue and keys are not copied.',
  options: [
    { name: 'from', value: 'URL', about: 'The store to copy: s3://bucket/prefix, or a directory.', required: true },
    { name: 'to', value: 'URL', about: 'Where to: an empty place, or one where a copy was begun.', required: true },
  ],
  settings: STORAGE_SETTINGS,
  examples: [
    'hrm copy --from ./data --to s3://my-bucket/heart-rate',
    'hrm copy --from s3://my-bucket/heart-rate --to ./backup',
  ],
  async run({ args, settings, json, output, stderr, signal, cwd }) {
    const [from = '', to = ''] = [args.value('from'), args.value('to')];
    const stores = await openForCopy(settings, { from, to, cwd });
    const progress = startProgress({ label: 'copy', total: undefined, stream: stderr, enabled: !json });
    try {
      const summary = await copyStore(
        stores,
        {},
        { signal, onProgress: ({ pass, files }) => progress.update(files, `files, pass ${pass}`) },
      );
      progress.end();
      await output.write(json ? `${JSON.stringify(copySummaryToWire(summary))}\n` : copyText(summary, visibleText));
      return summary.failures.length === 0 && summary.newInLastPass > 0
        ? 'unavailable'
        : failuresOutcome(summary.failures);
    } finally {
      progress.end();
      await stores.close();
    }
  },
};
