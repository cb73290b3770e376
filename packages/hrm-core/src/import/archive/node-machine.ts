/** What going through archives needs, of Node: zlib, and temporary files. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { errorCode } from '../../errors.js';
import type { RandomAccessFile } from '../../formats/file-format.js';
import type { ArchiveMachine, KeptFile } from '../../formats/zip/read-archive.js';

/** Of this process. */
export const nodeMachine: ArchiveMachine = {
  inflateRaw: (pieces) => unpacked(pieces, createInflateRaw()),
  gunzip: (pieces) => unpacked(pieces, createGunzip()),
  crc32: (bytes, before) => crc32(bytes, before),
  keep,
};

/** What came before an error is given first. */
async function* unpacked(pieces: AsyncIterable<Uint8Array>, unpacking: Transform): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  pipeline(Readable.from(pieces), unpacking).catch((error: unknown) => {
    failure = error;
  });
  try {
    yield* unpacking as AsyncIterable<Buffer>;
  } catch (error) {
    // What the pieces threw says more than that the stream was closed early.
    throw errorCode(failure) === 'invalid_input' ? failure : error;
  }
}

async function keep(pieces: AsyncIterable<Uint8Array>): Promise<KeptFile> {
  const directory = await mkdtemp(join(tmpdir(), 'hrm-archive-'));
  let handle: FileHandle | undefined;
  async function release(): Promise<void> {
    await handle?.close();
    await rm(directory, { recursive: true, force: true });
  }
  try {
    handle = await open(join(directory, 'file'), 'wx+', 0o600);
    let failure: unknown;
    try {
      for await (const piece of pieces) await handle.appendFile(piece);
    } catch (error) {
      if (errorCode(error) !== 'invalid_input') throw error;
      failure = error;
    }
    return { file: await openRandomAccess(handle), failure, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** An open file, any part of which can be read. */
async function openRandomAccess(handle: FileHandle): Promise<RandomAccessFile> {
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
