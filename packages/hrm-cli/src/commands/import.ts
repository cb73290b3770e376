import { resolve } from 'node:path';
import { HrmError, isHrmError, plural } from 'hrm-core';
import {
  type Checkpoint,
  checkpointPath,
  closeInputs,
  FORMATS,
  type Format,
  faultLines,
  type ImportProgress,
  type ImportSummary,
  type ImportTarget,
  type Input,
  importReadings,
  needImportFiles,
  openCheckpoint,
  openInputs,
} from 'hrm-core/import';
import { visibleText } from 'hrm-core/process';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { FILES_OPTIONS, importAllFiles } from '../import/files.js';
import { summaryText } from '../output/output.js';
import { rateText, startProgress } from '../output/progress.js';
import { URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';
import { withTarget } from '../with-target.js';

/** Files that one call may name; a shell's own limit is lower. */
const MAX_FILES = 100_000;

/** Said once, on a line of its own: whoever watches a log instead of a terminal sees no progress. */
const WAITING = 'the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)';

const MAY_BE_CUT =
  'ends without an end of line: if the file was broken off, the id there is that of another: compare it with its source';
const CHANGED = 'is not the file that it was when its import stopped: it is imported from its beginning';

/** `hrm import` */
export const importCommand: Command = {
  name: 'import',
  about:
    'Enqueues the readings of files, gzipped or not; a directory stands for all files in it. ' +
    'Files of devices are FIT, TCX and GPX. Health exports are those of Apple Health, Fitbit, Google Fit, Samsung, Polar and others. ' +
    'Files of readings are CSV, where a header row names user_id, device_id, timestamp, heart_rate, and NDJSON. ' +
    'A running hrm serve, or hrm drain --all, stores them then. Importing a file again is harmless.',
  operands: { label: 'FILE…', min: 1, max: MAX_FILES },
  options: [
    {
      name: 'format',
      value: 'FORMAT',
      about: 'Format of all files; default: by extension, else by the first character.',
      choices: FORMATS,
    },
    { name: 'resume', about: 'Go on where an import of these files stopped, and remember how far this one comes.' },
    {
      name: 'checkpoint',
      value: 'FILE',
      about: 'Remember it there; default imports/ beside the queue directory. Implies --resume.',
    },
    URL_OPTION,
    ...FILES_OPTIONS,
    { name: 'skip-invalid', about: 'Pass over faulty rows and count them; default: stop at the first chunk with one.' },
  ],
  settings: [...QUEUE_SETTINGS, 'apiKey', 'queueHighWater', 'naiveTimestamps', 'maxFutureMs', 'maxPastMs'],
  examples: [
    'hrm import readings.csv',
    'hrm import 2024-*.ndjson.gz --skip-invalid',
    'hrm import huge.csv.gz --resume',
    'hrm import readings.csv --url http://127.0.0.1:8000',
    'hrm import activities/ --user ana --dry-run',
    'hrm import HEARTRATE.csv --user ana --time-zone Europe/Madrid',
    'hrm import export.zip --user ana',
    'hrm import sheet.csv --user ana --column heart_rate=Puls --column timestamp=Wann',
    'zcat export.gz | hrm import - --format csv --json',
  ],
  async run(invocation) {
    const { args, cwd, stdin, signal } = invocation;
    const asksForFiles = FILES_OPTIONS.some(({ name, value }) =>
      value === undefined ? args.has(name) : args.value(name) !== undefined,
    );
    if (asksForFiles || (!args.has('format') && (await needImportFiles(args.operands, { cwd, signal })))) {
      return await importAllFiles(invocation);
    }
    const checkpoint = await checkpointOf(invocation);
    const inputs = await openInputs(args.operands, { cwd, stdin, signal });
    try {
      await withTarget(invocation, (target) => importInputs(inputs, target, checkpoint, invocation));
    } finally {
      await closeInputs(inputs);
    }
    return 'done';
  },
};

async function importInputs(
  inputs: readonly Input[],
  target: ImportTarget,
  checkpoint: Checkpoint | null,
  invocation: Invocation,
): Promise<void> {
  const { args, settings, json, output, stderr, signal } = invocation;
  const startMs = performance.now();
  const progress = startProgress({ label: 'import', total: totalBytes(inputs), stream: stderr, enabled: !json });
  let now: ImportProgress = { bytesRead: 0, enqueued: 0 };
  function onProgress(next: ImportProgress): void {
    now = next;
    const rate = rateText(now.enqueued, performance.now() - startMs);
    progress.update(now.bytesRead, `${now.enqueued.toLocaleString('en')} readings, ${rate}`);
  }
  let hasWaited = false;
  function onWait(): void {
    progress.update(now.bytesRead, 'the queue is full: waiting for a consumer');
    if (hasWaited || json) return;
    hasWaited = true;
    progress.end();
    stderr.write(`hrm import: ${WAITING}\n`);
  }
  function onChanged(label: string): void {
    stderr.write(`hrm import: ${visibleText(label)} ${CHANGED}\n`);
  }
  function onMayBeCut(place: string): void {
    stderr.write(`hrm import: warning: ${visibleText(place)} ${MAY_BE_CUT}\n`);
  }
  // The table of options admits no other.
  const format = args.value('format') as Format | undefined;
  const { naiveTimestamps, maxFutureMs, maxPastMs } = settings;
  const rules = { format, naiveTimestamps, maxFutureMs, maxPastMs, skipInvalid: args.has('skip-invalid') };
  let summary: ImportSummary;
  try {
    summary = await importReadings(target, inputs, {
      ...rules,
      checkpoint,
      signal,
      onProgress,
      onWait,
      onChanged,
      onMayBeCut,
    });
  } catch (error) {
    if (!isHrmError(error)) throw error;
    throw error.kind === 'closed' ? interruptedError(error, now, checkpoint) : withTally(error, now, json);
  } finally {
    progress.end();
  }
  const faults = faultLines(summary.faults, summary.faultCount).map((line) => `${visibleText(line)}\n`);
  if (!json) stderr.write(faults.join(''));
  await output.write(json ? `${JSON.stringify(toWire(summary))}\n` : toText(summary));
}

/** Bytes of all inputs; `undefined` when one of them is a pipe. */
function totalBytes(inputs: readonly Input[]): number | undefined {
  let total = 0;
  for (const { byteLength } of inputs) {
    if (byteLength === undefined) return undefined;
    total += byteLength;
  }
  return total;
}

/** @throws HrmError kind `invalid` for standard input, of which nothing can be read again. */
async function checkpointOf({ args, settings, cwd }: Invocation): Promise<Checkpoint | null> {
  const path = args.value('checkpoint');
  if (path === undefined && !args.has('resume')) return null;
  if (args.operands.includes('-')) {
    throw usageError('standard input cannot be resumed: name files, or leave out --resume');
  }
  return openCheckpoint(
    path === undefined ? checkpointPath(settings.queueDir, args.operands, cwd) : resolve(cwd, path),
  );
}

/** The same error, which now says how far the import came; for people with the faults, which JSON has in `errors`. */
function withTally(error: HrmError, tally: ImportProgress, json: boolean): HrmError {
  const { kind, code, faults, faultCount } = error;
  const listed = json || code !== 'invalid_readings' ? [] : faultLines(faults, faultCount);
  const message = [error.message, ...listed, `${beforeText(tally)} Importing again is harmless.`].join('\n');
  return new HrmError(message, { kind, code, faults, faultCount, cause: error });
}

function interruptedError(cause: HrmError, tally: ImportProgress, checkpoint: Checkpoint | null): HrmError {
  const next =
    checkpoint === null
      ? 'Importing again is harmless; an import with --resume remembers how far it came.'
      : 'The same command goes on from there.';
  return new HrmError(`interrupted\n${beforeText(tally)} ${next}`, { kind: 'closed', code: 'aborted', cause });
}

function beforeText({ enqueued }: ImportProgress): string {
  return enqueued === 0 ? 'No reading was enqueued.' : `${plural(enqueued, 'reading')} enqueued before that.`;
}

function toWire({ inputs, enqueued, rejected, faults, faultCount, reasons }: ImportSummary) {
  const refused = { error_count: faultCount, reasons, errors: faults };
  return { files: inputs, enqueued, rejected, ...(faultCount > 0 && refused) };
}

function toText({ inputs, enqueued, rejected, reasons }: ImportSummary): string {
  const table = summaryText([
    ['files', inputs],
    ['readings enqueued', enqueued],
    ['rows rejected', rejected],
  ]);
  const refused = reasons.map(
    ({ message, count, examples }) =>
      `${String(count).padStart(9)}  ${visibleText(message)}, first at ${examples.map(visibleText).join(', ')}\n`,
  );
  const why = refused.length === 0 ? '' : `refused, by reason:\n${refused.join('')}`;
  return enqueued === 0 ? table + why : `${table}${why}A running hrm serve stores them, or: hrm drain --all\n`;
}
