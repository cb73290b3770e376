import type { Hash } from 'node:crypto';

/** What an input holds at one place: an untrusted reading, as a wire spells it, or why there is none. */
export type ReadingRow =
  | {
      readonly line: number;
      readonly size: number;
      readonly item: unknown;
      /** The input ends in the midst of an id, as far as can be seen: if it was broken off, the id is another one. */
      readonly mayBeCut?: true;
    }
  | { readonly line: number; readonly size: number; readonly fault: string };

/** Where a line begins. */
export interface LinePosition {
  /** Byte of the input, gunzipped. */
  offset: number;
  /** From 1; of a format without lines the number of the record. */
  line: number;
}

/** Where reading an input can begin anew: at a line that begins a record, with what was known by then. */
export interface ResumePoint extends Readonly<LinePosition> {
  /** SHA-256 of all bytes before it, gunzipped, hex. */
  readonly digest: string;
  /** The name of the format. */
  readonly format: string;
  /** What stands first in the input, of a format that {@link ReadingFormat.hasHeader}. */
  readonly header?: string | undefined;
}

/** Where the reading of an input begins. */
export interface ReadStart {
  /** `null`: at its beginning. */
  readonly point: ResumePoint | null;
  /** SHA-256 that has got what stands before. It gets what passes, and points are told. */
  readonly before: Hash;
}

/** Rows, and from where on there are others. */
export interface RowBatch {
  readonly rows: readonly ReadingRow[];
  /** All rows before it were given, with these; `null` where that is in the midst of a record, or was not asked for. */
  readonly point: ResumePoint | null;
}

/**
 * One format of files of readings. To add one: a file that exports one of these, and its line in the table of `formats.ts`. What consists
 * of lines is made by `lineFormat`.
 */
export interface ReadingFormat<Name extends string = string> {
  /** As options and checkpoints spell it; never changes. */
  readonly name: Name;
  /** Of files' names, in small letters, without the dot. */
  readonly extensions: readonly string[];
  /** Whether rows in the middle can be read only with what stands first. */
  readonly hasHeader: boolean;
  /** Whether an input that begins so is of this format; asked where its name tells nothing. @param head - some hundred bytes, or all. */
  recognizes(head: Buffer): boolean;
  /**
   * Reads the rows of an input, as many at a time as its bytes come.
   * @param bytes - gunzipped, from the start's point on.
   * @throws HrmError kind `invalid`, code `invalid_header`, for an input of which no row can be read; its faults' paths are lines.
   */
  read(bytes: AsyncIterable<Buffer>, start?: ReadStart): AsyncGenerator<RowBatch>;
}
