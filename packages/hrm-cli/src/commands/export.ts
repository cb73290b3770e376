import { READING_FORMS, type ReadingForm } from 'hrm-core';
import { type ArchiveSummary, archiveText, personArchive } from 'hrm-core/archive';
import { openAlertPlace } from 'hrm-core/open';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { fileOf, formOfFile, OUTPUT_OPTION, printPieces } from '../output/print.js';
import { startProgress } from '../output/progress.js';
import { answerOptions, askForReadings, RANGE_OPTIONS, withSource } from '../query/ask.js';
import { URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm export` */
export const exportCommand: Command = {
  name: 'export',
  audit: 'export',
  about:
    "Exports one user's stored readings themselves, of all devices, for start <= t < end. Of one device's readings at one millisecond the " +
    'last received is there. Readings still queued are not. fhir, fhir-ndjson, omh (Open mHealth), gpx and tcx are for health systems and ' +
    'training programs; hrm import takes these back.\n\n' +
    'With --all it makes one ZIP file of everything about the user, with a README. There are readings by year, devices, settings, alerts, ' +
    'erasures, and what the audit log (HRM_AUDIT_LOG) says.',
  options: [
    ...RANGE_OPTIONS,
    {
      name: 'format',
      value: 'F',
      about:
        'The form. Default: by the extension of the --output file, else ndjson, with --json json. Of --all: of its readings; default parquet.',
      choices: READING_FORMS.map(({ name }) => name),
    },
    { name: 'all', about: 'Everything about the user, as a ZIP file.' },
    URL_OPTION,
    OUTPUT_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'naiveTimestamps', 'apiKey', 'auditLog'],
  examples: [
    'hrm export --user ana --start 2024-01-01T00:00:00Z --end 2025-01-01T00:00:00Z --output ana.parquet',
    'hrm export --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --format fhir-ndjson',
    'hrm export --user ana --all --output ana.zip',
    'hrm export --user ana --device strap --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z --output run.tcx',
  ],
  async run(invocation) {
    if (invocation.args.has('all')) return await exportAll(invocation);
    const form = formOf(invocation);
    await withSource(invocation, (source) =>
      printPieces(
        withProgress(invocation, (onProgress) => askForReadings(source, form, invocation, onProgress)),
        invocation,
      ),
    );
    return 'done';
  },
};

/** Everything there is of a user. */
async function exportAll(invocation: Invocation): Promise<'done'> {
  const { args, settings, json, output } = invocation;
  const other = [...RANGE_OPTIONS, URL_OPTION].find(({ name }) => name !== 'user' && args.has(name));
  if (other !== undefined) throw usageError(`--all takes everything that is here: leave out --${other.name}`);
  const form = formNamed(args.value('format') ?? 'parquet') as ReadingForm;
  requireFile('--all', true, invocation);
  let summary: ArchiveSummary | undefined;
  await withSource(invocation, async (source) => {
    if ('client' in source) return;
    const components = { ...source, alerts: await openAlertPlace(settings), auditLog: settings.auditLog };
    const asked = { userId: args.value('user') ?? '', form };
    const onEnd = (made: ArchiveSummary) => {
      summary = made;
    };
    const made = (onProgress: OnProgress) =>
      personArchive(components, asked, { ...answerOptions(invocation), onProgress, onEnd });
    await printPieces(withProgress(invocation, made), invocation);
  });
  if (fileOf(args) !== undefined && summary !== undefined)
    await output.write(json ? `${JSON.stringify(summary)}\n` : archiveText(summary));
  return 'done';
}

function formNamed(wanted: string | undefined): ReadingForm | undefined {
  return READING_FORMS.find(({ name }) => name === wanted);
}

/** @throws HrmError kind `invalid` for what would fill a terminal with bytes. */
function requireFile(what: string, isBinary: boolean, { args, stdout }: Invocation): void {
  if (isBinary && fileOf(args) === undefined && stdout.isTTY === true)
    throw usageError(`${what} is not for a terminal: add --output FILE, or pipe it somewhere`);
}

/** @throws as {@link requireFile}. */
function formOf(invocation: Invocation): ReadingForm {
  const { args, json } = invocation;
  const given = formNamed(args.value('format') ?? (json ? 'json' : undefined));
  const form = given ?? formOfFile(args, READING_FORMS) ?? (READING_FORMS[0] as ReadingForm);
  requireFile(`--format ${form.name}`, form.isBinary, invocation);
  return form;
}

type OnProgress = (readings: number) => void;

async function* withProgress(invocation: Invocation, start: (onProgress: OnProgress) => AsyncIterable<Uint8Array>) {
  const enabled = fileOf(invocation.args) !== undefined;
  const progress = startProgress({ label: 'export', total: undefined, stream: invocation.stderr, enabled });
  try {
    yield* start((readings) => progress.update(readings, 'readings'));
  } finally {
    progress.end();
  }
}
