/**
 * The forms of an answer's rows: one line each. Our own come first, and of those the first is what is given to whoever asks for none.
 */
import { fhirBundle, fhirLines } from '../records/fhir.js';
import { type RecordForm, writeRecords } from '../records/form.js';
import { openMhealthPoints } from '../records/open-mhealth.js';
import { type RecordTable, recordsOfRows } from '../records/table.js';
import { answerCsv, answerJson, answerNdjson, type EndedRowsOptions } from './answer-forms.js';
import { INTERVAL_MS, type Interval } from './interval.js';
import type { RowTable } from './row-table.js';

/** What was asked, as far as the forms of its answer go by it. */
export interface RowsAsked extends EndedRowsOptions {
  readonly userId: string;
  /** The one device that was asked for; default all. */
  readonly deviceId?: string | undefined;
  /** The width of a row; default `1m`. */
  readonly interval?: Interval | undefined;
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
    write: (tables, asked) => answerJson(asked.userId, tables, asked),
  },
  {
    name: 'ndjson',
    mediaType: 'application/x-ndjson',
    extension: 'ndjson',
    hasFields: true,
    hasEnd: true,
    write: answerNdjson,
  },
  { name: 'csv', mediaType: 'text/csv', extension: 'csv', hasFields: true, hasEnd: true, write: answerCsv },
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
    write: (tables, { userId, deviceId, interval = '1m' }) =>
      writeRecords(form, { userId, deviceId, intervalMs: INTERVAL_MS[interval] }, recordsOf(tables)),
  };
}

async function* recordsOf(tables: AsyncIterable<RowTable>): AsyncGenerator<RecordTable, void, undefined> {
  for await (const table of tables) yield recordsOfRows(table);
}
