import { HrmError } from '../../errors.js';
import { readArchive } from '../../formats/zip/read-archive.js';
import { isZip } from '../../formats/zip/zip-directory.js';
import type { Input } from '../inputs.js';
import { nodeMachine } from './node-machine.js';

/** Whether an input is an archive, which has to be a file: its directory is at its end. */
export async function isArchive({ file }: Input): Promise<boolean> {
  return file !== undefined && isZip(await file.slice(0, 4));
}

/**
 * The files of an archive as inputs, each until the next one is asked for.
 * @param onBytes - hears of the archive's bytes, as they are read.
 * @param onFault - hears of what cannot be read at all: a file of it, or the archive from some place on.
 */
export async function* openArchiveInputs(
  archive: Input,
  onBytes: (count: number) => void,
  onFault: (label: string, error: HrmError) => void,
): AsyncGenerator<Input> {
  const { file, label, path } = archive;
  if (file === undefined) return;
  // Every place is told once, whoever looks how often.
  let toldBytes = 0;
  async function slice(from: number, to: number): Promise<Uint8Array> {
    const bytes = await (file as NonNullable<typeof file>).slice(from, to);
    const end = from + bytes.byteLength;
    // The directory at the end is read first.
    if (end > toldBytes && from <= toldBytes) {
      onBytes(end - toldBytes);
      toldBytes = end;
    }
    return bytes;
  }
  const members = readArchive({ byteLength: file.byteLength, slice }, nodeMachine, ({ name, problem }) => {
    const place = name === '' ? label : `${label}/${name}`;
    onFault(place, invalidInput(place, problem));
  });
  for await (const member of members) {
    yield {
      label: `${label}/${member.name}`,
      path: path === null ? null : `${path}/${member.name}`,
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
  onBytes(Math.max(0, file.byteLength - toldBytes));
}

function invalidInput(place: string, problem: string): HrmError {
  const faults = [{ path: place, message: problem }];
  return new HrmError(`${place}: ${problem}`, { kind: 'invalid', code: 'invalid_input', faults });
}
