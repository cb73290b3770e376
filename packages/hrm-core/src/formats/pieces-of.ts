import type { RandomAccessFile } from './file-format.js';

/** Bytes that are read at once. */
const PIECE_BYTES = 64 * 1024;

/** A file's bytes in their order. @param fromByte - inclusive; default 0. */
export async function* piecesOf(file: RandomAccessFile, fromByte = 0): AsyncGenerator<Uint8Array> {
  for (let from = fromByte; from < file.byteLength; from += PIECE_BYTES)
    yield await file.slice(from, Math.min(file.byteLength, from + PIECE_BYTES));
}
