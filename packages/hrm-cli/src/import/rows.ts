import { createCsvReader } from './csv.js';
import type { Line } from './lines.js';

/** What a line of an input holds: an untrusted reading, or why there is none. */
export type ImportRow =
  | { readonly line: number; readonly size: number; readonly item: unknown }
  | { readonly line: number; readonly size: number; readonly fault: string };

/** Turns lines into rows; blank lines make none. A record may take several lines. */
export interface RowReader {
  take(line: Line): readonly ImportRow[];
  /** The input has ended. */
  end(): readonly ImportRow[];
}

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

function createNdjsonReader(): RowReader {
  return {
    take(line) {
      if ('fault' in line) return [{ line: line.number, size: 0, fault: line.fault }];
      const size = line.text.length;
      if (line.text.trim() === '') return [];
      try {
        return [{ line: line.number, size, item: onlyReading(JSON.parse(line.text)) }];
      } catch {
        return [{ line: line.number, size, fault: 'the line is not JSON' }];
      }
    },
    end: () => [],
  };
}

/** The four fields of an object, so that others are not held; whatever else it is stays for the validation to refuse. */
function onlyReading(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { user_id, device_id, timestamp, heart_rate } = value as Record<string, unknown>;
  return { user_id, device_id, timestamp, heart_rate };
}
