/** `hrm import` of what devices and exports have: each file is a matter of its own, and has an account of its own. */
import { resolve } from 'node:path';
import { HrmError, plural } from 'hrm-core';
import { COLUMN_ROLES } from 'hrm-core/formats';
import {
  checkpointPath,
  type FileResult,
  type FinishedFiles,
  type ImportFile,
  type ImportFilesOptions,
  type ImportProgress,
  type ImportTarget,
  importFiles,
  listFiles,
  openFinishedFiles,
} from 'hrm-core/import';
import type { CommandOption, Invocation } from '../command.js';
import { rateText, startProgress } from '../output/progress.js';
import { usageError } from '../usage-error.js';
import { withTarget } from '../with-target.js';
import { reportText, reportToWire } from './report.js';

/** What only files of devices and exports need. */
export const FILES_OPTIONS: readonly CommandOption[] = [
  { name: 'user', value: 'USER', about: 'Whose readings they are, where a file does not say.' },
  {
    name: 'time-zone',
    value: 'ZONE',
    about:
      'Where times were taken that have no zone in a file: Europe/Madrid, +02:00; default: such a file is refused.',
  },
  { name: 'dry-run', about: 'Tell devices, times, counts and zones, and enqueue nothing.' },
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
export async function importAllFiles(invocation: Invocation): Promise<'done' | 'data'> {
  const { args, cwd, json, output, stderr } = invocation;
  if (args.has('format'))
    throw usageError('--format is for files of readings: leave it out, files are known by their content');
  const finished = await finishedOf(invocation);
  const files = await listFiles(args.operands, cwd);
  const isDryRun = args.has('dry-run');
  const results = isDryRun
    ? await importInto(NOWHERE, files, finished, invocation)
    : await withTarget(invocation, (target) => importInto(target, files, finished, invocation));
  await output.write(json ? `${JSON.stringify(reportToWire(results, isDryRun))}\n` : reportText(results, isDryRun));
  const failed = results.filter(({ outcome, isFound }) => isFailure(outcome, isFound));
  if (failed.length > 0) {
    if (!json)
      for (const { error, file } of failed.slice(0, MAX_SHOWN))
        stderr.write(`hrm import: ${failureText(file, error)}\n`);
    const message = `${plural(failed.length, 'file')} could not be imported; the others are`;
    const faults = failed
      .slice(0, MAX_SHOWN)
      .map(({ file, error }) => ({ path: file, message: error?.message ?? 'refused' }));
    throw new HrmError(message, { kind: 'invalid', code: 'files_not_imported', faults, faultCount: failed.length });
  }
  return results.some(({ account }) => (account?.damageCount ?? 0) > 0) ? 'data' : 'done';
}

/** Lines that one import writes of failures. */
const MAX_SHOWN = 20;

/** A dry run opens no queue. */
const NOWHERE: ImportTarget = {
  queue: { push: async () => undefined, depth: () => Promise.reject(new Error('there is no queue')) },
};

/** A directory holds other files, too; what somebody names should have readings. */
function isFailure(outcome: FileResult['outcome'], isFound: boolean): boolean {
  return outcome === 'failed' || outcome === 'refused' || (outcome === 'unknown' && !isFound);
}

function failureText(file: string, error: FileResult['error']): string {
  if (error === null) return `${file}: refused by --strict: nothing of it was enqueued`;
  return error.message.startsWith(file) ? error.message : `${file}: ${error.message}`;
}

async function importInto(
  target: ImportTarget,
  files: readonly ImportFile[],
  finished: FinishedFiles | null,
  invocation: Invocation,
): Promise<readonly FileResult[]> {
  const { args, settings, json, stderr, signal, cwd, stdin } = invocation;
  const startMs = performance.now();
  const progress = startProgress({ label: 'import', total: totalBytes(files), stream: stderr, enabled: !json });
  function onProgress({ bytesRead, enqueued }: ImportProgress): void {
    const rate = rateText(enqueued, performance.now() - startMs);
    progress.update(bytesRead, `${enqueued.toLocaleString('en')} readings, ${rate}`);
  }
  const { naiveTimestamps, maxFutureMs, maxPastMs } = settings;
  try {
    return await importFiles(target, files, {
      ...{ naiveTimestamps, maxFutureMs, maxPastMs, cwd, stdin, signal, finished, onProgress },
      user: args.value('user'),
      timeZone: args.value('time-zone'),
      keepLowConfidence: args.has('keep-low-confidence'),
      columns: columnsOf(args.values('column')),
      receivedMs: receivedAt(args.value('received-at')),
      strict: args.has('strict'),
      dryRun: args.has('dry-run'),
      skipInvalid: args.has('skip-invalid'),
    });
  } finally {
    progress.end();
  }
}

/** Bytes of all files; `undefined` when one of them is a pipe. */
function totalBytes(files: readonly ImportFile[]): number | undefined {
  let total = 0;
  for (const { byteLength } of files) {
    if (byteLength === undefined) return undefined;
    total += byteLength;
  }
  return total;
}

async function finishedOf({ args, settings, cwd }: Invocation): Promise<FinishedFiles | null> {
  const path = args.value('checkpoint');
  if (path === undefined && !args.has('resume')) return null;
  if (args.operands.includes('-')) {
    throw usageError('standard input cannot be resumed: name files, or leave out --resume');
  }
  return await openFinishedFiles(
    path === undefined ? checkpointPath(settings.queueDir, [...args.operands, 'files'], cwd) : resolve(cwd, path),
  );
}

/** @throws HrmError kind `invalid` for what names no field of a reading. */
function columnsOf(given: readonly string[]): ImportFilesOptions['columns'] {
  if (given.length === 0) return undefined;
  const columns = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    const role = text.slice(0, Math.max(0, at));
    if (at < 1 || at === text.length - 1 || !COLUMN_ROLES.some((one) => one === role)) {
      throw usageError(`--column must be FIELD=NAME, where the field is one of ${COLUMN_ROLES.join(', ')}`);
    }
    columns.set(role, text.slice(at + 1));
  }
  return Object.fromEntries(columns);
}

/** @throws HrmError kind `invalid` for what is no time, and for one ahead. */
function receivedAt(text: string | undefined): number | 'now' | undefined {
  if (text === undefined || text === 'now') return text;
  const ms = /(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (ms >= 0 && ms <= Date.now()) return ms;
  throw usageError('--received-at must be now, or a time that is over, such as 2024-01-15T10:00:00Z');
}
