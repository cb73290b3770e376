/**
 * The text of a request body as JSON values.
 */
import { invalidError } from '../api/problem.js';

/**
 * Parses JSON.
 * @throws HrmError kind `invalid`, code `not_json`. The parser's own message repeats the input, which is health data.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidError('not_json', 'the body is not JSON');
  }
}

/** NDJSON as it was sent. */
export interface NdjsonItems {
  /** One for each line that is not blank, so an index is that of the reading, not of the line; `null` if not JSON. */
  readonly items: readonly unknown[];
  /** Indices of items that are not JSON. */
  readonly malformed: ReadonlySet<number>;
}

/**
 * Parses NDJSON: a JSON value a line, `\n` or `\r\n`; blank lines are passed over.
 * @param maxItems - inclusive.
 * @throws HrmError kind `invalid`, code `too_many_readings`.
 */
export function parseNdjson(text: string, maxItems: number): NdjsonItems {
  const items: unknown[] = [];
  const malformed = new Set<number>();
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const line = text.slice(from, to).trim();
    from = to + 1;
    if (line === '') continue;
    if (items.length === maxItems)
      throw invalidError('too_many_readings', `a batch may hold at most ${maxItems} readings: split it`);
    try {
      items.push(JSON.parse(line));
    } catch {
      malformed.add(items.length);
      items.push(null);
    }
  }
  return { items, malformed };
}
