import type { FileFormat, FormatContext } from '../file-format.js';
import { decodeHead, decodeText } from './decode-text.js';
import { createGatherer, type Gatherer } from './gather.js';
import { gatherRecords } from './gather-records.js';
import { type Separator, splitFields } from './split-fields.js';
import { LINE_TOO_LONG, splitTextLines } from './text-lines.js';

/** Reads the rows of a table. */
export interface TableReader {
  row(fields: readonly string[]): void;
  /** The file has ended. */
  end?(): void;
}

/** A format of CSV: a header somewhere near the beginning, and rows behind it. */
export interface TableFormat extends Pick<FileFormat, 'name' | 'title'> {
  /** @param names - of columns, in small letters and without blanks around them. */
  isHeader(names: readonly string[], about: HeaderSurroundings): boolean;
  /** @param preamble - the rows before the header. */
  createReader(
    names: readonly string[],
    gather: Gatherer,
    context: FormatContext,
    preamble: readonly (readonly string[])[],
    separator: Separator,
  ): TableReader;
}

/** A format that may be told the names of columns. */
export interface TableFileFormat extends FileFormat {
  /** Whether one of the first lines is a header. */
  hasHeader(head: Uint8Array, about: Omit<HeaderSurroundings, 'separator'>): boolean;
}

/** What is known besides the names of columns. */
interface HeaderSurroundings extends Pick<FormatContext, 'fileName' | 'columns'> {
  readonly separator: Separator;
}

/** Lines that may stand before a header: vendors write up to a dozen of them. */
const MAX_PREAMBLE_LINES = 40;

/** Characters of a record that goes over several lines: a comment that somebody wrote. */
const MAX_RECORD_LENGTH = 64 * 1024;

const SEPARATORS: readonly Separator[] = [',', ';', '\t'];

interface Header {
  readonly names: readonly string[];
  readonly separator: Separator;
}

/** The format that reads rows by the names of their columns. */
export function tableFormat({ name, title, isHeader, createReader }: TableFormat): TableFileFormat {
  /** The header that a line is; `null` where it is none. */
  function headerOf(line: string, about: Omit<HeaderSurroundings, 'separator'>): Header | null {
    for (const separator of SEPARATORS) {
      const names = splitFields(line, separator)?.map((field) => field.trim().toLowerCase());
      if (names !== undefined && isHeader(names, { ...about, separator })) return { names, separator };
    }
    return null;
  }
  function hasHeader(head: Uint8Array, about: Omit<HeaderSurroundings, 'separator'>): boolean {
    const lines = decodeHead(head).split('\n', MAX_PREAMBLE_LINES);
    return lines.some((line) => headerOf(line, about) !== null);
  }
  return {
    name,
    title,
    hasHeader,
    recognizes: (head, fileName) => hasHeader(head, { fileName }),
    async *read(bytes, context) {
      const gather = createGatherer();
      const preamble: (readonly string[])[] = [];
      let reader: TableReader | null = null;
      let separator: Separator = ',';
      const records = gatherRecords<{ readonly text: string }, null>({
        maxLength: MAX_RECORD_LENGTH,
        isBlank: ({ text }) => text.trim() === '',
        readRecord(lines) {
          const fields = splitFields(lines.map(({ text }) => text).join('\n'), separator);
          if (fields === null) return null;
          reader?.row(fields);
          return [];
        },
        faultOf() {
          gather.drop('damaged');
          return null;
        },
      });
      function take(line: string): void {
        if (reader !== null) {
          records.take({ text: line });
          return;
        }
        const header = preamble.length < MAX_PREAMBLE_LINES ? headerOf(line, context) : null;
        if (header === null) {
          if (preamble.length < MAX_PREAMBLE_LINES) preamble.push(preambleFields(line));
          return;
        }
        separator = header.separator;
        reader = createReader(header.names, gather, context, preamble, separator);
      }
      for await (const lines of splitTextLines(decodeText(bytes, gather))) {
        for (const line of lines) {
          if (line === null) gather.tooLarge(LINE_TOO_LONG);
          else take(line);
        }
        yield* gather.take();
      }
      records.end();
      (reader as TableReader | null)?.end?.();
      yield* gather.take();
    },
  };
}

/** The fields of a line before the header, whatever separates them. */
function preambleFields(line: string): readonly string[] {
  const separator = SEPARATORS.find((one) => line.includes(one)) ?? ',';
  return splitFields(line, separator) ?? [line];
}

/** Whether a header names all columns that are wanted. */
export function hasColumns(names: readonly string[], ...wanted: readonly string[]): boolean {
  return wanted.every((name) => names.includes(name));
}
