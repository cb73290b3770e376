import type { FileHandle } from 'node:fs/promises';
import type { RandomAccessFile } from '../formats/file-format.js';

/** An open file, any part of which can be read. */
export async function openRandomAccess(handle: FileHandle): Promise<RandomAccessFile> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(from, to) {
      const length = Math.max(0, Math.min(to, size) - from);
      if (!(length > 0)) return new Uint8Array(0);
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, from + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
  };
}
