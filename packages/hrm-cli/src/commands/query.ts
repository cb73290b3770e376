import {
  chartSlots,
  drawChart,
  gridOf,
  INTERVALS,
  parseFields,
  RESOLVES,
  ROW_FIELDS,
  ROW_FORMS,
  type RowForm,
  rangeOf,
  widestInterval,
} from 'hrm-core';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { fileOf, formOfFile, OUTPUT_OPTION, printPieces } from '../output/print.js';
import { describeTerminal, styled } from '../output/terminal.js';
import { askForRows, RANGE_OPTIONS, type Source, whose, withSource } from '../query/ask.js';
import { DAILY_OPTIONS, dailyPieces } from '../query/daily.js';
import { answerTable } from '../query/table.js';
import { URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm query` */
export const queryCommand: Command = {
  name: 'query',
  audit: 'read',
  about:
    "Shows one user's heart rate, one row per minute that has readings, for start <= t < end. Readings still queued are not in it. " +
    'Rows are of UTC; with --time-zone they are the hours, days, weeks and months of that zone. ' +
    'Where devices disagree at the same millisecond the one with the best priority counts (--device-priority).',
  options: [
    ...RANGE_OPTIONS,
    { name: 'interval', value: 'I', about: 'Width of a row; default 1m.', choices: INTERVALS },
    {
      name: 'resolve',
      value: 'R',
      about: 'What priorities decide: readings at equal milliseconds (default), or with device whose minutes count.',
      choices: RESOLVES,
    },
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
    ...DAILY_OPTIONS,
    URL_OPTION,
    OUTPUT_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'devicePriority', 'naiveTimestamps', 'apiKey'],
  examples: [
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z',
    'hrm query --user ana --start 2024-01-01T00:00:00+01:00 --end 2025-01-01T00:00:00+01:00 --interval 1d --time-zone Europe/Madrid --json',
    'hrm query --user ana --date yesterday --time-zone America/Argentina/Buenos_Aires --interval 1h',
    'hrm query --user ana --last 24h --chart',
    'hrm query --user ana --last 28d --time-zone Europe/Madrid --daily --birth-year 1986',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --format fhir --output ana.fhir.json',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-22T00:00:00Z --chart',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --url http://127.0.0.1:8000',
    'hrm query --user=-x --device watch --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z | head',
  ],
  async run(invocation) {
    const form = invocation.args.has('daily') ? dailyForm(invocation) : formOf(invocation);
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

/** @throws HrmError kind `invalid` for what is of rows. */
function dailyForm({ args }: Invocation): 'daily' {
  const other = ['chart', 'interval', 'fields', 'format'].find((name) => args.has(name));
  if (other !== undefined)
    throw usageError(`--daily has days as a table, or with --json as JSON: leave out --${other}`);
  return 'daily';
}

function piecesOf(
  form: ReturnType<typeof formOf> | 'daily',
  source: Source,
  invocation: Invocation,
): AsyncIterable<string | Uint8Array> {
  if (form === 'chart') return chartPieces(source, invocation);
  if (form === 'daily') return dailyPieces(source, invocation);
  const asked = whose(invocation);
  const fields = form === 'table' ? [] : parseFields(invocation.args.value('fields'), form, asked);
  const rows = askForRows(source, invocation, asked);
  if (form === 'table') return noteIfEmpty(answerTable(rows, asked), invocation);
  const pieces = form.write(rows, { ...asked, fields });
  return form.name === 'json' ? lineAtEnd(pieces, invocation) : pieces;
}

/** One piece: what a chart spans vertically is known at its end only. */
async function* chartPieces(source: Source, invocation: Invocation) {
  const isFile = fileOf(invocation.args) !== undefined;
  const terminal = describeTerminal(isFile ? {} : invocation.stdout, invocation.env);
  const slots = chartSlots(terminal);
  const said = whose(invocation);
  const { fromMs, toMs } = rangeOf(said);
  const asked = { ...said, interval: said.interval ?? widestInterval((toMs - fromMs) / slots) };
  const range = { fromMs, toMs, grid: gridOf(asked) };
  yield await drawChart(askForRows(source, invocation, asked), range, {
    ...terminal,
    styled: (text, style) => styled(text, style, terminal),
  });
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
