import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode, HrmError, isHrmError, syncDirectory } from 'hrm-core';
import { isReaderGone, type Output } from './output.js';

/** A file that is being written. */
export interface OutputFile extends Output {
  /** Makes it durable and gives it its name, over whatever had that name. */
  commit(): Promise<void>;
  /** Forgets it, unless it was committed. */
  discard(): Promise<void>;
}

/**
 * Begins a file that is there whole or not at all: it is written under another name beside its own, for its owner alone
 * (0600: readings are health data). What is no regular file (`/dev/null`, a named pipe) is written to as it is.
 * @param path - as it was given, relative to `cwd`.
 * @throws HrmError kind `invalid`, code `invalid_output`, where nothing can be written there.
 */
export async function openOutputFile(path: string, cwd: string): Promise<OutputFile> {
  const place = resolve(cwd, path);
  const stats = await stat(place).catch(() => null);
  if (stats?.isDirectory() === true) throw outputError(path, 'is a directory');
  const isPlain = stats === null || stats.isFile();
  const temporary = isPlain ? `${place}.${randomBytes(6).toString('hex')}.partial` : place;
  const handle = await open(temporary, isPlain ? 'wx' : 'w', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw outputError(path, `cannot be written (${cause.code})`, cause);
  });
  let isOpen = true;
  let isGone = false;
  async function close(): Promise<void> {
    if (isOpen) await handle.close();
    isOpen = false;
  }
  return {
    async write(text) {
      if (isGone) return false;
      try {
        await writeAll(handle, text);
      } catch (cause) {
        isGone = isReaderGone(cause);
        if (!isGone) throw unavailable(path, cause);
      }
      return !isGone;
    },
    async commit() {
      try {
        if (isPlain) await handle.sync();
        await close();
        if (!isPlain) return;
        await rename(temporary, place);
        syncDirectory(dirname(place));
      } catch (cause) {
        throw isHrmError(cause) ? cause : unavailable(path, cause);
      }
    },
    async discard() {
      if (!isOpen) return;
      await close();
      if (isPlain) await unlink(temporary);
    },
  };
}

async function writeAll(handle: FileHandle, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}

function outputError(path: string, problem: string, cause?: unknown): HrmError {
  const message = `--output ${path}: ${problem}`;
  return new HrmError(message, {
    kind: 'invalid',
    code: 'invalid_output',
    cause,
    faults: [{ path: '/output', message: problem }],
  });
}

function unavailable(path: string, cause: unknown): HrmError {
  const code = errorCode(cause) || 'unknown';
  const message = `--output ${path}: cannot be written (${code}); nothing was left there`;
  return new HrmError(message, { kind: 'unavailable', code: 'output_unwritable', cause });
}
