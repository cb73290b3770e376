import { READING_FORMS, type ReadingForm } from 'hrm-core';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { fileOf, formOfFile, OUTPUT_OPTION, printPieces } from '../output/print.js';
import { startProgress } from '../output/progress.js';
import { askForReadings, RANGE_OPTIONS, type Source, withSource } from '../query/ask.js';
import { URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm export` */
export const exportCommand: Command = {
  name: 'export',
  audit: 'export',
  about:
    "Exports one user's stored readings themselves, of all devices, for start <= t < end. Of one device's readings at one millisecond the " +
    'last received is there. Readings still queued are not. fhir, fhir-ndjson, omh (Open mHealth), gpx and tcx are for health systems and ' +
    'training programs; hrm import takes these back.',
  options: [
    ...RANGE_OPTIONS,
    {
      name: 'format',
      value: 'F',
      about: 'The form. Default: by the extension of the --output file, else ndjson, with --json json.',
      choices: READING_FORMS.map(({ name }) => name),
    },
    URL_OPTION,
    OUTPUT_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'naiveTimestamps', 'apiKey'],
  examples: [
    'hrm export --user ana --start 2024-01-01T00:00:00Z --end 2025-01-01T00:00:00Z --output ana.parquet',
    'hrm export --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --format fhir-ndjson',
    'hrm export --user ana --device strap --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z --output run.tcx',
  ],
  async run(invocation) {
    const form = formOf(invocation);
    await withSource(invocation, (source) => printPieces(withProgress(source, form, invocation), invocation));
    return 'done';
  },
};

/** @throws HrmError kind `invalid` for what would fill a terminal with bytes. */
function formOf({ args, json, stdout }: Invocation): ReadingForm {
  const wanted = args.value('format') ?? (json ? 'json' : undefined);
  const given = READING_FORMS.find(({ name }) => name === wanted);
  const form = given ?? formOfFile(args, READING_FORMS) ?? (READING_FORMS[0] as ReadingForm);
  if (form.isBinary && fileOf(args) === undefined && stdout.isTTY === true)
    throw usageError(`--format ${form.name} is not for a terminal: add --output FILE, or pipe it somewhere`);
  return form;
}

async function* withProgress(source: Source, form: ReadingForm, invocation: Invocation) {
  const enabled = fileOf(invocation.args) !== undefined;
  const progress = startProgress({ label: 'export', total: undefined, stream: invocation.stderr, enabled });
  try {
    yield* askForReadings(source, form, invocation, (readings) => progress.update(readings, 'readings'));
  } finally {
    progress.end();
  }
}
