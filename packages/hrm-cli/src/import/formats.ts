import { createCsvReader } from './csv.js';
import type { Line } from './lines.js';
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

/**
 * Reads the rows of an input, as many at a time as its lines come.
 * @param format - `undefined`: the first character that is not blank tells, since JSON objects begin with a brace.
 */
export async function* readRows(
  lines: AsyncIterable<readonly Line[]>,
  format: Format | undefined,
): AsyncGenerator<readonly ImportRow[]> {
  let reader = format === undefined ? undefined : createReader(format);
  for await (const some of lines) {
    const rows: ImportRow[] = [];
    for (const line of some) {
      if ('text' in line && line.text.trim() === '' && reader === undefined) continue;
      reader ??= createReader(sniff(line));
      rows.push(...reader.take(line));
    }
    yield rows;
  }
  if (reader !== undefined) yield reader.end();
}

function createReader(format: Format): RowReader {
  return format === 'csv' ? createCsvReader() : createNdjsonReader();
}

function sniff(line: Line): Format {
  return 'text' in line && /^\s*[{[]/.test(line.text) ? 'ndjson' : 'csv';
}
