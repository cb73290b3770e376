/**
 * The wire forms of an answer, in pieces of a day at most, and of some hundred kilobytes, in the midst of a row where it names very many devices: JSON, together exactly `JSON.stringify({ user_id, data, count })` with the
 * rows' fields in snake_case; NDJSON, the same rows a line each; CSV (RFC 4180), the same fields, the device ids as a JSON
 * array in quotes. JSON shows itself that it is whole. The other two do where they are written with an end: a last record with
 * the number of rows, `{"end":true,"count":2}` or `end,,,,2,`.
 *
 * Bytes, written field by field: a year of minutes is half a million rows, which need not become objects and strings.
 */
import { meanOf, type RowTable, startFormatter } from './row-table.js';

/** Everything but the device ids: at most 60 bytes of names, a timestamp, and numbers of at most 11 characters. */
const MAX_ROW_BYTES = 160;

/** Bytes of a piece, about: what a connection takes at once. */
const PIECE_BYTES = 256 * 1024;

/** Device ids that are written at once; of the longest, quoted, 128 kB. */
const IDS_AT_ONCE = 256;

/** What stands between a row's values. */
interface RowForm {
  /** Between two rows. */
  readonly separator: string;
  readonly timestamp: string;
  readonly heartRate: string;
  readonly min: Uint8Array;
  readonly max: Uint8Array;
  readonly count: Uint8Array;
  readonly deviceIds: Uint8Array;
  /** What JSON has between the brackets of the device ids, and those. */
  readonly ids: (json: string) => string;
  readonly idsBegin: string;
  /** The row's end, too. */
  readonly idsEnd: string;
}

const JSON_FORM: RowForm = {
  separator: ',',
  timestamp: '{"timestamp":"',
  heartRate: '","heart_rate":',
  min: Buffer.from(',"min":', 'latin1'),
  max: Buffer.from(',"max":', 'latin1'),
  count: Buffer.from(',"count":', 'latin1'),
  deviceIds: Buffer.from(',"device_ids":', 'latin1'),
  ids: (json) => json,
  idsBegin: '[',
  idsEnd: ']}',
};

const NDJSON_FORM: RowForm = { ...JSON_FORM, separator: '', idsEnd: ']}\n' };

const COMMA = Buffer.from(',', 'latin1');
const CSV_FORM: RowForm = {
  separator: '',
  timestamp: '',
  heartRate: ',',
  min: COMMA,
  max: COMMA,
  count: COMMA,
  deviceIds: COMMA,
  ids: (json) => json.replaceAll('"', '""'),
  idsBegin: '"[',
  idsEnd: ']"\r\n',
};

/**
 * Writes an answer as JSON. `count` is the last member, so that nothing has to be known before the first piece: a year of
 * minutes is 60 MB, and need not be held at once.
 * @param tables - as `queryTables` yields them. Stopping early stops them.
 */
export async function* answerJson(
  userId: string,
  tables: AsyncIterable<RowTable>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  yield Buffer.from(`{"user_id":${JSON.stringify(userId)},"data":[`, 'utf8');
  for await (const table of tables) {
    yield* writeRows(JSON_FORM, table, count === 0);
    count += table.length;
  }
  yield Buffer.from(`],"count":${count}}`, 'latin1');
}

/** How rows are written. */
export interface RowsOptions {
  /** A last record counts the rows, so that who reads them can tell the end from a cut. Default false. */
  readonly withEnd?: boolean | undefined;
}

/** Writes an answer's rows as NDJSON; nothing where there are none, and no end is asked for. @param tables - as of {@link answerJson}. */
export async function* answerNdjson(
  tables: AsyncIterable<RowTable>,
  { withEnd = false }: RowsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  for await (const table of tables) {
    yield* writeRows(NDJSON_FORM, table, true);
    count += table.length;
  }
  if (withEnd) yield Buffer.from(`{"end":true,"count":${count}}\n`, 'latin1');
}

/** Writes an answer's rows as CSV with a header line. @param tables - as of {@link answerJson}. */
export async function* answerCsv(
  tables: AsyncIterable<RowTable>,
  { withEnd = false }: RowsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  yield Buffer.from('timestamp,heart_rate,min,max,count,device_ids\r\n', 'latin1');
  for await (const table of tables) {
    yield* writeRows(CSV_FORM, table, true);
    count += table.length;
  }
  if (withEnd) yield Buffer.from(`end,,,,${count},\r\n`, 'latin1');
}

/** @param isFirst - no separator before the first row. */
function* writeRows(form: RowForm, table: RowTable, isFirst: boolean): Generator<Uint8Array> {
  const { length, startMs, sum, count, min, max, deviceSet, deviceSets } = table;
  const ends: (readonly Buffer[] | undefined)[] = deviceSets.map(() => undefined);
  const formatStart = startFormatter();
  const pieceBytes = Math.min(PIECE_BYTES, length * 2 * MAX_ROW_BYTES);
  let out = Buffer.allocUnsafe(pieceBytes);
  let at = 0;
  for (let i = 0; i < length; i += 1) {
    if (at + MAX_ROW_BYTES > out.length) {
      yield out.subarray(0, at);
      out = Buffer.allocUnsafe(pieceBytes);
      at = 0;
    }
    const separator = isFirst && i === 0 ? '' : form.separator;
    const start = formatStart(startMs[i] as number);
    at += out.write(separator + form.timestamp + start + form.heartRate, at, 'latin1');
    at = writeMean(out, at, sum[i] as number, count[i] as number);
    at = writeField(out, at, form.min, min[i] as number);
    at = writeField(out, at, form.max, max[i] as number);
    at = writeField(out, at, form.count, count[i] as number);
    at = writeBytes(out, at, form.deviceIds);
    const set = deviceSet[i] as number;
    const end = ends[set] ?? writeIds(form, deviceSets[set] ?? []);
    ends[set] = end;
    for (const bytes of end) {
      if (at + bytes.length > out.length) {
        yield out.subarray(0, at);
        out = Buffer.allocUnsafe(Math.max(pieceBytes, bytes.length + MAX_ROW_BYTES));
        at = 0;
      }
      at = writeBytes(out, at, bytes);
    }
  }
  yield out.subarray(0, at);
}

/** The device ids and the row's end, in pieces. */
function writeIds({ ids, idsBegin, idsEnd }: RowForm, deviceIds: readonly string[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let from = 0; from < deviceIds.length || from === 0; from += IDS_AT_ONCE) {
    const json = ids(JSON.stringify(deviceIds.slice(from, from + IDS_AT_ONCE)).slice(1, -1));
    const isLast = from + IDS_AT_ONCE >= deviceIds.length;
    pieces.push(Buffer.from((from === 0 ? idsBegin : ',') + json + (isLast ? idsEnd : ''), 'utf8'));
  }
  return pieces;
}

/** By a loop: for a few bytes a call of `set` costs more than they do. */
function writeBytes(out: Buffer, at: number, bytes: Uint8Array): number {
  if (bytes.length > 256) {
    out.set(bytes, at);
    return at + bytes.length;
  }
  for (let i = 0; i < bytes.length; i += 1) out[at + i] = bytes[i] as number;
  return at + bytes.length;
}

function writeField(out: Buffer, at: number, name: Uint8Array, value: number): number {
  return writeInteger(out, writeBytes(out, at, name), value);
}

/** @param value - an integer; beyond three digits there are counts, and below zero what another writer's file may hold. */
function writeInteger(out: Buffer, at: number, value: number): number {
  if (value >= 1_000 || value < 0) return at + out.write(String(value), at, 'latin1');
  let end = at;
  if (value >= 100) {
    out[end] = ZERO + Math.trunc(value / 100);
    end += 1;
  }
  if (value >= 10) {
    out[end] = ZERO + (Math.trunc(value / 10) % 10);
    end += 1;
  }
  out[end] = ZERO + (value % 10);
  return end + 1;
}

const ZERO = 0x30;
const POINT = 0x2e;

/** As JSON writes a number: without zeros at its end. */
function writeMean(out: Buffer, at: number, sum: number, count: number): number {
  const mean = meanOf(sum, count);
  if (mean < 0) return at + out.write(String(mean), at, 'latin1');
  const hundredths = Math.round(mean * 100);
  const rest = hundredths % 100;
  const end = writeInteger(out, at, Math.trunc(hundredths / 100));
  if (rest === 0) return end;
  out[end] = POINT;
  out[end + 1] = ZERO + Math.trunc(rest / 10);
  if (rest % 10 === 0) return end + 2;
  out[end + 2] = ZERO + (rest % 10);
  return end + 3;
}
