/** Readings as this system takes them: a list as JSON, one a line, or a table. */
import { formatInstant } from '../reading/timestamp.js';
import { inPieces, type RecordForm } from './form.js';
import { READING_TYPES } from './media-types.js';
import type { RecordSubject, RecordTable } from './table.js';

/** A list of readings, each as a POST has it. */
export const readingsJson: RecordForm<'json'> = {
  name: 'json',
  title: 'JSON',
  mediaType: READING_TYPES.json,
  extension: 'json',
  hasIntervals: false,
  hasIds: false,
  begin: (subject) => ({
    head: '[',
    table(records, isFirst) {
      const reading = readingWriter(subject, records);
      return inPieces(0, records.length, (row) => `${isFirst && row === 0 ? '' : ','}${reading(row)}`);
    },
    end: () => ']',
  }),
};

/** The same, one a line. */
export const readingLines: RecordForm<'ndjson'> = {
  name: 'ndjson',
  title: 'NDJSON',
  mediaType: READING_TYPES.ndjson,
  extension: 'ndjson',
  hasIntervals: false,
  hasIds: false,
  begin: (subject) => ({
    head: '',
    table(records) {
      const reading = readingWriter(subject, records);
      return inPieces(0, records.length, (row) => `${reading(row)}\n`);
    },
    end: () => '',
  }),
};

/** The same as CSV with a header line. @see RFC 4180 */
export const readingsCsv: RecordForm<'csv'> = {
  name: 'csv',
  title: 'CSV',
  mediaType: READING_TYPES.csv,
  extension: 'csv',
  hasIntervals: false,
  hasIds: false,
  begin: ({ userId }) => ({
    head: 'user_id,device_id,timestamp,heart_rate\r\n',
    table({ length, startMs, heartRate, deviceSet, deviceSets }) {
      const ids = deviceSets.map(([device = '']) => `${csvField(userId)},${csvField(device)}`);
      return inPieces(0, length, (row) => {
        return `${ids[deviceSet[row] as number]},${formatInstant(startMs[row] as number)},${heartRate[row]}\r\n`;
      });
    },
    end: () => '',
  }),
};

function readingWriter(
  { userId }: RecordSubject,
  { startMs, heartRate, deviceSet, deviceSets }: RecordTable,
): (row: number) => string {
  const ids = deviceSets.map(([device]) => JSON.stringify({ user_id: userId, device_id: device }).slice(0, -1));
  return (row) =>
    `${ids[deviceSet[row] as number]},"timestamp":"${formatInstant(startMs[row] as number)}","heart_rate":${heartRate[row]}}`;
}

/** Of ids, which have no line breaks. Blanks at the ends stay those of the id. */
function csvField(text: string): string {
  return /[",]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
