/** The forms that readings leave in: one line each, the default first. */
import type { RecordForm } from '../../pure/records/record-form.js';
import { RECORD_FORMS } from '../../pure/records/record-forms.js';
import { type ExportComponents, type ExportInput, type ExportOptions, exportReadings } from './export-readings.js';
import { exportRecords } from './export-records.js';

/** One form of readings. */
export interface ReadingForm<Name extends string = string> {
  /** As options spell it; never changes. */
  readonly name: Name;
  readonly mediaType: string;
  /** What a file's name ends with, without the dot. */
  readonly extension: string;
  /** Whether it is nothing that a terminal could show. */
  readonly isBinary: boolean;
  /**
   * Exports one user's stored readings, as rule 1 keeps them. Device priorities play no part, and readings still queued are not in it.
   * @throws as {@link exportReadings}.
   */
  export(
    components: ExportComponents,
    input: ExportInput,
    options?: ExportOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
}

/** The forms of readings, the default first. */
export const READING_FORMS: readonly ReadingForm<ReadingFormName>[] = [
  ...RECORD_FORMS.map(readingForm),
  {
    name: 'parquet',
    mediaType: 'application/vnd.apache.parquet',
    extension: 'parquet',
    isBinary: true,
    export: exportReadings,
  },
];

/** The name of a form of readings. */
export type ReadingFormName = (typeof RECORD_FORMS)[number]['name'] | 'parquet';

function readingForm<Name extends string>(form: RecordForm<Name>): ReadingForm<Name> {
  const { name, mediaType, extension } = form;
  return {
    name,
    mediaType,
    extension,
    isBinary: false,
    export: (components, input, options) => exportRecords(components, form, input, options),
  };
}
