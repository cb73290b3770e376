/** Row groups, as everybody but this folder sees them. */
import type { Chunk } from './foreign/pages.js';

/** Rows of a foreign row group that are read at once. */
export interface ForeignSlice {
  /** In the contract's order; the last one, of when readings were received, may be missing where nobody asks for it. */
  readonly chunks: readonly Chunk[];
  /** The first row, counted within the row group. */
  readonly fromRow: number;
}

/** One row group: what it holds, and where. Of another writer's file some rows of one. */
export interface RowGroup {
  /** Which of the file's; of another writer's which of those given here. */
  readonly index: number;
  readonly rows: number;
  /** Of its readings, epoch ms; what is not known is infinite. */
  readonly fromMs: number;
  /** Inclusive. */
  readonly lastMs: number;
  /** The only user_id in it; `null` where there are several, or that is not sure. */
  readonly userId: string | null;
  /** The first and the last user_id in it, in UTF-8 byte order; `null` where that is not sure. */
  readonly userBounds: readonly [first: string, last: string] | null;
  /** The only device_id in it, as `userId`. */
  readonly deviceId: string | null;
  readonly fromByte: number;
  /** Exclusive. */
  readonly toByte: number;
  /** `null` in a file of another writer, and in an older one, which is proved as a whole. */
  readonly checksum: string | null;
  /** Where the rows of another writer's file are. */
  readonly foreign?: ForeignSlice;
}
