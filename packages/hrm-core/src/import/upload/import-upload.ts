/**
 * Imports a file that comes over a connection.
 *
 * ```
 *  pieces --> temporary file, without a name --> thread: reads, judges -- series --> process: takes them into the queue
 * ```
 * - The file is written first: archives have their directory at their end, and what cannot be read in order is half of all formats.
 * - The thread, since formats are read for seconds, and some in one piece. It holds up nobody, has a bound on its memory, and ends at once.
 * - The process takes the readings as it takes those of every other request: with its bounds on days, devices and room.
 */
import { Worker } from 'node:worker_threads';
import { abortedError, errorCode, HrmError, isHrmError } from '../../errors.js';
import { MAX_UPLOAD_HEAP_MB, MAX_UPLOAD_MS } from '../../limits.js';
import type { Queue } from '../../ports/queue.js';
import type { RateLimitError } from '../../shares/buckets.js';
import { pause, within } from '../../waits.js';
import { plural } from '../../words.js';
import { spool } from '../archive/spool.js';
import { type Ask, fromPlainError, type Reply, type Saying, toPlainError, type UploadRules } from './messages.js';

/** Beside this module's own bundle. */
const ENTRY = new URL('./import-thread.js', import.meta.url);

/** What takes the readings of an upload. */
export interface UploadTarget {
  readonly queue: Pick<Queue, 'depth'>;
  /**
   * Takes 1 to 10,000 series or readings as a wire spells them, all or none.
   * @param receivedMs - when they count as received; `undefined`: now.
   * @returns how many readings these are. @throws HrmError code `invalid_readings` for a matter of the file, kind `unavailable` for what may
   *   be tried again; what else it throws ends the import.
   */
  enqueue(items: readonly unknown[], receivedMs: number | undefined): Promise<number>;
  /** Judges whose readings are sent, as `enqueue` does; a dry run asks it alone. @throws HrmError, which ends the import. */
  requireUser(userId: unknown): void;
}

/** An import that ended early, or brought nothing. */
export interface UploadError extends HrmError {
  /** Readings that the queue holds durably all the same. */
  readonly enqueued: number;
}

/**
 * Imports the file that pieces make.
 * @param signal - ends it at once; what was enqueued by then stays.
 * @returns the account of the import, as the JSON of `hrm import --json`.
 * @throws HrmError, an {@link UploadError} once there is a file: kind `invalid`, code `not_imported` or `time_zone_needed`, where no file of it
 *   could be imported; kind `unavailable`, code `spool_unwritable`, or as the queue; kind `closed`; what the pieces or the target throw.
 */
export async function importUpload(
  pieces: AsyncIterable<Uint8Array>,
  target: UploadTarget,
  rules: UploadRules,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { handle } = await spool(pieces, { spoolDirectory: rules.spoolDirectory });
  if (signal.aborted) {
    await handle.close();
    throw abortedError('the import');
  }
  // What is preloaded into the process is not meant for this thread.
  const thread = new Worker(ENTRY, {
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: MAX_UPLOAD_HEAP_MB },
  });
  const taking = createTaking(target, signal);
  try {
    return await within(
      MAX_UPLOAD_MS,
      follow(thread, taking, signal, () => thread.postMessage({ handle, rules }, [handle as never])),
      () => {
        throw tooLongError();
      },
    );
  } catch (error) {
    // What is on its way into the queue by now counts as well.
    await taking.stop();
    throw withCount(error, taking.enqueued());
  } finally {
    // With its thread the file is gone.
    await thread.terminate();
  }
}

/** Takes what the thread asks to be taken. */
interface Taking {
  answer(ask: Ask): Promise<Reply>;
  /** Takes nothing any more; resolves once nothing is on its way. */
  stop(): Promise<void>;
  enqueued(): number;
}

function createTaking({ queue, enqueue, requireUser }: UploadTarget, signal: AbortSignal): Taking {
  let enqueued = 0;
  let isStopped = false;
  let running: Promise<unknown> = Promise.resolve();

  async function take(items: readonly unknown[], receivedMs: number | undefined): Promise<number> {
    for (;;) {
      if (isStopped || signal.aborted) throw abortedError('the import');
      try {
        const taken = await enqueue(items, receivedMs);
        enqueued += taken;
        return taken;
      } catch (error) {
        // Half of a file is of no use, and the other half is on its way.
        if (enqueued === 0 || !isRateLimited(error)) throw error;
        await pause(error.waitSeconds * 1_000, signal);
      }
    }
  }

  return {
    async answer(ask) {
      const { id } = ask;
      try {
        if (ask.type === 'users') {
          for (const userId of ask.userIds) requireUser(userId);
          return { id, value: null };
        }
        const taking = ask.type === 'depth' ? queue.depth() : take(ask.items, ask.receivedMs);
        running = taking.catch(() => undefined);
        return { id, value: await taking };
      } catch (error) {
        if (!isHrmError(error) || isFinal(error)) throw error;
        return { id, error: toPlainError(error) };
      }
    },
    async stop() {
      isStopped = true;
      await running;
    },
    enqueued: () => enqueued,
  };
}

/** Whether it is no matter of some readings, nor of time. */
function isFinal({ kind, code }: HrmError): boolean {
  return kind !== 'unavailable' && code !== 'invalid_readings';
}

function isRateLimited(error: unknown): error is RateLimitError {
  return isHrmError(error) && error.code === 'rate_limited' && 'waitSeconds' in error;
}

/** The account, once the thread has it. @throws what ended the import early. */
function follow(
  thread: Worker,
  taking: Taking,
  signal: AbortSignal,
  begin: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortedError('the import'));
    signal.addEventListener('abort', onAbort, { once: true });
    thread.on('message', (saying: Saying) => {
      if (saying.type === 'failed') reject(fromPlainError(saying.error));
      else if (saying.type !== 'done') taking.answer(saying).then((reply) => thread.postMessage(reply), reject);
      else if (saying.failure !== null) reject(fromPlainError(saying.failure));
      else resolve(saying.account);
    });
    thread.on('error', (error) => reject(errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY' ? tooLargeError() : error));
    thread.on('exit', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new HrmError('the thread of an import has ended', { kind: 'internal', code: 'thread_ended' }));
    });
    begin();
  });
}

/** Says how much of the file is enqueued. */
function withCount(error: unknown, enqueued: number): unknown {
  if (!isHrmError(error)) return error;
  error.message += enqueuedText(enqueued);
  return Object.assign(error, { enqueued }) satisfies UploadError;
}

/** What a failure says of the readings that came before it, where some did. */
export function enqueuedText(enqueued = 0): string {
  const text = `; ${plural(enqueued, 'reading')} were enqueued before that, and importing the file again is harmless`;
  return enqueued > 0 ? text : '';
}

function tooLongError(): HrmError {
  const message = `the import took longer than ${MAX_UPLOAD_MS / 1_000} s: send smaller files, or import the file beside the queue, with hrm import`;
  return new HrmError(message, { kind: 'invalid', code: 'not_imported' });
}

function tooLargeError(): HrmError {
  const message = 'the file takes more memory than an import may have: import it beside the queue, with hrm import';
  return new HrmError(message, { kind: 'invalid', code: 'not_imported' });
}
