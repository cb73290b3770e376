/** The files that a page gets: one by one, out of archives and unpacked, in the browser that has them. */
import { errorCode } from '../errors.js';
import { isGzip } from './bytes.js';
import type { RandomAccessFile } from './file-format.js';
import { piecesOf } from './pieces-of.js';
import { unpackBounded } from './unpack-bounded.js';
import { type ArchiveFault, type ArchiveFile, readArchive } from './zip/read-archive.js';
import { openBlob, webMachine } from './zip/web-machine.js';
import { isZip } from './zip/zip-directory.js';
import { memberError } from './zip/zip-member.js';

/**
 * The files in a file that somebody dropped: those of an archive, or itself, gunzipped where it is gzip. Each can be read, also more than
 * once, until the next one is asked for; `readHealthFile` takes its bytes, its name and its `file`.
 * @param fileName - as it is named.
 * @param onFault - hears of what cannot be read at all: a file of an archive, or the archive from some place on.
 * @example
 * for await (const { name, read, file } of readDroppedFile(blob, blob.name, console.warn)) {
 *   for await (const readings of readHealthFile(read(), { fileName: name, file, nowMs: Date.now() })) console.log(readings);
 * }
 */
export async function* readDroppedFile(
  source: Blob | Uint8Array,
  fileName: string,
  onFault: (fault: ArchiveFault) => void,
): AsyncGenerator<ArchiveFile> {
  const file = openBlob(source);
  const head = await file.slice(0, 4);
  if (!isZip(head)) {
    if (isGzip(head)) yield { name: fileName, isReadable: 'again', read: () => gunzipped(file, fileName) };
    else yield { name: fileName, isReadable: 'again', read: () => piecesOf(file), file };
    return;
  }
  const members = readArchive(file, webMachine, (fault) => onFault({ ...fault, name: place(fault.name) }));
  for await (const member of members) yield { ...member, name: place(member.name) };
  function place(name: string): string {
    return name === '' ? fileName : `${fileName}/${name}`;
  }
}

async function* gunzipped(file: RandomAccessFile, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* unpackBounded(piecesOf(file), webMachine.gunzip, name);
  } catch (error) {
    if (errorCode(error) === 'invalid_input') throw error;
    throw memberError(name, 'its gzip data are damaged or end early');
  }
}
