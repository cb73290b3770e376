/**
 * The wire forms of an answer, in pieces of a day at most, and of some hundred kilobytes, in the midst of a row where it names very many devices: JSON, together exactly `JSON.stringify({ user_id, data, count })` with the
 * rows' fields in snake_case; NDJSON, the same rows a line each; CSV (RFC 4180), the same fields, the device ids as a JSON
 * array in quotes. JSON shows itself that it is whole. The other two do where they are written with an end: a last record with
 * the number of rows, `{"end":true,"count":2}` or `end,,,,2,`. Of the columns some may be chosen.
 *
 * Bytes, written field by field: a year of minutes is half a million rows, which need not become objects and strings.
 */
import { type Grid, UTC_MINUTES } from './grid.js';
import { instantWriter, type Text, textOf, WORD_SLACK, writeHundredths, writeInteger, writeText } from './row-bytes.js';
import { fieldsOf, ROW_FIELDS, type RowField } from './row-fields.js';
import { hundredthsOf, type RowTable } from './row-table.js';

/** Everything but the device ids: at most 70 bytes of names, two timestamps, and numbers of at most 14 characters. */
const MAX_ROW_BYTES = 192;

/** Bytes of a piece, about: what a connection takes at once. */
const PIECE_BYTES = 256 * 1024;

/** Device ids that are written at once; of the longest, quoted, 128 kB. */
const IDS_AT_ONCE = 256;

/** What stands around a row's values. */
interface RowForm {
  /** Between two rows. */
  readonly separator: string;
  /** Before and behind the timestamp. */
  readonly timestamp: readonly [before: string, behind: string];
  /** Around the end. */
  readonly instant: string;
  /** Before the value of another column. */
  readonly name: (field: RowField) => string;
  /** What JSON has between the brackets of the device ids. */
  readonly ids: (json: string) => string;
  readonly idsBegin: string;
  readonly idsEnd: string;
  readonly end: string;
}

const JSON_FORM: RowForm = {
  separator: ',',
  timestamp: ['{"timestamp":"', '"'],
  instant: '"',
  name: (field) => `,"${field}":`,
  ids: (json) => json,
  idsBegin: '[',
  idsEnd: ']',
  end: '}',
};

const NDJSON_FORM: RowForm = { ...JSON_FORM, separator: '', end: '}\n' };

const CSV_FORM: RowForm = {
  separator: '',
  timestamp: ['', ''],
  instant: '',
  name: () => ',',
  ids: (json) => json.replaceAll('"', '""'),
  idsBegin: '"[',
  idsEnd: ']"',
  end: '\r\n',
};

/** How rows are written. */
export interface RowsOptions {
  /** The columns; default all. {@link parseFields} */
  readonly fields?: readonly RowField[] | undefined;
  /** The intervals that the rows are of; default minutes of UTC. Of a time zone they have an `end`. */
  readonly grid?: Grid | undefined;
}

/** How rows are written where the form does not show by itself that it is whole. */
export interface EndedRowsOptions extends RowsOptions {
  /**
   * A last record counts the rows, so that who reads them can tell the end from a cut; default false. CSV has it in the column `count`,
   * which is then there in any case.
   */
  readonly withEnd?: boolean | undefined;
}

/**
 * Writes an answer as JSON. `count` is the last member, so that nothing has to be known before the first piece: a year of
 * minutes is 60 MB, and need not be held at once.
 * @param tables - as `queryTables` yields them. Stopping early stops them.
 */
export async function* answerJson(
  userId: string,
  tables: AsyncIterable<RowTable>,
  { grid = UTC_MINUTES, fields = columnsOf(grid) }: RowsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const write = createWriter(JSON_FORM, fields, grid);
  let count = 0;
  yield Buffer.from(`{"user_id":${JSON.stringify(userId)},"data":[`, 'utf8');
  for await (const table of tables) {
    yield* write(table, count === 0);
    count += table.length;
  }
  yield Buffer.from(`],"count":${count}}`, 'latin1');
}

/** Writes an answer's rows as NDJSON; nothing where there are none, and no end is asked for. @param tables - as of {@link answerJson}. */
export async function* answerNdjson(
  tables: AsyncIterable<RowTable>,
  { grid = UTC_MINUTES, fields = columnsOf(grid), withEnd = false }: EndedRowsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const write = createWriter(NDJSON_FORM, fields, grid);
  let count = 0;
  for await (const table of tables) {
    yield* write(table, true);
    count += table.length;
  }
  if (withEnd) yield Buffer.from(`{"end":true,"count":${count}}\n`, 'latin1');
}

/** Writes an answer's rows as CSV with a header line. @param tables - as of {@link answerJson}. */
export async function* answerCsv(
  tables: AsyncIterable<RowTable>,
  { grid = UTC_MINUTES, fields = columnsOf(grid), withEnd = false }: EndedRowsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const columns = ROW_FIELDS.filter((field) => fields.includes(field) || (withEnd && field === 'count'));
  const write = createWriter(CSV_FORM, columns, grid);
  let count = 0;
  yield Buffer.from(`${columns.join()}\r\n`, 'latin1');
  for await (const table of tables) {
    yield* write(table, true);
    count += table.length;
  }
  const end = columns.map((field) => (field === 'timestamp' ? 'end' : field === 'count' ? count : ''));
  if (withEnd) yield Buffer.from(`${end.join()}\r\n`, 'latin1');
}

/** A column, and what stands before its value. */
interface Step {
  readonly field: RowField;
  readonly before: Text;
}

/** What writes the rows of a table. @param isFirst - no separator before the first row. */
type RowWriter = (table: RowTable, isFirst: boolean) => Generator<Uint8Array>;

function columnsOf({ zone }: Grid): readonly RowField[] {
  return fieldsOf({ timeZone: zone?.name });
}

/** @param fields - of {@link ROW_FIELDS}, in that order; the device ids, which are written with the row's end, are the last. */
function createWriter(form: RowForm, fields: readonly RowField[], grid: Grid): RowWriter {
  const { separator, timestamp, instant, name, end } = form;
  const hasIds = fields.includes('device_ids');
  let before = timestamp[1];
  const steps: Step[] = [];
  for (const field of fields) {
    if (field === 'timestamp') continue;
    before += name(field);
    if (field === 'device_ids') continue;
    const around = field === 'end' ? instant : '';
    steps.push({ field, before: textOf(before + around) });
    before = around;
  }
  const last = textOf(hasIds ? before : before + end);
  const [first, between] = [textOf(timestamp[0]), textOf(separator + timestamp[0])];
  return (table, isFirst) => writeRows({ form, grid, steps, last, first, between, hasIds }, table, isFirst);
}

/** What every row is written by. */
interface RowPlan {
  readonly form: RowForm;
  readonly grid: Grid;
  readonly steps: readonly Step[];
  /** Behind the last number. */
  readonly last: Text;
  /** Before the first row's timestamp, and before another's. */
  readonly first: Text;
  readonly between: Text;
  readonly hasIds: boolean;
}

function* writeRows(plan: RowPlan, table: RowTable, isFirst: boolean): Generator<Uint8Array> {
  const { form, grid, steps, last, first, between, hasIds } = plan;
  const { length, startMs, sum, count, min, max, deviceSet, deviceSets } = table;
  const ends: Text[][] = deviceSets.map(() => []);
  const pieceBytes = Math.min(PIECE_BYTES, length * 2 * MAX_ROW_BYTES);
  const writeStart = instantWriter(grid.zone);
  const writeEnd = instantWriter(grid.zone);
  let out = allocate(pieceBytes);
  let at = 0;
  for (let i = 0; i < length; i += 1) {
    if (at + MAX_ROW_BYTES > out.byteLength) {
      yield new Uint8Array(out.buffer, 0, at);
      out = allocate(pieceBytes);
      at = 0;
    }
    at = writeText(out, at, isFirst && i === 0 ? first : between);
    at = writeStart(out, at, startMs[i] as number);
    for (let s = 0; s < steps.length; s += 1) {
      const { field, before } = steps[s] as Step;
      at = writeText(out, at, before);
      if (field === 'end') at = writeEnd(out, at, grid.endOf(startMs[i] as number));
      else if (field === 'heart_rate')
        at = writeHundredths(out, at, hundredthsOf(sum[i] as number, count[i] as number));
      else at = writeInteger(out, at, (field === 'min' ? min : field === 'max' ? max : count)[i] as number);
    }
    at = writeText(out, at, last);
    if (!hasIds) continue;
    const set = deviceSet[i] as number;
    const [deviceIds, texts] = [deviceSets[set] ?? [], ends[set] ?? []];
    for (let from = 0; from < deviceIds.length || from === 0; from += IDS_AT_ONCE) {
      // Made when it is written: of thousands of long ids all at once would be one long piece of work.
      const text = texts[from / IDS_AT_ONCE] ?? idText(form, deviceIds, from);
      texts[from / IDS_AT_ONCE] = text;
      if (at + text.length + WORD_SLACK > out.byteLength) {
        yield new Uint8Array(out.buffer, 0, at);
        out = allocate(Math.max(pieceBytes, text.length + MAX_ROW_BYTES));
        at = 0;
      }
      at = writeText(out, at, text);
    }
  }
  yield new Uint8Array(out.buffer, 0, at);
}

/** Not filled with zeros, nor shared with others. */
function allocate(bytes: number): DataView<ArrayBuffer> {
  return new DataView(Buffer.allocUnsafeSlow(bytes).buffer);
}

/** A piece of the device ids from an index on; the first with what stands before them, the last with the row's end. */
function idText({ ids, idsBegin, idsEnd, end }: RowForm, deviceIds: readonly string[], from: number): Text {
  const json = ids(JSON.stringify(deviceIds.slice(from, from + IDS_AT_ONCE)).slice(1, -1));
  const isLast = from + IDS_AT_ONCE >= deviceIds.length;
  return textOf((from === 0 ? idsBegin : ',') + json + (isLast ? idsEnd + end : ''));
}
