/** What going through archives needs, of Node: zlib, and temporary files. */
import { type FileHandle, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { errorCode, HrmError } from '../../errors.js';
import type { ArchiveMachine, KeptFile } from '../../formats/zip/read-archive.js';
import { openRandomAccess } from '../random-access.js';

/** Of this process. */
export const nodeMachine: ArchiveMachine = createNodeMachine();

/**
 * Of this process, which keeps files in a directory.
 * @param directory - made where it is not there; default: the system's for temporary files.
 */
export function createNodeMachine(directory: string = tmpdir()): ArchiveMachine {
  return {
    inflateRaw: (pieces) => unpacked(pieces, createInflateRaw()),
    gunzip: (pieces) => unpacked(pieces, createGunzip()),
    crc32: (bytes, before) => crc32(bytes, before),
    keep: (pieces) => keep(pieces, directory),
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
async function keep(pieces: AsyncIterable<Uint8Array>, directory: string): Promise<KeptFile> {
  const handle = await onDisk(directory, () => openNameless(directory));
  try {
    let failure: unknown;
    try {
      for await (const piece of pieces) await onDisk(directory, () => handle.appendFile(piece));
    } catch (error) {
      if (errorCode(error) !== 'invalid_input') throw error;
      failure = error;
    }
    return { file: await openRandomAccess(handle), failure, release: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The file loses its name at once: whatever becomes of the process, nothing of it stays. */
async function openNameless(directory: string): Promise<FileHandle> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const own = await mkdtemp(join(directory, 'hrm-archive-'));
  try {
    return await open(join(own, 'file'), 'wx+', 0o600);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function onDisk<Result>(directory: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (cause) {
    const message = `a temporary file in ${directory} cannot be written (${errorCode(cause) || 'unknown'})`;
    throw new HrmError(message, { kind: 'unavailable', code: 'spool_unwritable', cause });
  }
}
