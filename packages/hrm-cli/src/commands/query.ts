import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import {
  answerCsv,
  answerJson,
  answerNdjson,
  binRows,
  INTERVAL_MS,
  type Interval,
  parseFields,
  ROW_FIELDS,
  rangeOf,
  widestInterval,
} from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { writePieces } from '../output/output.js';
import { openOutputFile } from '../output/output-file.js';
import { startProgress } from '../output/progress.js';
import { describeTerminal } from '../output/terminal.js';
import { askForReadings, askForRows, type Source, whose } from '../query/ask.js';
import { chartSlots, drawChart } from '../query/chart.js';
import { answerTable } from '../query/table.js';
import { openClient, URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** What an answer can be printed as. */
const FORMATS = ['table', 'json', 'csv', 'ndjson', 'parquet'] as const;

type Format = (typeof FORMATS)[number] | 'chart';

/** The form that a file's name asks for. */
const FORMAT_OF_EXTENSION: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.parquet': 'parquet',
};

/** `hrm query` */
export const queryCommand: Command = {
  name: 'query',
  about:
    "Shows one user's heart rate, one row per minute that has readings, for start <= t < end. Readings still queued are not in it. " +
    'Where devices disagree at the same millisecond the one with the best priority counts (--device-priority). ' +
    'With --format parquet it exports the stored readings themselves, of all devices, for any tool that reads Parquet.',
  options: [
    { name: 'user', value: 'U', about: 'The user_id.', required: true },
    { name: 'start', value: 'S', about: 'First instant, like 2024-01-15T10:00:00Z.', required: true },
    { name: 'end', value: 'E', about: 'Instant to stop before; at most 3,660 days later.', required: true },
    { name: 'device', value: 'D', about: "Only this device's readings; priority does not matter then." },
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
      choices: FORMATS,
    },
    {
      name: 'chart',
      about: 'Draw it, as wide as the terminal. Without --interval the rows are as wide as the chart can show.',
    },
    URL_OPTION,
    {
      name: 'output',
      value: 'FILE',
      about: 'Write there, whole or not at all, for you alone (0600); it replaces FILE.',
    },
  ],
  settings: [...STORAGE_SETTINGS, 'devicePriority', 'naiveTimestamps', 'apiKey'],
  examples: [
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z',
    'hrm query --user ana --start 2024-01-01T00:00:00+01:00 --end 2025-01-01T00:00:00+01:00 --interval 1d --json',
    'hrm query --user ana --start 2024-01-01T00:00:00Z --end 2025-01-01T00:00:00Z --format parquet --output ana.parquet',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-22T00:00:00Z --chart',
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z --url http://127.0.0.1:8000',
    'hrm query --user=-x --device watch --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z | head',
  ],
  async run(invocation) {
    await answer(formatOf(invocation), invocation);
    return 'done';
  },
};

async function answer(format: Format, invocation: Invocation): Promise<void> {
  const client = openClient(invocation);
  if (client !== null) return await print(piecesOf(format, { client }, invocation), invocation);
  await closing(openStorage(invocation.settings, { readOnly: true }), async (storage) => {
    noteIfMissing(invocation);
    await print(piecesOf(format, { storage }, invocation), invocation);
  });
}

/** Nobody has readings where there are no data: right, and seldom what was meant. */
function noteIfMissing({ settings, json, stderr }: Invocation): void {
  const { dataDir, storageUrl } = settings;
  if (json || storageUrl !== '' || existsSync(dataDir)) return;
  stderr.write(`hrm query: there is no data directory ${visibleText(dataDir)}: is HRM_DATA_DIR right?\n`);
}

/** @throws HrmError kind `invalid` for what contradicts itself, or would fill a terminal with bytes. */
function formatOf({ args, json, stdout }: Invocation): Format {
  // The table of options admits no other.
  const given = args.value('format') as Format | undefined;
  const isChart = args.has('chart');
  if (isChart && (json || given !== undefined))
    throw usageError(`--chart is a form of its own: leave out ${json ? '--json' : '--format'}, or --chart`);
  const format = given ?? (isChart ? 'chart' : json ? 'json' : (formatOfFile(fileOf(args)) ?? 'table'));
  if (json && format !== 'json')
    throw usageError(`--json is --format json: leave out one of --json and --format ${format}`);
  if (args.value('fields') !== undefined && !['json', 'csv', 'ndjson'].includes(format))
    throw usageError(`--fields chooses columns of json, csv and ndjson: leave it out, or add --format csv`);
  if (format !== 'parquet') return format;
  if (args.value('interval') !== undefined)
    throw usageError(
      '--format parquet exports readings, not rows of an --interval: leave that out, or take --format csv',
    );
  if (fileOf(args) === undefined && stdout.isTTY === true)
    throw usageError('--format parquet is not for a terminal: add --output FILE, or pipe it somewhere');
  return format;
}

function formatOfFile(path = ''): Format | undefined {
  const extension = extname(path).toLowerCase();
  return Object.hasOwn(FORMAT_OF_EXTENSION, extension) ? FORMAT_OF_EXTENSION[extension] : undefined;
}

/** The file to write; `undefined` for standard output, which `-` says in words. */
function fileOf(args: Invocation['args']): string | undefined {
  const path = args.value('output');
  return path === '-' ? undefined : path;
}

function piecesOf(format: Format, source: Source, invocation: Invocation): AsyncIterable<string | Uint8Array> {
  if (format === 'parquet') return withProgress(source, invocation);
  if (format === 'chart') return chartPieces(source, invocation);
  const rows = askForRows(source, invocation);
  const fields = parseFields(invocation.args.value('fields'));
  if (format === 'json')
    return lineAtEnd(answerJson(invocation.args.value('user') ?? '', rows, { fields }), invocation);
  if (format === 'table') return noteIfEmpty(answerTable(rows), invocation);
  return format === 'csv' ? answerCsv(rows, { fields }) : answerNdjson(rows, { fields });
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

/** Writes to the file that was asked for, or to standard output. */
async function print(pieces: AsyncIterable<string | Uint8Array>, { args, output, cwd }: Invocation): Promise<void> {
  const path = fileOf(args);
  if (path === undefined) return writePieces(output, pieces);
  const file = await openOutputFile(path, cwd);
  try {
    await writePieces(file, pieces);
    await file.commit();
  } finally {
    await file.discard();
  }
}

async function* withProgress(source: Source, invocation: Invocation) {
  if ('client' in source)
    throw usageError('--format parquet exports the files here, and a server gives rows: leave out --url, or take csv');
  const progress = startProgress({
    label: 'export',
    total: undefined,
    stream: invocation.stderr,
    enabled: fileOf(invocation.args) !== undefined,
  });
  try {
    yield* askForReadings(source.storage, invocation, (readings) => progress.update(readings, 'readings'));
  } finally {
    progress.end();
  }
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
