/** One input of an import, which is no archive: what it is decides who reads it. */
import { HrmError, isHrmError } from '../../errors.js';
import { recognizeFile } from '../../formats/file-formats.js';
import { type FileAccount, isClean } from '../../formats/judge/account.js';
import { hasOwnRows } from '../../formats/own-rows.js';
import { unknownFormatText } from '../../formats/read-health-file.js';
import { isParquet, isReadInPlace } from '../../formats/read-in-place.js';
import { createRetention, dayOfMs, isExpiredAt } from '../../pure/erasure/retention.js';
import type { Chunk } from '../chunks.js';
import { type ImportTarget, NOWHERE, toDestination } from '../destination.js';
import { enqueueChunks, newTally, type Tally } from '../enqueue-chunks.js';
import { faultLines } from '../fault-lines.js';
import { type ImportSummary, importReadings } from '../import-readings.js';
import type { Input } from '../inputs.js';
import type { FileOutcome, FileResult } from './file-result.js';
import { type HealthChunkOptions, readHealthChunks, readParquetChunks } from './health-chunks.js';
import type { ImportFilesOptions } from './import-options.js';
import { openInPlace } from './open-in-place.js';

/** One import on its way. */
export interface Run {
  /** Nowhere on a dry run. */
  readonly target: ImportTarget;
  readonly options: ImportFilesOptions;
  readonly signal: AbortSignal;
  /** Of devices' files. */
  readonly receivedMs: number | undefined;
  readonly nowMs: number;
  onBytes(count: number): void;
  /** @param more - readings of one file than it had before. */
  onEnqueued(more: number): void;
}

/** What came of an input. */
type Outcome = { readonly outcome: FileOutcome } & Partial<FileResult>;

/**
 * Imports an input.
 * @param head - its first bytes.
 * @param tally - counts along, also when this throws.
 * @throws HrmError kind `invalid` for what of it cannot be imported; kind `unavailable` or `closed`.
 */
export async function importInput(run: Run, input: Input, head: Uint8Array, tally: Tally): Promise<Outcome> {
  const { columns, strict = false, spoolDirectory, maxSpoolBytes } = run.options;
  const isHealthFile = isParquet(head) || recognizeFile(head, input.label, columns) !== undefined;
  if (!isHealthFile && hasOwnRows(head)) return await importRows(run, input, tally);
  if (!isHealthFile) {
    run.onBytes(input.byteLength ?? 0);
    const message = unknownFormatText(head, input.byteLength);
    return { outcome: 'unknown', error: { code: 'unknown_format', message } };
  }
  // A file is judged before it is imported strictly.
  const isReadTwice = strict && input.path === null;
  if (!isReadInPlace(head) && !isReadTwice) return await importHealthFile(run, input, tally, isParquet(head));
  const opened = await openInPlace(input, { spoolDirectory, maxSpoolBytes, onBytes: () => undefined });
  try {
    return await importHealthFile(run, opened, tally, isParquet(head));
  } finally {
    if (opened !== input) await opened.close();
  }
}

async function importHealthFile(run: Run, input: Input, tally: Tally, isOfParquet: boolean): Promise<Outcome> {
  if (run.options.strict === true) {
    const judging = { ...run, target: NOWHERE, onBytes: () => undefined, onEnqueued: () => undefined };
    const account = await enqueueFile(judging, input, newTally(), isOfParquet);
    if (account !== null && !isClean(account)) {
      run.onBytes(input.byteLength ?? 0);
      return { outcome: 'refused', account };
    }
  }
  return { outcome: 'imported', account: await enqueueFile(run, input, tally, isOfParquet) };
}

async function enqueueFile(run: Run, input: Input, tally: Tally, isOfParquet: boolean): Promise<FileAccount | null> {
  const { user, timeZone, keepLowConfidence, columns, onWait, stallMs, maxFutureMs, maxPastMs } = run.options;
  const options: HealthChunkOptions = {
    ...{ user, timeZone, keepLowConfidence, columns, maxFutureMs, maxPastMs },
    nowMs: run.nowMs,
    isExpired: expiredTest(run),
    onBytes: run.onBytes,
  };
  let account: FileAccount | null = null;
  async function* chunks(): AsyncGenerator<Chunk> {
    account = yield* (isOfParquet ? readParquetChunks : readHealthChunks)(input, options);
  }
  let told = 0;
  function onEnqueued(): void {
    run.onEnqueued(tally.enqueued - told);
    told = tally.enqueued;
  }
  const receivedMs = isOfParquet ? rowsReceivedMs(run) : run.receivedMs;
  const rules = { maxFutureMs, maxPastMs, skipInvalid: false, signal: run.signal, onWait, stallMs, onEnqueued };
  try {
    await enqueueChunks(toDestination(run.target), chunks(), { ...rules, receivedMs }, tally);
  } catch (error) {
    throw isHrmError(error) && error.code === 'invalid_readings' ? withoutLines(error) : error;
  }
  return account;
}

/** Whether a reading of a file is kept no longer; `undefined`: all are kept. */
function expiredTest({ options: { retention = null, user }, nowMs }: Run): HealthChunkOptions['isExpired'] {
  const kept = createRetention(retention);
  if (kept.isNone) return undefined;
  return (userId, deviceId, timestampMs) =>
    isExpiredAt(kept, { userId: userId ?? user ?? '', deviceId, timestampMs }, dayOfMs(nowMs));
}

/** Readings that people write into a table may be corrections: they count as received now. */
function rowsReceivedMs({ options: { receivedMs } }: Run): number | undefined {
  return receivedMs === 'now' ? undefined : receivedMs;
}

/** What is wrong with a series of a file that has no lines. */
function withoutLines({ kind, code, faults, faultCount, cause }: HrmError): HrmError {
  const own = faults.map(({ path, message }) => ({ path: path.replace(/^.*\//s, ''), message }));
  const [first] = own;
  return new HrmError(`${first?.path} ${first?.message}`, { kind, code, faults: own, faultCount, cause });
}

async function importRows(run: Run, input: Input, tally: Tally): Promise<Outcome> {
  const { naiveTimestamps, maxFutureMs, maxPastMs, skipInvalid = false, onWait, stallMs, dryRun = false } = run.options;
  const { retention } = run.options;
  const rules = { naiveTimestamps, maxFutureMs, maxPastMs, retention, onWait, stallMs, signal: run.signal };
  let [told, toldBytes] = [0, 0];
  const rows = await importReadings(run.target, [input], {
    ...rules,
    // A dry run tells of all rows that an import would end at.
    skipInvalid: skipInvalid || dryRun,
    receivedMs: rowsReceivedMs(run),
    onProgress({ bytesRead, enqueued }) {
      run.onBytes(bytesRead - toldBytes);
      run.onEnqueued(enqueued - told);
      [told, toldBytes] = [enqueued, bytesRead];
      tally.enqueued = enqueued;
    },
  });
  if (skipInvalid || rows.rejected === 0) return { outcome: 'imported', rows };
  return { outcome: 'failed', rows, error: rejectedError(rows) };
}

function rejectedError({ rejected, faults, faultCount }: ImportSummary) {
  const [first] = faultLines(faults.slice(0, 1), 1);
  const message = `${rejected} of its rows are no valid reading, and an import ends at the first: ${first}`;
  return { code: 'invalid_readings', message: faultCount === 1 ? (first ?? message) : message, faults };
}
