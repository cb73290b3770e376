import { type ArchiveFault, readArchive } from '../../formats/zip/read-archive.js';
import { isZip } from '../../formats/zip/zip-directory.js';
import type { Input } from '../inputs.js';
import { createNodeMachine } from './node-machine.js';
import type { SpoolOptions } from './spool.js';

/** How an archive's files are opened. */
interface ArchiveInputOptions extends SpoolOptions {
  /** Hears of the archive's bytes, as they are read. */
  onBytes(count: number): void;
}

/**
 * The files of an archive as inputs, each until the next one is asked for: of a zip archive any part of which can be read, or else of a tar archive.
 * @param onFault - hears of what cannot be read at all: a file of it, or the archive from some place on.
 */
export async function* openArchiveInputs(
  archive: Input,
  { onBytes, ...options }: ArchiveInputOptions,
  onFault: (label: string, fault: ArchiveFault) => void,
): AsyncGenerator<Input> {
  const { file, label, path } = archive;
  // Every place is told once, whoever looks how often.
  let toldBytes = 0;
  function tell(toByte: number): void {
    onBytes(toByte - toldBytes);
    toldBytes = toByte;
  }
  const source =
    file !== undefined && isZip(await file.slice(0, 4))
      ? {
          byteLength: file.byteLength,
          async slice(from: number, to: number): Promise<Uint8Array> {
            const bytes = await file.slice(from, to);
            const end = from + bytes.byteLength;
            // The directory at the end is read first.
            if (end > toldBytes && from <= toldBytes) tell(end);
            return bytes;
          },
        }
      : archive.read((count) => tell(toldBytes + count));
  const members = readArchive(source, createNodeMachine(options), (fault) =>
    onFault(fault.name === '' ? label : `${label}/${fault.name}`, fault),
  );
  for await (const member of members) {
    yield {
      label: `${label}/${member.name}`,
      path: member.isReadable === 'again' ? `${path ?? label}/${member.name}` : null,
      byteLength: undefined,
      file: member.file,
      async *read(_, fromByte = 0) {
        let left = fromByte;
        for await (const { buffer, byteOffset, byteLength } of member.read()) {
          if (byteLength > left) yield Buffer.from(buffer, byteOffset + left, byteLength - left);
          left = Math.max(0, left - byteLength);
        }
      },
      close: async () => undefined,
    };
  }
  tell(Math.max(toldBytes, archive.byteLength ?? 0));
}
