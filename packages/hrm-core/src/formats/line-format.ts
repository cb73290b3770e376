import type { Hash } from 'node:crypto';
import type { LinePosition, ReadingFormat, ReadingRow, ReadStart, ResumePoint, RowBatch } from './format.js';
import { type Line, readLines } from './lines.js';

/** Turns lines into rows; blank lines make none. A record may take several lines. */
export interface RowReader {
  take(line: Line): readonly ReadingRow[];
  /** What stands first in the input, as it stands there; `undefined` where there is none, or it was not seen yet. */
  header(): string | undefined;
  /** Whether a record has begun whose end was not seen yet. */
  isOpen(): boolean;
  /** The input has ended. */
  end(): readonly ReadingRow[];
}

/** A format whose records are lines, or some lines each. */
export interface LineFormat<Name extends string> extends Omit<ReadingFormat<Name>, 'read'> {
  /** @param header - what stood first, where the lines begin behind it. */
  createReader(header?: string): RowReader;
}

/** The format of which a reader of lines is given. */
export function lineFormat<Name extends string>({ createReader, ...format }: LineFormat<Name>): ReadingFormat<Name> {
  return {
    ...format,
    async *read(bytes, start) {
      const { point: from = null, before } = start ?? ({} as Partial<ReadStart>);
      const position = { offset: from?.offset ?? 0, line: from?.line ?? 1 };
      const reader = createReader(from?.header);
      const tellPoint = (isWhole: boolean) =>
        before === undefined || !isWhole ? null : pointOf(reader, format, position, before);
      yield* readLineRows(readLines(bytes, position, before), reader, position, tellPoint);
    },
  };
}

async function* readLineRows(
  lines: AsyncIterable<readonly Line[]>,
  reader: RowReader,
  position: Readonly<LinePosition>,
  tellPoint: (isWhole: boolean) => ResumePoint | null,
): AsyncGenerator<RowBatch> {
  let offset = position.offset;
  for await (const some of lines) {
    // In the midst of a line that may go on another day, nothing can begin anew.
    const isWhole = position.offset !== offset;
    offset = position.offset;
    const rows: ReadingRow[] = [];
    // Not spread: a quote that was open for long gives many.
    for (const line of some) for (const row of reader.take(line)) rows.push(row);
    yield { rows, point: tellPoint(isWhole) };
  }
  yield { rows: reader.end(), point: null };
}

function pointOf(
  reader: RowReader,
  { name, hasHeader }: Pick<ReadingFormat, 'name' | 'hasHeader'>,
  { offset, line }: Readonly<LinePosition>,
  before: Hash,
): ResumePoint | null {
  const header = reader.header();
  if (reader.isOpen() || (hasHeader && header === undefined)) return null;
  return { offset, line, digest: before.copy().digest('hex'), format: name, header };
}
