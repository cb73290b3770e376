/** What going through archives needs, of Node: zlib, and temporary files. */
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { errorCode } from '../../errors.js';
import type { ArchiveMachine, KeptFile } from '../../formats/zip/read-archive.js';
import { openRandomAccess } from '../random-access.js';
import { type SpoolOptions, spool } from './spool.js';

/** Of this process. */
export const nodeMachine: ArchiveMachine = createNodeMachine();

/** Of this process, which keeps files where it is told. */
export function createNodeMachine(options: SpoolOptions = {}): ArchiveMachine {
  return {
    inflateRaw: (pieces) => unpacked(pieces, createInflateRaw()),
    gunzip: (pieces) => unpacked(pieces, createGunzip()),
    crc32: (bytes, before) => crc32(bytes, before),
    keep: (pieces) => keep(pieces, options),
  };
}

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

/** @throws HrmError kind `unavailable`, code `spool_unwritable`, where the disk does not take it. */
async function keep(pieces: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<KeptFile> {
  const { handle, failure } = await spool(pieces, options);
  return { file: await openRandomAccess(handle), failure, release: () => handle.close() };
}
