/** The forms that readings leave in: one line each, the default first. */

import type { RecordForm } from '../../pure/records/form.js';
import { RECORD_FORMS } from '../../pure/records/forms.js';
import { READING_TYPES, type ReadingFormName } from '../../pure/records/media-types.js';
import { type ExportComponents, type ExportInput, type ExportOptions, exportReadings } from './export-readings.js';
import { exportRecords } from './export-records.js';

/** One form of readings. */
export interface ReadingForm<Name extends ReadingFormName = ReadingFormName> {
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
export const READING_FORMS: readonly ReadingForm[] = [
  ...RECORD_FORMS.map(readingForm),
  {
    name: 'parquet',
    mediaType: READING_TYPES.parquet,
    extension: 'parquet',
    isBinary: true,
    export: exportReadings,
  },
];

function readingForm<Name extends ReadingFormName>(form: RecordForm<Name>): ReadingForm<Name> {
  const { name, mediaType, extension } = form;
  return {
    name,
    mediaType,
    extension,
    isBinary: false,
    export: (components, input, options) => exportRecords(components, form, input, options),
  };
}
