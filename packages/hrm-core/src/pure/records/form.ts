/**
 * How records are written: a form says what a document begins with, what each record is, and what it ends with. To add one: a file that
 * exports one of these, and its line in the table of `forms.ts`.
 */
import { createRecordIds, type IdOf } from './ids.js';
import type { RecordSubject, RecordTable } from './table.js';

/** Records of a piece: of the longest form some hundred kilobytes, a millisecond's work. */
const PIECE_RECORDS = 256;

/** One form of records. */
export interface RecordForm<Name extends string = string> {
  /** As options spell it; never changes. */
  readonly name: Name;
  /** In sentences. */
  readonly title: string;
  readonly mediaType: string;
  /** What a file's name ends with, without the dot. */
  readonly extension: string;
  /** Whether it can say that a value is the mean of an interval. */
  readonly hasIntervals: boolean;
  /** Whether each record has an id. */
  readonly hasIds: boolean;
  /** Begins a document. */
  begin(subject: RecordSubject): RecordWriter;
}

/** Writes one document. */
interface RecordWriter {
  readonly head: string;
  /** Writes a table that is not empty, in pieces. @param isFirst - nothing was written yet, but for the head. */
  table(records: RecordTable, isFirst: boolean, idOf: IdOf): Iterable<string>;
  /** @param count - of the records that were written. */
  end(count: number): string;
}

/** Writes the records `from <= i < to`, as many at a time as are a piece. */
export function* inPieces(from: number, to: number, textOf: (row: number) => string): Generator<string> {
  for (let start = from; start < to; start += PIECE_RECORDS) {
    let text = '';
    for (let row = start; row < Math.min(to, start + PIECE_RECORDS); row += 1) text += textOf(row);
    yield text;
  }
}

/** How a document is written. */
export interface WriteRecordsOptions {
  /** Lets others work between two pieces. */
  readonly yieldTurn?: (() => Promise<void>) | undefined;
}

/**
 * Writes a document as UTF-8, in pieces. It holds one table, and needs nothing of Node.
 * @param tables - of one user; stopping early stops them.
 */
export async function* writeRecords(
  { begin, hasIds }: RecordForm,
  subject: RecordSubject,
  tables: AsyncIterable<RecordTable>,
  { yieldTurn }: WriteRecordsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const writer = begin(subject);
  const encoder = new TextEncoder();
  const idsOf = createRecordIds(subject);
  let held = writer.head;
  let count = 0;
  for await (const table of tables) {
    if (table.length === 0) continue;
    const idOf = hasIds ? await idsOf(table) : () => '';
    for (const text of writer.table(table, count === 0, idOf)) {
      yield encoder.encode(held + text);
      held = '';
      await yieldTurn?.();
    }
    count += table.length;
  }
  yield encoder.encode(held + writer.end(count));
}
