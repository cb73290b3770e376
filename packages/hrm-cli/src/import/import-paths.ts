/** `hrm import` of what devices and exports have: each file is a matter of its own, and has an account of its own. */

import { summaryText } from 'hrm-core';
import { COLUMN_ROLES } from 'hrm-core/formats';
import {
  failureLines,
  haveDamage,
  type ImportFilesOptions,
  type ImportTarget,
  type Input,
  importFailure,
  importFiles,
  listFiles,
  NOWHERE,
  openFinishedFiles,
  parseColumns,
  parseReceivedAt,
  reportText,
  toImportAccount,
} from 'hrm-core/import';
import { retentionOf } from 'hrm-core/open';
import type { CommandOption, Invocation } from '../command.js';
import { usageError } from '../usage-error.js';
import { withTarget } from '../with-target.js';
import { follow, resumption } from './surroundings.js';

/** What only files of devices and exports need. */
export const FILES_OPTIONS: readonly CommandOption[] = [
  { name: 'user', value: 'USER', about: 'Whose readings they are, where a file does not say.' },
  {
    name: 'time-zone',
    value: 'ZONE',
    about:
      'Where times were taken that have no zone in a file: Europe/Madrid, +02:00; default: such a file is refused.',
  },
  { name: 'dry-run', about: 'Judge everything as an import does, and enqueue nothing.' },
  {
    name: 'strict',
    about: 'Refuse a device file with damage, or with values that have no time or are too low or too high.',
  },
  { name: 'keep-low-confidence', about: 'Keep values that the device itself does not trust.' },
  {
    name: 'column',
    value: 'FIELD=NAME',
    repeatable: true,
    about: `The files are tables, in which a column has another name: heart_rate=Pulse. Fields are ${COLUMN_ROLES.join(', ')}.`,
  },
  {
    name: 'received-at',
    value: 'TIME',
    about:
      'When the readings count as received: a time, or now; default for device files: before everything that was posted, so that no correction is undone.',
  },
];

/** @returns `data` where a file is damaged. @throws HrmError kind `invalid` where a named file could not be imported. */
export async function importPaths(invocation: Invocation, peeked: Input | undefined): Promise<'done' | 'data'> {
  const { args, cwd, json, output, stderr, stdin, signal, settings } = invocation;
  if (args.has('format'))
    throw usageError('--format is for files of readings: leave it out, files are known by their content');
  const dryRun = args.has('dry-run');
  const { naiveTimestamps, maxFutureMs, maxPastMs } = settings;
  const options: ImportFilesOptions = {
    ...{ naiveTimestamps, maxFutureMs, maxPastMs, cwd, stdin, peeked, signal, dryRun },
    user: args.value('user'),
    retention: retentionOf(settings).record,
    timeZone: args.value('time-zone'),
    keepLowConfidence: args.has('keep-low-confidence'),
    columns: parseColumns(args.values('column'), '--column'),
    receivedMs: parseReceivedAt(args.value('received-at'), '--received-at'),
    strict: args.has('strict'),
    skipInvalid: args.has('skip-invalid'),
  };
  const resumed = resumption(invocation, options, ['files']);
  const finished = resumed === null ? null : await openFinishedFiles(resumed.path, resumed.way);
  const files = await listFiles(args.operands, cwd);
  const sizes = files.map(({ byteLength }) => byteLength);
  const run = (target: ImportTarget) =>
    follow(invocation, sizes, (followed) => importFiles(target, files, { ...options, ...followed, finished }));
  // A dry run opens no queue, and learns what a server would refuse.
  const results = dryRun && args.value('url') === undefined ? await run(NOWHERE) : await withTarget(invocation, run);
  if (json) await output.write(`${JSON.stringify(toImportAccount(results, dryRun))}\n`);
  else {
    const { counts, sections } = reportText(results, dryRun);
    const isToBeStored = results.some(({ enqueued }) => enqueued > 0);
    const end = isToBeStored ? 'A running hrm serve stores them, or: hrm drain --all\n' : '';
    await output.write(summaryText(counts) + sections + end);
    for (const line of failureLines(results)) stderr.write(`hrm import: ${line}\n`);
  }
  const failure = importFailure(results);
  if (failure !== null) throw failure;
  return haveDamage(results) ? 'data' : 'done';
}
