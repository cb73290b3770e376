/** A ZIP file, written while its files are made: none of them is held, and none needs to be known beforehand. */
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** A file of a ZIP file. */
export interface ZipEntry {
  /** With slashes between folders. */
  readonly name: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Readable by whoever unpacks it, and nobody else: these are health data. */
const FILE_MODE = 0o100600;

/**
 * Yields the bytes of a ZIP file. Files are taken one after the other, as fast as the bytes are taken; those beyond 4 GiB are right, too (ZIP64).
 * @throws what `entries` or their pieces throw. Who stops early stops them.
 */
export async function* zipPieces(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array, void, undefined> {
  const zip = new ZipFile();
  // A stream, as its types do not say.
  const output = zip.outputStream as Readable;
  zip.on('error', (error: Error) => output.destroy(error));
  let isOver = false;
  let source: Readable | undefined;

  async function addAll(): Promise<void> {
    for await (const { name, pieces } of entries) {
      // Nobody would ever read it.
      if (isOver) return;
      source = Readable.from(pieces);
      zip.addReadStream(source, name, { mode: FILE_MODE });
      await finished(source);
    }
    zip.end();
  }

  const adding = addAll().catch((error: Error) => {
    output.destroy(error);
  });
  try {
    for await (const piece of output) yield piece as Buffer;
  } finally {
    isOver = true;
    source?.destroy();
    output.destroy();
    await adding;
  }
}
