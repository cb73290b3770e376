/**
 * A Parquet file that somebody sends, as rows. Nothing in it is taken for true, whoever wrote it: so it is read as another writer's file,
 * also where it says that it is one of ours.
 */
import { faultError, isHrmError } from '../errors.js';
import { MAX_BATCH_RAW_BYTES } from '../limits.js';
import type { StoredFile } from '../ports/storage.js';
import type { ReadingColumns } from '../pure/columns.js';
import { decodeSlice, pageReaderOf } from './foreign/decode.js';
import { openForeign } from './foreign/open.js';

/** Bytes behind the footer: its length, and the file's last four letters. */
const TRAILER_BYTES = 8;

/**
 * Reads the rows of a file in memory, which nobody has judged: what is null is -1, or an empty text.
 * @param yieldTurn - lets others work between pieces.
 * @returns tables, in the order of the file.
 * @throws HrmError kind `invalid`, code `invalid_parquet`, with what is wrong and what to do.
 */
export async function readBatch(
  given: Uint8Array,
  maxRows: number,
  yieldTurn: () => Promise<void>,
): Promise<readonly ReadingColumns[]> {
  // A Buffer's own slice is no copy.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const file: StoredFile = {
    name: 'the batch',
    version: '',
    byteLength: bytes.length,
    ageMs: 0,
    async read(from, to) {
      await yieldTurn();
      return bytes.slice(from, to).buffer as ArrayBuffer;
    },
  };
  try {
    const limits = { maxRows, maxRawBytes: MAX_BATCH_RAW_BYTES, needsReceived: false };
    const { groups } = await openForeign(file, footerOf(bytes), limits);
    const tables: ReadingColumns[] = [];
    for (const { foreign, rows } of groups) {
      await yieldTurn();
      if (foreign !== undefined) tables.push(await decodeSlice(pageReaderOf(file), foreign, rows));
    }
    return tables;
  } catch (error) {
    if (isHrmError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw faultError('invalid_parquet', `the body cannot be read as Parquet: ${why}`);
  }
}

function footerOf(bytes: Uint8Array): Uint8Array {
  const lengthAt = bytes.length - TRAILER_BYTES;
  if (lengthAt < 0) throw new Error('it is shorter than the end of a Parquet file');
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(lengthAt, true);
  if (length > lengthAt) throw new Error('its footer is longer than itself');
  return bytes.slice(lengthAt - length);
}
