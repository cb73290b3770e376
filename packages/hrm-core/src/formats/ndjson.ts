import { lineFormat, type RowReader } from './line-format.js';

/** NDJSON: what begins with a brace or a bracket. */
export const ndjsonFormat = lineFormat({
  name: 'ndjson',
  extensions: ['ndjson', 'jsonl'],
  hasHeader: false,
  // A byte order mark is blank, too.
  recognizes: (head) => /^\s*[{[]/.test(head.toString('utf8')),
  createReader: createNdjsonReader,
});

/** A reader of NDJSON: a JSON object a line. */
export function createNdjsonReader(): RowReader {
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
    header: () => undefined,
    isOpen: () => false,
    end: () => [],
  };
}

/** The four fields of an object, so that others are not held; whatever else it is stays for the validation to refuse. */
function onlyReading(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { user_id, device_id, timestamp, heart_rate } = value as Record<string, unknown>;
  return { user_id, device_id, timestamp, heart_rate };
}
