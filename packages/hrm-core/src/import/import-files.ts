/**
 * Imports what people have: files of devices, health exports, files of readings, and whole directories of them. Each file is a matter of its own: one that
 * cannot be read is told, and the others are imported.
 */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { HrmError, isHrmError } from '../errors.js';
import { prepend } from '../formats/bytes.js';
import { HEAD_BYTES } from '../formats/file-format.js';
import { recognizeFile } from '../formats/file-formats.js';
import { type FileAccount, isClean } from '../formats/judge/account.js';
import { unknownFileError } from '../formats/read-health-file.js';
import { MAX_IMPORTED_AT_ONCE, RECEIVED_BEFORE_ALL } from '../limits.js';
import { isArchive, openArchiveInputs } from './archive/archive-inputs.js';
import { type ImportTarget, toDestination } from './destination.js';
import { enqueueChunks, type Tally } from './enqueue-chunks.js';
import type { FinishedFiles } from './finished-files.js';
import { type HealthChunkOptions, readHealthChunks } from './health-chunks.js';
import { type ImportOptions, type ImportProgress, type ImportSummary, importReadings } from './import-readings.js';
import { type Input, type InputSurroundings, openInputs } from './inputs.js';
import type { ImportFile } from './walk-files.js';

/** How files are imported. */
export interface ImportFilesOptions
  extends Pick<ImportOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'skipInvalid' | 'onWait' | 'stallMs'>,
    InputSurroundings {
  /** Whose readings they are, where a file does not say. */
  readonly user?: string | undefined;
  /** Of times that have none in a file; default: such a file is refused. */
  readonly timeZone?: string | undefined;
  /** Keep values that the device does not trust; default false. */
  readonly keepLowConfidence?: boolean | undefined;
  /** The columns of tables by what they are of, where their names do not tell: `{ heart_rate: 'Puls' }`. */
  readonly columns?: HealthChunkOptions['columns'];
  /**
   * When the readings count as received, epoch milliseconds. Default: those of devices' files before everything that was posted, so that importing a file
   * again never undoes a correction; those of CSV and NDJSON now.
   */
  readonly receivedMs?: number | 'now' | undefined;
  /** Refuse a file that has damage, or values that are none for another reason than that there was nothing to measure. */
  readonly strict?: boolean | undefined;
  /** Read everything, and enqueue nothing. */
  readonly dryRun?: boolean | undefined;
  /** Files that are passed over, and where those that are done are remembered. */
  readonly finished?: FinishedFiles | null | undefined;
  /** Called very often. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** What became of a file. */
export interface FileResult {
  /** As it is named to people. */
  readonly file: string;
  /**
   * `imported` it was read; `passed_over` it was imported before and has not changed; `refused` by strictness, nothing of it was enqueued; `unknown` no
   * format knows it; `failed` it cannot be read on, see `error`.
   */
  readonly outcome: 'imported' | 'passed_over' | 'refused' | 'unknown' | 'failed';
  /** Found in a directory: nobody says that there are readings in it. */
  readonly isFound: boolean;
  /** Readings that the queue holds durably. */
  readonly enqueued: number;
  /** Of a device's file or an export. */
  readonly account: FileAccount | null;
  /** Of a file of readings: CSV, NDJSON. */
  readonly rows: ImportSummary | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/**
 * Imports files, some at a time.
 * @param files - of `listFiles`.
 * @returns what became of each, in their order.
 * @throws HrmError kind `invalid`, code `received_at_needed`, for a server, which stamps what it gets; kind `unavailable` when the queue stays so; kind
 *   `closed`.
 * @example
 * const results = await importFiles({ queue }, await listFiles(['export'], process.cwd()), { user: 'ana' });
 */
export async function importFiles(
  target: ImportTarget,
  files: readonly ImportFile[],
  options: ImportFilesOptions = {},
): Promise<readonly FileResult[]> {
  if ('client' in target && options.receivedMs !== 'now' && options.dryRun !== true) throw receivedAtNeededError();
  const results: (readonly FileResult[])[] = [];
  const run = createRun(target, options);
  let next = 0;
  async function work(): Promise<void> {
    while (next < files.length) {
      const index = next;
      next += 1;
      results[index] = await importOne(run, files[index] as ImportFile);
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

/** Whether there is a directory among paths, or a file of a device or an export: then `importFiles` imports them, and `importReadings` else. */
export async function needImportFiles(paths: readonly string[], surroundings: InputSurroundings): Promise<boolean> {
  const { cwd = process.cwd() } = surroundings;
  for (const path of paths) {
    const stats = path === '-' ? null : await stat(resolve(cwd, path)).catch(() => null);
    if (stats?.isDirectory() === true) return true;
    if (stats?.isFile() === true && (await isHealthFile(path, surroundings))) return true;
  }
  return false;
}

async function isHealthFile(path: string, surroundings: InputSurroundings): Promise<boolean> {
  const [input] = await openInputs([path], surroundings);
  if (input === undefined) return false;
  try {
    return (await isArchive(input)) || recognizeFile((await peek(input)).head, path) !== undefined;
  } catch {
    // Whoever imports it says what is wrong.
    return false;
  } finally {
    await input.close();
  }
}

/** One import on its way. */
interface Run {
  readonly target: ImportTarget;
  readonly options: ImportFilesOptions;
  readonly signal: AbortSignal;
  /** Of devices' files. */
  readonly receivedMs: number | undefined;
  readonly nowMs: number;
  onBytes(count: number): void;
  /** @param enqueued - of one file, more than it had before. */
  onEnqueued(more: number): void;
}

function createRun(target: ImportTarget, options: ImportFilesOptions): Run {
  const { receivedMs = RECEIVED_BEFORE_ALL, signal = new AbortController().signal, onProgress } = options;
  let [bytesRead, enqueued] = [0, 0];
  return {
    target,
    options,
    signal,
    receivedMs: receivedMs === 'now' ? undefined : receivedMs,
    nowMs: Date.now(),
    onBytes(count) {
      bytesRead += count;
      onProgress?.({ bytesRead, enqueued });
    },
    onEnqueued(more) {
      enqueued += more;
      onProgress?.({ bytesRead, enqueued });
    },
  };
}

type Outcome = Pick<FileResult, 'outcome'> & Partial<FileResult>;

/** @returns what became of the file, or of each file of an archive. */
async function importOne(run: Run, file: ImportFile): Promise<readonly FileResult[]> {
  const { finished, cwd = process.cwd(), stdin, dryRun = false } = run.options;
  const { label, isFound } = file;
  const path = resolve(cwd, label);
  if (finished?.has(path, file) === true) {
    run.onBytes(file.byteLength ?? 0);
    return [{ ...nothingOf(label, isFound), outcome: 'passed_over' }];
  }
  let input: Input | undefined;
  const results: FileResult[] = [];
  try {
    [input] = await openInputs([label], { cwd, signal: run.signal, ...(stdin !== undefined && { stdin }) });
    const opened = input as Input;
    if (!(await isArchive(opened))) results.push(await importOpened(run, opened, isFound));
    else {
      for await (const result of importArchive(run, opened)) results.push(result);
      if (results.every(({ outcome }) => outcome === 'unknown')) {
        const error = { code: 'unknown_format', message: `${label}: no file in it has a known format` };
        results.push({ ...nothingOf(label, isFound), outcome: 'unknown', error });
      }
    }
  } catch (error) {
    results.push(failed(label, isFound, 0, error));
  } finally {
    await input?.close();
  }
  const isDone = results.some(({ outcome }) => outcome === 'imported') && !results.some(isUndone);
  if (isDone && !dryRun) finished?.add(path, file);
  return results;
}

function isUndone({ outcome }: FileResult): boolean {
  return outcome === 'failed' || outcome === 'refused';
}

async function importOpened(run: Run, input: Input, isFound: boolean): Promise<FileResult> {
  const tally = newTally();
  try {
    const outcome = await importInput(run, input, tally);
    return { ...nothingOf(input.label, isFound), enqueued: tally.enqueued, ...outcome };
  } catch (error) {
    return failed(input.label, isFound, tally.enqueued, error);
  }
}

/** Nobody says of the files of an archive that there are readings in each. */
async function* importArchive(run: Run, archive: Input): AsyncGenerator<FileResult> {
  const faults: FileResult[] = [];
  const inputs = openArchiveInputs(archive, run.onBytes, (label, error) => faults.push(failed(label, false, 0, error)));
  for await (const input of inputs) {
    yield* faults.splice(0);
    // Its bytes are those of the archive, which are told already.
    yield await importOpened({ ...run, onBytes: () => undefined }, input, true);
  }
  yield* faults;
}

function nothingOf(label: string, isFound: boolean) {
  return { file: label, isFound, enqueued: 0, account: null, rows: null, error: null };
}

/** @throws what is no matter of the file alone. */
function failed(label: string, isFound: boolean, enqueued: number, error: unknown): FileResult {
  if (!isHrmError(error) || error.kind === 'closed' || error.kind === 'unavailable') throw error;
  const { code, message } = error;
  return { ...nothingOf(label, isFound), outcome: 'failed', enqueued, error: { code, message } };
}

async function importInput(run: Run, opened: Input, tally: Tally): Promise<Outcome> {
  const { dryRun = false, strict = false, columns } = run.options;
  const { head, input } = await peek(opened);
  if (recognizeFile(head, input.label, columns) === undefined) {
    if (hasRows(head)) return { outcome: 'imported', rows: await importRows(run, input, tally) };
    run.onBytes(input.byteLength ?? 0);
    const { code, message } = unknownFileError(input.label, head, input.byteLength);
    return { outcome: 'unknown', error: { code, message } };
  }
  if (strict) {
    if (input.path === null) throw notReadTwiceError(input.label);
    const account = await readAccount(run, input, () => undefined);
    if (account !== null && !isClean(account)) {
      run.onBytes(input.byteLength ?? 0);
      return { outcome: 'refused', account };
    }
  }
  const account = await (dryRun ? readAccount(run, input, run.onBytes) : enqueueFile(run, input, tally));
  return { outcome: 'imported', account };
}

function healthOptions(run: Run, onBytes: (count: number) => void): HealthChunkOptions {
  const { user, timeZone, keepLowConfidence, columns, maxFutureMs, maxPastMs } = run.options;
  return { user, timeZone, keepLowConfidence, columns, maxFutureMs, maxPastMs, nowMs: run.nowMs, onBytes };
}

/** Reads a file to its end and keeps nothing of it; `null` where no format knows it. */
async function readAccount(run: Run, input: Input, onBytes: (count: number) => void): Promise<FileAccount | null> {
  const options = healthOptions(run, onBytes);
  // Whose they are matters once they are enqueued.
  const chunks = readHealthChunks(input, { ...options, user: options.user ?? 'somebody' });
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return next.value;
  }
}

async function enqueueFile(run: Run, input: Input, tally: Tally): Promise<FileAccount | null> {
  const { onWait, stallMs, maxFutureMs, maxPastMs } = run.options;
  let account: FileAccount | null = null;
  async function* chunks() {
    account = yield* readHealthChunks(input, healthOptions(run, run.onBytes));
  }
  let told = 0;
  function onEnqueued(): void {
    run.onEnqueued(tally.enqueued - told);
    told = tally.enqueued;
  }
  const rules = { maxFutureMs, maxPastMs, skipInvalid: false, signal: run.signal, onWait, stallMs, onEnqueued };
  await enqueueChunks(toDestination(run.target), chunks(), { ...rules, receivedMs: run.receivedMs }, tally);
  return account;
}

async function importRows(run: Run, input: Input, tally: Tally): Promise<ImportSummary> {
  const { naiveTimestamps, maxFutureMs, maxPastMs, skipInvalid, onWait, stallMs, receivedMs, dryRun } = run.options;
  const rules = { naiveTimestamps, maxFutureMs, maxPastMs, onWait, stallMs, signal: run.signal };
  const target = dryRun === true ? NOWHERE : run.target;
  const summary = await importReadings(target, [input], {
    ...rules,
    skipInvalid: skipInvalid === true || dryRun === true,
    receivedMs: receivedMs === 'now' ? undefined : receivedMs,
  });
  if (dryRun !== true) {
    tally.enqueued = summary.enqueued;
    run.onEnqueued(summary.enqueued);
  }
  return summary;
}

/** Takes everything and keeps nothing. */
const NOWHERE: ImportTarget = {
  queue: { push: async () => undefined, depth: () => Promise.reject(new Error('there is no queue')) },
};

function newTally(): Tally {
  return { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
}

/** The beginning of an input, and the input as if nothing had been read: of a pipe nothing can be read twice. */
async function peek(input: Input): Promise<{ readonly head: Uint8Array; readonly input: Input }> {
  let counted = 0;
  const onBytes = (count: number) => {
    counted += count;
  };
  const pieces = input.read(onBytes);
  const read: Buffer[] = [];
  let byteLength = 0;
  let failure: unknown = null;
  try {
    while (byteLength < HEAD_BYTES) {
      const next = await pieces.next();
      if (next.done === true) break;
      read.push(next.value);
      byteLength += next.value.byteLength;
    }
  } catch (error) {
    // What can be read of it tells what it is.
    if (byteLength === 0) throw error;
    failure = error;
  }
  const head = Buffer.concat(read);
  if (input.path !== null) {
    await pieces.return(undefined);
    return { head: head.subarray(0, HEAD_BYTES), input };
  }
  async function* readOn(onMore: (count: number) => void) {
    onMore(counted);
    yield* prepend(head, pieces);
    if (failure !== null) throw failure;
  }
  return { head: head.subarray(0, HEAD_BYTES), input: { ...input, read: readOn } };
}

/** Whether a beginning names a field of our own readings, which nobody else calls so. */
function hasRows(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head);
  return text.includes('heart_rate') && text.includes('user_id') && !text.trimStart().startsWith('<');
}

function notReadTwiceError(label: string): HrmError {
  const message = `${label}: a file is judged before it is imported strictly, and a pipe can be read only once`;
  return new HrmError(message, { kind: 'invalid', code: 'invalid_input' });
}

function receivedAtNeededError(): HrmError {
  const message =
    "a server stamps what it gets with its own time, so files of devices would win over corrections that were posted: import beside the server's queue, without --url, or say --received-at now";
  return new HrmError(message, { kind: 'invalid', code: 'received_at_needed' });
}
