/**
 * Imports what people have: files of devices, health exports, files of readings, and whole directories of them. Each file is a matter of its own: one that
 * cannot be read is told, and the others are imported.
 */
import { availableParallelism } from 'node:os';
import { HrmError } from '../../errors.js';
import { MAX_IMPORTED_AT_ONCE, RECEIVED_BEFORE_ALL } from '../../limits.js';
import { type ImportTarget, NOWHERE } from '../destination.js';
import type { FileResult } from './file-result.js';
import { importFile } from './import-file.js';
import type { Run } from './import-input.js';
import { checkImportOptions, type ImportFilesOptions } from './import-options.js';
import type { ImportFile } from './list-files.js';

/**
 * Imports files, some at a time.
 * @param target - a queue, or the client of a server. A dry run takes nothing to it.
 * @param files - of `listFiles`.
 * @returns what became of each, in their order.
 * @throws HrmError kind `invalid`, code `invalid_user` or `invalid_time_zone`; code `received_at_needed`, for a server, which stamps what it gets; kind
 *   `unavailable` when the queue stays so, or a temporary file cannot be written; kind `closed`.
 * @example
 * const results = await importFiles({ queue }, await listFiles(['export'], process.cwd()), { user: 'ana' });
 */
export async function importFiles(
  target: ImportTarget,
  files: readonly ImportFile[],
  options: ImportFilesOptions = {},
): Promise<readonly FileResult[]> {
  const run = createRun(target, options);
  const results: (readonly FileResult[])[] = [];
  let next = 0;
  async function work(): Promise<void> {
    while (next < files.length) {
      const index = next;
      next += 1;
      results[index] = await importFile(run, files[index] as ImportFile);
    }
  }
  const workers = Math.min(availableParallelism(), MAX_IMPORTED_AT_ONCE, files.length);
  const works = Array.from({ length: workers }, work);
  try {
    await Promise.all(works);
  } finally {
    // What fails for all fails for each soon.
    next = files.length;
    await Promise.allSettled(works);
  }
  await options.finished?.settled();
  return results.flat();
}

/** Begins an import. @throws HrmError as {@link importFiles}, for what no file could be imported with. */
export function createRun(target: ImportTarget, options: ImportFilesOptions): Run {
  const { receivedMs = RECEIVED_BEFORE_ALL, signal = new AbortController().signal, onProgress, dryRun } = options;
  if ('client' in target && receivedMs !== 'now') throw receivedAtNeededError();
  checkImportOptions(options);
  let [bytesRead, enqueued] = [0, 0];
  return {
    target: dryRun === true ? NOWHERE : target,
    options,
    signal,
    receivedMs: receivedMs === 'now' ? undefined : receivedMs,
    nowMs: Date.now(),
    onBytes(count) {
      bytesRead += count;
      onProgress?.({ bytesRead, enqueued });
    },
    onEnqueued(more) {
      if (dryRun !== true) enqueued += more;
      onProgress?.({ bytesRead, enqueued });
    },
  };
}

function receivedAtNeededError(): HrmError {
  const message =
    "a server stamps what it gets with its own time, so files of devices would win over corrections that were posted: import beside the server's queue, without --url, or say --received-at now";
  return new HrmError(message, { kind: 'invalid', code: 'received_at_needed' });
}
