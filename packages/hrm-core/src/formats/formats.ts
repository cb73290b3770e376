import type { Hash } from 'node:crypto';
import { createCsvReader } from './csv.js';
import type { Line, LinePosition } from './lines.js';
import { createNdjsonReader } from './ndjson.js';
import type { ImportRow, RowReader } from './row.js';

/** The formats that can be imported. */
export const FORMATS = ['csv', 'ndjson'] as const;

/** The name of a format. */
export type Format = (typeof FORMATS)[number];

/** The format that a file's name tells, `.gz` aside; `undefined` when it tells none. */
export function formatOfName(name: string): Format | undefined {
  const extension = /\.([a-z]+)(?:\.gz)?$/i.exec(name)?.[1]?.toLowerCase();
  if (extension === 'csv') return 'csv';
  return extension === 'ndjson' || extension === 'jsonl' ? 'ndjson' : undefined;
}

/** Where reading an input can begin anew: at a line that begins a record, with what was known by then. */
export interface ResumePoint extends Readonly<LinePosition> {
  /** SHA-256 of all bytes before it, gunzipped, hex. */
  readonly digest: string;
  readonly format: Format;
  /** Of CSV. */
  readonly header?: string | undefined;
}

/** Rows, and from where on there are others. */
export interface RowBatch {
  readonly rows: readonly ImportRow[];
  /** All rows before it were given, with these; `null` where that is in the midst of a record. */
  readonly point: ResumePoint | null;
}

/**
 * Reads the rows of an input, as many at a time as its lines come.
 * @param format - `undefined`: the first character that is not blank tells, since JSON objects begin with a brace.
 * @param position - of the lines, as `readLines` moves it.
 * @param from - what was known where the lines begin, if that is not the input's beginning.
 * @param before - of the bytes before the position; without it no points are told.
 */
export async function* readRows(
  lines: AsyncIterable<readonly Line[]>,
  format: Format | undefined,
  position: Readonly<LinePosition>,
  from: ResumePoint | null,
  before?: Hash | undefined,
): AsyncGenerator<RowBatch> {
  let known = from?.format ?? format;
  let reader = known === undefined ? undefined : createReader(known, from?.header);
  let offset = position.offset;
  for await (const some of lines) {
    // In the midst of a line that may go on another day, nothing can begin anew.
    const isWhole = position.offset !== offset;
    offset = position.offset;
    const rows: ImportRow[] = [];
    for (const line of some) {
      if ('text' in line && line.text.trim() === '' && reader === undefined) continue;
      known ??= sniff(line);
      reader ??= createReader(known);
      // Not spread: a quote that was open for long gives many.
      for (const row of reader.take(line)) rows.push(row);
    }
    yield { rows, point: before === undefined || !isWhole ? null : pointOf(reader, known, position, before) };
  }
  if (reader !== undefined) yield { rows: reader.end(), point: null };
}

function createReader(format: Format, header?: string | undefined): RowReader {
  return format === 'csv' ? createCsvReader(header) : createNdjsonReader();
}

function pointOf(
  reader: RowReader | undefined,
  format: Format | undefined,
  { offset, line }: Readonly<LinePosition>,
  before: Hash,
): ResumePoint | null {
  if (reader === undefined || format === undefined || reader.isOpen()) return null;
  const header = reader.header();
  if (format === 'csv' && header === undefined) return null;
  return { offset, line, digest: before.copy().digest('hex'), format, header };
}

function sniff(line: Line): Format {
  return 'text' in line && /^\s*[{[]/.test(line.text) ? 'ndjson' : 'csv';
}
