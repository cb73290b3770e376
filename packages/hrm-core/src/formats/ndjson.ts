import { MAX_SERIES_READINGS } from '../limits.js';
import { isSeries } from '../pure/reading/is-series.js';
import { countSeries } from '../pure/reading/series.js';
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

/** A reader of NDJSON: a JSON object a line, a reading or a series of them. */
export function createNdjsonReader(): RowReader {
  return {
    take(line) {
      if ('fault' in line) return [{ line: line.number, size: 0, fault: line.fault }];
      const size = line.text.length;
      if (line.text.trim() === '') return [];
      try {
        const item = onlyReading(JSON.parse(line.text));
        if (countSeries(item) > MAX_SERIES_READINGS) return [{ line: line.number, size, fault: TOO_LONG }];
        return [{ line: line.number, size, item }];
      } catch {
        return [{ line: line.number, size, fault: 'the line is not JSON' }];
      }
    },
    header: () => undefined,
    isOpen: () => false,
    end: () => [],
  };
}

const TOO_LONG = `the line has more than ${MAX_SERIES_READINGS} readings: split it`;

const SERIES_FIELDS = ['user_id', 'device_id', 'timestamps', 'start', 'interval_ms', 'heart_rates'];

/** The four fields of an object, or those of a series, so that others are not held; whatever else it is stays for the validation to refuse. */
function onlyReading(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  if (isSeries(value))
    return Object.fromEntries(Object.entries(value).filter(([name]) => SERIES_FIELDS.includes(name)));
  const { user_id, device_id, timestamp, heart_rate } = value as Record<string, unknown>;
  return { user_id, device_id, timestamp, heart_rate };
}
