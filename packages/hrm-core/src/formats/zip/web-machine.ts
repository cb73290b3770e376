/** What going through archives needs, of a browser: its own decompression, and blobs, which it keeps on the disk where they are large. */

import { crc32 } from '../crc32.js';
import type { RandomAccessFile } from '../file-format.js';
import type { ArchiveMachine, KeptFile } from './read-archive.js';

/** Bytes of pieces that lie in the memory before they become a blob. */
const BLOB_BYTES = 8 * 1024 * 1024;

/** Bytes that are unpacked at once: what comes of those before damaged ones is given, and these are lost. */
const PACKED_BYTES = 4 * 1024;

/** Of a page or of its worker; Node has the same names. */
export const webMachine: ArchiveMachine = {
  inflateRaw: (pieces) => unpacked(pieces, 'deflate-raw'),
  gunzip: (pieces) => unpacked(pieces, 'gzip'),
  crc32,
  keep,
};

/** A file that somebody dropped or chose, or bytes, of which any part can be read. */
export function openBlob(source: Blob | Uint8Array): RandomAccessFile {
  if (source instanceof Uint8Array)
    return { byteLength: source.byteLength, slice: async (from, to) => source.subarray(from, to) };
  return {
    byteLength: source.size,
    slice: async (from, to) => new Uint8Array(await source.slice(from, to).arrayBuffer()),
  };
}

/** By the streams of the web: it is read as it is written, and what the pieces throw is thrown. */
async function* unpacked(
  pieces: AsyncIterable<Uint8Array>,
  format: 'deflate-raw' | 'gzip',
): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream(format);
  const writer = writable.getWriter();
  const reader = readable.getReader();
  let failure: unknown;
  async function write(): Promise<void> {
    try {
      for await (const piece of pieces) {
        for (let from = 0; from < piece.byteLength; from += PACKED_BYTES)
          await writer.write(piece.slice(from, from + PACKED_BYTES));
      }
      await writer.close();
    } catch (error) {
      failure = error;
      await writer.abort(error).catch(() => undefined);
    }
  }
  const writing = write();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
  } catch (error) {
    throw failure ?? error;
  } finally {
    await reader.cancel().catch(() => undefined);
    await writing;
  }
}

async function keep(pieces: AsyncIterable<Uint8Array>): Promise<KeptFile> {
  const blobs: Blob[] = [];
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let failure: unknown;
  function toBlob(): void {
    blobs.push(new Blob(held));
    held = [];
    heldBytes = 0;
  }
  try {
    for await (const piece of pieces) {
      held.push(piece);
      heldBytes += piece.byteLength;
      if (heldBytes >= BLOB_BYTES) toBlob();
    }
  } catch (error) {
    failure = error;
  }
  toBlob();
  return { file: openBlob(new Blob(blobs)), failure, release: async () => undefined };
}
