/** Temporary files, for what cannot be read in order. A file loses its name at once: whatever becomes of the process, nothing of it stays. */
import { type FileHandle, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode, faultError, HrmError } from '../../errors.js';
import { makeDirectories } from '../../make-directories.js';

/** What the directories of files begin with, for the moment in which a file has a name. */
const PREFIX = 'hrm-archive-';

/** Of a directory that a process left which was killed in that moment, ms: one that is younger may be another's. */
const STALE_MS = 60_000;

/** Where temporary files lie, and how large one may be. */
export interface SpoolOptions {
  /** Made where it is not there; default: the system's for temporary files. */
  readonly spoolDirectory?: string | undefined;
  /** Bytes of one file; default: as many as the disk takes. */
  readonly maxSpoolBytes?: number | undefined;
}

/** A temporary file, gone when it is closed. */
interface Spooled {
  readonly handle: FileHandle;
  /** Why there is no more of it, an HrmError of code `invalid_input`; `undefined` where all of it is there. */
  readonly failure: unknown;
}

/**
 * Writes pieces to a temporary file. What came before they were damaged is kept.
 * @throws HrmError kind `unavailable`, code `spool_unwritable`, where the disk does not take it; else what the pieces throw.
 */
export async function spool(
  pieces: AsyncIterable<Uint8Array>,
  { spoolDirectory: directory = tmpdir(), maxSpoolBytes = Number.POSITIVE_INFINITY }: SpoolOptions = {},
): Promise<Spooled> {
  const handle = await onDisk(directory, () => openNameless(directory));
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      bytes += piece.byteLength;
      if (bytes > maxSpoolBytes)
        throw faultError('invalid_input', `it comes to more than ${maxSpoolBytes} bytes: it is not read on`);
      await onDisk(directory, () => handle.appendFile(piece));
    }
    return { handle, failure: undefined };
  } catch (failure) {
    if (errorCode(failure) === 'invalid_input') return { handle, failure };
    await handle.close();
    throw failure;
  }
}

/** Removes what processes left that were killed in the moment in which a file has a name. Nothing depends on it. */
export async function sweepSpool(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(PREFIX))) {
    const path = join(directory, name);
    const { mtimeMs = Number.POSITIVE_INFINITY } = (await stat(path).catch(() => null)) ?? {};
    if (Date.now() - mtimeMs >= STALE_MS) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function openNameless(directory: string): Promise<FileHandle> {
  makeDirectories(directory);
  const own = await mkdtemp(join(directory, PREFIX));
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
