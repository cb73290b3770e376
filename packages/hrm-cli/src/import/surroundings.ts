/** What both imports have around them: progress, the wait for room, where they go on, and how far they came when they end early. */
import { resolve } from 'node:path';
import { HrmError, isHrmError, plural } from 'hrm-core';
import {
  checkpointPath,
  faultLines,
  type ImportFilesOptions,
  type ImportProgress,
  importFingerprint,
} from 'hrm-core/import';
import type { Invocation } from '../command.js';
import { rateText, startProgress } from '../output/progress.js';
import { usageError } from '../usage-error.js';

/** Said once, on a line of its own: whoever watches a log instead of a terminal sees no progress. */
const WAITING = 'the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)';

/** What an import tells while it runs. */
type Followed = Required<Pick<ImportFilesOptions, 'onProgress' | 'onWait'>>;

/**
 * Runs an import, and shows how far it is.
 * @param sizes - of its inputs; `undefined` for a pipe.
 * @throws HrmError as the import, which says then how far it came; for people with the faults, which JSON has in `errors`.
 */
export async function follow<Result>(
  { args, stderr, json }: Invocation,
  sizes: readonly (number | undefined)[],
  run: (followed: Followed) => Promise<Result>,
): Promise<Result> {
  const startMs = performance.now();
  const total = sizes.reduce<number | undefined>((sum = Number.NaN, size = Number.NaN) => sum + size, 0);
  const known = Number.isNaN(total) ? undefined : total;
  const progress = startProgress({ label: 'import', total: known, stream: stderr, enabled: !json });
  let now: ImportProgress = { bytesRead: 0, enqueued: 0 };
  let hasWaited = false;
  try {
    return await run({
      onProgress(next) {
        now = next;
        const rate = rateText(now.enqueued, performance.now() - startMs);
        progress.update(now.bytesRead, `${now.enqueued.toLocaleString('en')} readings, ${rate}`);
      },
      onWait() {
        progress.update(now.bytesRead, 'the queue is full: waiting for a consumer');
        if (hasWaited || json) return;
        hasWaited = true;
        progress.end();
        stderr.write(`hrm import: ${WAITING}\n`);
      },
    });
  } catch (error) {
    if (!isHrmError(error)) throw error;
    const { kind, code, faults, faultCount } = error;
    const before =
      now.enqueued === 0 ? 'No reading was enqueued.' : `${plural(now.enqueued, 'reading')} enqueued before that.`;
    if (kind === 'closed') {
      const next = resumes(args)
        ? 'The same command goes on from there.'
        : 'Importing again is harmless; an import with --resume remembers how far it came.';
      throw new HrmError(`interrupted\n${before} ${next}`, { kind, code: 'aborted', cause: error });
    }
    const listed = json || code !== 'invalid_readings' ? [] : faultLines(faults, faultCount);
    const message = [error.message, ...listed, `${before} Importing again is harmless.`].join('\n');
    throw new HrmError(message, { kind, code, faults, faultCount, cause: error });
  } finally {
    progress.end();
  }
}

function resumes(args: Invocation['args']): boolean {
  return args.has('resume') || args.value('checkpoint') !== undefined;
}

/**
 * Where an import remembers how far it came, and in which way it goes; `null` where nobody wants it to.
 * @param kind - of import, which has a file of its own.
 * @throws HrmError kind `invalid` for standard input, of which nothing can be read again.
 */
export function resumption(
  { args, settings, cwd }: Invocation,
  options: ImportFilesOptions,
  kind: readonly string[],
): { readonly path: string; readonly way: string } | null {
  if (!resumes(args)) return null;
  if (args.operands.includes('-'))
    throw usageError('standard input cannot be resumed: name files, or leave out --resume');
  const given = args.value('checkpoint');
  const path =
    given === undefined ? checkpointPath(settings.queueDir, [...args.operands, ...kind], cwd) : resolve(cwd, given);
  const { queueUrl, redisUrl, queueDir } = settings;
  return { path, way: importFingerprint(options, args.value('url') ?? (queueUrl || redisUrl || queueDir)) };
}
