import { csvFormat } from './csv.js';
import type { ReadingFormat } from './format.js';
import { ndjsonFormat } from './ndjson.js';

/** The formats that can be read: one line each. */
const TABLE = [csvFormat, ndjsonFormat] as const;

/** The name of a format. */
export type Format = (typeof TABLE)[number]['name'];

/** The names of all formats. */
export const FORMATS: readonly Format[] = TABLE.map(({ name }) => name);

/** The format of a name; `undefined` for a name of none. */
export function findFormat(name: string): ReadingFormat | undefined {
  return TABLE.find((format) => format.name === name);
}

/** The format that a file's name tells, `.gz` aside; `undefined` when it tells none. */
export function formatOfName(fileName: string): ReadingFormat | undefined {
  const extension = /\.([a-z]+)(?:\.gz)?$/i.exec(fileName)?.[1]?.toLowerCase() ?? '';
  return TABLE.find(({ extensions }) => extensions.includes(extension));
}

/** The format of what begins so. What no format knows is CSV: then the error says what the first row must name. */
export function formatOfHead(head: Buffer): ReadingFormat {
  return TABLE.find((format) => format.recognizes(head)) ?? csvFormat;
}
