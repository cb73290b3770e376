import type { Line } from './lines.js';

/** What a line of an input holds: an untrusted reading, or why there is none. */
export type ImportRow =
  | { readonly line: number; readonly size: number; readonly item: unknown }
  | { readonly line: number; readonly size: number; readonly fault: string };

/** Turns lines into rows; blank lines make none. A record may take several lines. */
export interface RowReader {
  take(line: Line): readonly ImportRow[];
  /** The CSV header as it stands in the input; `undefined` where there is none. */
  header(): string | undefined;
  /** Whether a record has begun whose end was not seen yet. */
  isOpen(): boolean;
  /** The input has ended. */
  end(): readonly ImportRow[];
}
