/**
 * A Parquet file that somebody sends, as rows. Nothing in it is taken for true, whoever wrote it: so it is read as another writer's file,
 * also where it says that it is one of ours.
 */
import { faultError, isHrmError } from '../errors.js';
import { MAX_BATCH_RAW_BYTES, MAX_FOREIGN_FOOTER_BYTES } from '../limits.js';
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
    mask: null,
    async read(from, to) {
      await yieldTurn();
      return bytes.slice(from, to).buffer as ArrayBuffer;
    },
  };
  try {
    const limits = { maxRows, maxRawBytes: MAX_BATCH_RAW_BYTES };
    const tables: ReadingColumns[] = [];
    for await (const table of readForeignRows(file, limits, yieldTurn)) tables.push(table);
    return tables;
  } catch (error) {
    if (isHrmError(error)) throw error;
    throw faultError('invalid_parquet', `the body cannot be read as Parquet: ${reasonOf(error)}`);
  }
}

/** What is wrong with a file, and what to do. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Reads the rows of a file of which nobody knows who wrote it, some at a time: what is null is -1, or an empty text.
 * @param yieldTurn - lets others work between pieces.
 * @throws Error, saying what is wrong with the file and what to do: before the first rows, or where the file is damaged; what reading it throws.
 */
export async function* readForeignRows(
  file: StoredFile,
  limits: { readonly maxRows: number; readonly maxRawBytes?: number },
  yieldTurn: () => Promise<void>,
): AsyncGenerator<ReadingColumns> {
  const { groups } = await openForeign(file, await footerOf(file), { ...limits, needsReceived: false });
  for (const { foreign, rows } of groups) {
    await yieldTurn();
    if (foreign !== undefined) yield await decodeSlice(pageReaderOf(file), foreign, rows);
  }
}

async function footerOf(file: StoredFile): Promise<Uint8Array> {
  const lengthAt = file.byteLength - TRAILER_BYTES;
  if (lengthAt < 0) throw new Error('it is shorter than the end of a Parquet file');
  const trailer = await file.read(lengthAt, file.byteLength);
  const length = new DataView(trailer).getUint32(0, true);
  if (length > lengthAt) throw new Error('its footer is longer than itself');
  // Who opens it refuses one that is too long.
  const fromByte = lengthAt - Math.min(length, MAX_FOREIGN_FOOTER_BYTES + 1);
  return new Uint8Array(await file.read(fromByte, file.byteLength));
}
