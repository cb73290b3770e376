import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HEAD_BYTES } from '../../formats/file-format.js';
import { recognizeFile } from '../../formats/file-formats.js';
import { isParquet } from '../../formats/read-in-place.js';
import { isTar } from '../../formats/tar.js';
import { isZip } from '../../formats/zip/zip-directory.js';
import { closeInputs, type Input, type InputSurroundings, openInputs, peekInput } from '../inputs.js';

/** What somebody wants imported. */
export interface Inspection {
  /** There is a directory, an archive or a file of a device or an export: `importFiles` imports them, and `importReadings` else. */
  readonly needFiles: boolean;
  /** Standard input, where it was named: its beginning is read by now. */
  readonly peeked: Input | undefined;
}

/** Looks at what somebody names, and at how it begins. @throws HrmError kind `closed`. */
export async function inspectPaths(paths: readonly string[], surroundings: InputSurroundings): Promise<Inspection> {
  const { cwd = process.cwd() } = surroundings;
  let peeked: Input | undefined;
  let needFiles = false;
  for (const path of paths) {
    if (path === '-' && peeked === undefined) {
      const [standard] = await openInputs(['-'], surroundings);
      const { head, input } = await peekInput(standard as Input, HEAD_BYTES);
      peeked = input;
      needFiles ||= isForFiles(head, path);
    } else if (!needFiles) {
      const stats = await stat(resolve(cwd, path)).catch(() => null);
      needFiles =
        stats?.isDirectory() === true || (stats?.isFile() === true && (await beginsForFiles(path, surroundings)));
    }
  }
  return { needFiles, peeked };
}

async function beginsForFiles(path: string, surroundings: InputSurroundings): Promise<boolean> {
  let inputs: readonly Input[] = [];
  try {
    inputs = await openInputs([path], surroundings);
    return isForFiles((await peekInput(inputs[0] as Input, HEAD_BYTES)).head, path);
  } catch {
    // Whoever imports it says what is wrong.
    return false;
  } finally {
    await closeInputs(inputs);
  }
}

function isForFiles(head: Uint8Array, name: string): boolean {
  return isZip(head) || isTar(head) || isParquet(head) || recognizeFile(head, name) !== undefined;
}
