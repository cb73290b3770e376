import type { RandomAccessFile } from '../../formats/file-format.js';
import { piecesOf } from '../../formats/pieces-of.js';
import { createNodeMachine } from '../archive/node-machine.js';
import type { SpoolOptions } from '../archive/spool.js';
import type { Input } from '../inputs.js';

/**
 * An input any part of which can be read, as often as somebody wants: the same where it can be, or else one of a temporary file, which whoever
 * asked for it closes.
 * @param options.onBytes - hears of the bytes that are read for that.
 * @throws HrmError kind `unavailable`, code `spool_unwritable`.
 */
export async function openInPlace(
  input: Input,
  { onBytes, ...options }: SpoolOptions & { onBytes(count: number): void },
): Promise<Input> {
  if (input.file !== undefined) return input;
  // Where it breaks off, whoever reads it finds that it ends early.
  const { file, release } = await createNodeMachine(options).keep(input.read(onBytes));
  return {
    label: input.label,
    path: input.path ?? input.label,
    byteLength: file.byteLength,
    file,
    read: (onRead, fromByte = 0) => read(file, fromByte, onRead),
    close: release,
  };
}

async function* read(file: RandomAccessFile, fromByte: number, onBytes: (count: number) => void) {
  for await (const { buffer, byteOffset, byteLength } of piecesOf(file, fromByte)) {
    onBytes(byteLength);
    yield Buffer.from(buffer, byteOffset, byteLength);
  }
}
