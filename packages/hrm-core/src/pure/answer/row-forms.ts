/**
 * The forms of an answer's rows: one line each. Our own come first, and of those the first is what is given to whoever asks for none.
 */
import { fhirBundle, fhirLines } from '../records/fhir.js';
import { type RecordForm, writeRecords } from '../records/form.js';
import { openMhealthPoints } from '../records/open-mhealth.js';
import { type RecordTable, recordsOfRows } from '../records/table.js';
import { answerCsv, answerJson, answerNdjson, type EndedRowsOptions } from './answer-forms.js';
import { type FixedInterval, INTERVAL_MS, type Interval } from './interval.js';
import { gridOf } from './question.js';
import { parseFields } from './row-fields.js';
import type { RowTable } from './row-table.js';

/** What was asked, as far as the forms of its answer go by it. */
export interface RowsAsked extends EndedRowsOptions {
  readonly userId: string;
  /** The one device that was asked for; default all. */
  readonly deviceId?: string | undefined;
  /** The width of a row; default `1m`. */
  readonly interval?: Interval | undefined;
  /** The time zone that the rows are of; default UTC, and rows have no `end` then. */
  readonly timeZone?: string | undefined;
}

/** One form of rows. */
export interface RowForm<Name extends string = string> {
  /** As options spell it; never changes. */
  readonly name: Name;
  readonly mediaType: string;
  /** What a file's name ends with, without the dot. */
  readonly extension: string;
  /** Whether its columns can be chosen. */
  readonly hasFields: boolean;
  /** Whether a last record can count the rows. */
  readonly hasEnd: boolean;
  /** @param tables - as `queryTables` yields them. Stopping early stops them. */
  write(tables: AsyncIterable<RowTable>, asked: RowsAsked): AsyncGenerator<Uint8Array, void, undefined>;
}

/** The forms of rows, the default first. */
export const ROW_FORMS = [
  {
    name: 'json',
    mediaType: 'application/json',
    extension: 'json',
    hasFields: true,
    hasEnd: false,
    write: (tables, asked) => answerJson(asked.userId, tables, { grid: gridOf(asked), ...asked }),
  },
  {
    name: 'ndjson',
    mediaType: 'application/x-ndjson',
    extension: 'ndjson',
    hasFields: true,
    hasEnd: true,
    write: (tables, asked) => answerNdjson(tables, { grid: gridOf(asked), ...asked }),
  },
  {
    name: 'csv',
    mediaType: 'text/csv',
    extension: 'csv',
    hasFields: true,
    hasEnd: true,
    write: (tables, asked) => answerCsv(tables, { grid: gridOf(asked), ...asked }),
  },
  rowForm(fhirBundle),
  rowForm(fhirLines),
  rowForm(openMhealthPoints),
] as const satisfies readonly RowForm[];

/** The name of a form of rows. */
export type RowFormName = (typeof ROW_FORMS)[number]['name'];

function rowForm<Name extends string>(form: RecordForm<Name>): RowForm<Name> {
  const { name, mediaType, extension } = form;
  return {
    name,
    mediaType,
    extension,
    hasFields: false,
    hasEnd: false,
    write(tables, asked) {
      // What it does not have is refused here, in the words of a question.
      parseFields(undefined, { name, hasFields: false }, asked);
      const { userId, deviceId, interval = '1m' } = asked;
      const intervalMs = INTERVAL_MS[interval as FixedInterval];
      return writeRecords(form, { userId, deviceId, intervalMs }, recordsOf(tables));
    },
  };
}

async function* recordsOf(tables: AsyncIterable<RowTable>): AsyncGenerator<RecordTable, void, undefined> {
  for await (const table of tables) yield recordsOfRows(table);
}
