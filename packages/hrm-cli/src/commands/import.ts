import { summaryText } from 'hrm-core';
import {
  closeInputs,
  FORMATS,
  type Format,
  faultLines,
  type ImportOptions,
  type ImportSummary,
  type ImportTarget,
  type Input,
  importReadings,
  inspectPaths,
  openCheckpoint,
  openInputs,
} from 'hrm-core/import';
import { retentionOf } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { FILES_OPTIONS, importPaths } from '../import/import-paths.js';
import { follow, resumption } from '../import/surroundings.js';
import { URL_OPTION } from '../server.js';
import { withTarget } from '../with-target.js';

/** Files that one call may name; a shell's own limit is lower. */
const MAX_FILES = 100_000;

const MAY_BE_CUT =
  'ends without an end of line: if the file was broken off, the id there is that of another: compare it with its source';
const CHANGED = 'is not the file that it was when its import stopped: it is imported from its beginning';

/** `hrm import` */
export const importCommand: Command = {
  name: 'import',
  audit: 'import',
  about:
    'Enqueues the readings of files, gzipped or not; a directory or an archive stands for all files in it. ' +
    'Files of devices are FIT, TCX and GPX. Health exports are those of Apple Health, Fitbit, Google Fit, Samsung, Polar and others. ' +
    'Files of readings are CSV, where a header row names user_id, device_id, timestamp, heart_rate, NDJSON and Parquet. ' +
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
  settings: [
    ...QUEUE_SETTINGS,
    'apiKey',
    'queueHighWater',
    'naiveTimestamps',
    'maxFutureMs',
    'maxPastMs',
    'retentionDays',
    'retentionFile',
  ],
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
    if (asksForFiles) return await importPaths(invocation, undefined);
    const { naiveTimestamps, maxFutureMs, maxPastMs } = invocation.settings;
    const rules = { naiveTimestamps, maxFutureMs, maxPastMs, retention: retentionOf(invocation.settings).record };
    // It refuses standard input before anything of that is read.
    const resumed = resumption(invocation, rules, []);
    const looks = !args.has('format');
    const { needFiles, peeked } = looks
      ? await inspectPaths(args.operands, { cwd, stdin, signal })
      : { needFiles: false, peeked: undefined };
    if (needFiles) return await importPaths(invocation, peeked);
    const checkpoint = resumed === null ? null : await openCheckpoint(resumed.path, resumed.way);
    const inputs = await openInputs(args.operands, { cwd, stdin, peeked, signal });
    try {
      await withTarget(invocation, (target) => importRows(inputs, target, { ...rules, checkpoint }, invocation));
    } finally {
      await closeInputs(inputs);
    }
    return 'done';
  },
};

async function importRows(
  inputs: readonly Input[],
  target: ImportTarget,
  options: ImportOptions,
  invocation: Invocation,
): Promise<void> {
  const { args, json, output, stderr, signal } = invocation;
  function onChanged(label: string): void {
    stderr.write(`hrm import: ${visibleText(label)} ${CHANGED}\n`);
  }
  function onMayBeCut(place: string): void {
    stderr.write(`hrm import: warning: ${visibleText(place)} ${MAY_BE_CUT}\n`);
  }
  // The table of options admits no other.
  const format = args.value('format') as Format | undefined;
  const rules = { ...options, format, skipInvalid: args.has('skip-invalid'), signal, onChanged, onMayBeCut };
  const sizes = inputs.map(({ byteLength }) => byteLength);
  const summary = await follow(invocation, sizes, (followed) =>
    importReadings(target, inputs, { ...rules, ...followed }),
  );
  invocation.trail?.addReadings(summary.enqueued);
  if (!json)
    stderr.write(
      faultLines(summary.faults, summary.faultCount)
        .map((line) => `${line}\n`)
        .join(''),
    );
  await output.write(json ? `${JSON.stringify(toWire(summary))}\n` : toText(summary));
}

function toWire({ inputs, enqueued, rejected, expired, faults, faultCount, reasons }: ImportSummary) {
  const refused = { error_count: faultCount, reasons, errors: faults };
  return { files: inputs, enqueued, rejected, ...(expired > 0 && { expired }), ...(faultCount > 0 && refused) };
}

function toText({ inputs, enqueued, rejected, expired, reasons }: ImportSummary): string {
  const table = summaryText([
    ['files', inputs],
    ['readings enqueued', enqueued],
    ['rows rejected', rejected],
    ...(expired === 0 ? [] : [['rows dropped: kept no longer', expired] as const]),
  ]);
  const refused = reasons.map(
    ({ message, count, examples }) =>
      `${String(count).padStart(9)}  ${visibleText(message)}, first at ${examples.map(visibleText).join(', ')}\n`,
  );
  const why = refused.length === 0 ? '' : `refused, by reason:\n${refused.join('')}`;
  return enqueued === 0 ? table + why : `${table}${why}A running hrm serve stores them, or: hrm drain --all\n`;
}
