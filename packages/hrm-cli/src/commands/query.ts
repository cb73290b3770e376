import {
  binRows,
  INTERVAL_MS,
  type Interval,
  parseFields,
  ROW_FIELDS,
  ROW_FORMS,
  type RowForm,
  rangeOf,
  widestInterval,
} from 'hrm-core';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { fileOf, formOfFile, OUTPUT_OPTION, printPieces } from '../output/print.js';
import { describeTerminal } from '../output/terminal.js';
import { askForRows, RANGE_OPTIONS, type Source, whose, withSource } from '../query/ask.js';
import { chartSlots, drawChart } from '../query/chart.js';
import { answerTable } from '../query/table.js';
import { URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm query` */
export const queryCommand: Command = {
  name: 'query',
  about:
    "Shows one user's heart rate, one row per minute that has readings, for start <= t < end. Readings still queued are not in it. " +
    'Where devices disagree at the same millisecond the one with the best priority counts (--device-priority).',
  options: [
    ...RANGE_OPTIONS,
    { name: 'interval', value: 'I', about: 'Width of a row; default 1m.', choices: Object.keys(INTERVAL_MS) },
    {
      name: 'fields',
      value: 'F,…',
      about: `Columns of json, csv and ndjson: ${ROW_FIELDS.join(', ')}. Default: all. timestamp is there always.`,
    },
    {
      name: 'format',
      value: 'F',
      about:
        'What to print; json is the body of the GET. Default: by the extension of the --output file, else table, with --json json.',
      choices: ['table', ...ROW_FORMS.map(({ name }) => name)],
    },
    {
      name: 'chart',
      about: 'Draw it, as wide as the terminal. Without --interval the rows are as wide as the chart can show.',
    },
    URL_OPTION,
    OUTPUT_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'devicePriority', 'naiveTimestamps', 'apiKey'],
  examples: [
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z',
    'hrm query --user ana --start 2024-01-01T00:00:00+01:00 --end 2025-01-01T00:00:00+01:00 --interval 1d --json',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --format fhir --output ana.fhir.json',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-22T00:00:00Z --chart',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --url http://127.0.0.1:8000',
    'hrm query --user=-x --device watch --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z | head',
  ],
  async run(invocation) {
    const form = formOf(invocation);
    await withSource(invocation, (source) => printPieces(piecesOf(form, source, invocation), invocation));
    return 'done';
  },
};

/** What an answer is printed as. @throws HrmError kind `invalid` for what contradicts itself. */
function formOf({ args, json }: Invocation): RowForm | 'table' | 'chart' {
  const given = args.value('format');
  const isChart = args.has('chart');
  if (isChart && (json || given !== undefined))
    throw usageError(`--chart is a form of its own: leave out ${json ? '--json' : '--format'}, or --chart`);
  if (json && given !== undefined && given !== 'json')
    throw usageError(`--json is --format json: leave out one of --json and --format ${given}`);
  const name = json ? 'json' : given;
  const form = name === undefined ? formOfFile(args, ROW_FORMS) : ROW_FORMS.find((one) => one.name === name);
  const hasFields = !isChart && form?.hasFields === true;
  if (args.value('fields') !== undefined && !hasFields)
    throw usageError(`--fields chooses columns of json, csv and ndjson: leave it out, or add --format csv`);
  return isChart ? 'chart' : (form ?? 'table');
}

function piecesOf(
  form: ReturnType<typeof formOf>,
  source: Source,
  invocation: Invocation,
): AsyncIterable<string | Uint8Array> {
  if (form === 'chart') return chartPieces(source, invocation);
  const rows = askForRows(source, invocation);
  if (form === 'table') return noteIfEmpty(answerTable(rows), invocation);
  const { args } = invocation;
  // The table of options admits no other.
  const interval = args.value('interval') as Interval | undefined;
  const pieces = form.write(rows, { ...whose(invocation), interval, fields: parseFields(args.value('fields'), form) });
  return form.name === 'json' ? lineAtEnd(pieces, invocation) : pieces;
}

/** One piece: what a chart spans vertically is known at its end only. */
async function* chartPieces(source: Source, invocation: Invocation) {
  const isFile = fileOf(invocation.args) !== undefined;
  const terminal = describeTerminal(isFile ? {} : invocation.stdout, invocation.env);
  const slots = chartSlots(terminal);
  const { fromMs, toMs } = rangeOf(whose(invocation));
  // The table of options admits no other.
  const interval =
    (invocation.args.value('interval') as Interval | undefined) ?? widestInterval((toMs - fromMs) / slots);
  const range = { fromMs, toMs, intervalMs: INTERVAL_MS[interval] };
  const { bins, total } = await binRows(askForRows(source, invocation, interval), range, slots);
  yield drawChart(bins, total, range, terminal);
}

/** The GET's body, byte for byte; a line end follows only where a person reads it. */
async function* lineAtEnd(pieces: AsyncIterable<Uint8Array>, { args, stdout }: Invocation) {
  yield* pieces;
  if (fileOf(args) === undefined && stdout.isTTY === true) yield '\n';
}

async function* noteIfEmpty(pieces: AsyncIterable<string>, { stderr }: Invocation) {
  let count = 0;
  for await (const piece of pieces) {
    yield piece;
    count += 1;
  }
  if (count === 1) stderr.write('no readings of this user in this range\n');
}
