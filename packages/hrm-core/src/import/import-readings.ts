import type { Fault } from '../errors.js';
import type { EnqueueOptions } from '../flow/write/enqueue.js';
import type { Format } from '../formats/formats.js';
import { createRetention, type RetentionRecord } from '../pure/erasure/retention.js';
import type { Checkpoint } from './checkpoint.js';
import { type Chunk, readChunks } from './chunks.js';
import { type ImportTarget, toDestination } from './destination.js';
import { enqueueChunks, newTally } from './enqueue-chunks.js';
import type { Input } from './inputs.js';
import { type Reason, rankReasons } from './reasons.js';

/** How far an import is. */
export interface ImportProgress {
  /** Of the inputs, before gunzipping; bytes that a checkpoint passes over count. */
  readonly bytesRead: number;
  /** Readings the queue holds durably. */
  readonly enqueued: number;
}

/** How an import goes, and who hears of it. */
export interface ImportOptions
  extends Pick<EnqueueOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'receivedMs' | 'signal'> {
  /** Of all inputs; default: by the name of each, or else by its beginning. */
  readonly format?: Format | undefined;
  /** How long readings are kept, as it is stored: older ones are dropped, and counted. Default: for ever. */
  readonly retention?: RetentionRecord | null | undefined;
  /** Pass over faulty rows and count them; default: end at the first chunk with one. */
  readonly skipInvalid?: boolean | undefined;
  /** Where the import goes on, and remembers how far it came. */
  readonly checkpoint?: Checkpoint | null | undefined;
  /** Called very often. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** Called while the queue is full and the import waits for consumers, about twice a second. */
  readonly onWait?: (() => void) | undefined;
  /** Called for an input that is not the file that it was: it is imported from its beginning. */
  readonly onChanged?: ((label: string) => void) | undefined;
  /** Called where an input ends in the midst of an id, as far as can be seen, with `FILE:LINE`: it may have been broken off there. */
  readonly onMayBeCut?: ((place: string) => void) | undefined;
  /** How long the import waits in which nothing leaves the queue, ms; default 60,000. */
  readonly stallMs?: number | undefined;
}

/** What came of an import. */
export interface ImportSummary {
  readonly inputs: number;
  /** Readings the queue holds durably. */
  readonly enqueued: number;
  /** Rows that are no valid reading, passed over with `skipInvalid`. */
  readonly rejected: number;
  /** Rows of days that are kept no longer; they were dropped. */
  readonly expired: number;
  /** What is wrong with them, the first 100; `path` is `FILE:LINE/field`. */
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  /** Why they were rejected, the most frequent first. */
  readonly reasons: readonly Reason[];
}

/**
 * Enqueues the readings of files: some 10,000 at a time, all or none of them. While the queue is full it waits as long as anything
 * leaves it; while it is away for a moment it tries again. Importing a file again is harmless.
 * @param target - a queue, or the client of a server.
 * @param inputs - of `openInputs`; whoever opened them closes them.
 * @throws HrmError kind `invalid`, code `invalid_readings`, at the first chunk with a fault, from which on nothing was enqueued; code
 *   `invalid_header` or `invalid_input` for what cannot be read; kind `unavailable` when the queue stays so; kind `closed`.
 *   `onProgress` has told how many were enqueued by then.
 * @example
 * const inputs = await openInputs(['readings.csv.gz']);
 * try {
 *   console.log(await importReadings({ queue }, inputs, { skipInvalid: true }));
 * } finally {
 *   await closeInputs(inputs);
 * }
 */
export async function importReadings(
  target: ImportTarget,
  inputs: readonly Input[],
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const { checkpoint = null, skipInvalid = false, signal = new AbortController().signal, onProgress } = options;
  const tally = newTally();
  let bytesRead = 0;
  const onEnqueued = () => onProgress?.({ bytesRead, enqueued: tally.enqueued });
  function onBytes(count: number): void {
    bytesRead += count;
    onEnqueued();
  }
  function onAccepted({ input, point }: Chunk): void {
    if (point !== null) checkpoint?.note(input, point);
  }
  const chunks = allChunks(inputs, onBytes, checkpoint, options);
  try {
    await enqueueChunks(
      toDestination(target),
      chunks,
      { ...options, kept: createRetention(options.retention ?? null), skipInvalid, signal, onEnqueued, onAccepted },
      tally,
    );
    await checkpoint?.settled();
  } finally {
    // What came before a failure counts for the next import; the failure is what is told.
    await checkpoint?.settled().catch(() => undefined);
  }
  const { enqueued, rejected, expired, faults, faultCount, reasons } = tally;
  return { inputs: inputs.length, enqueued, rejected, expired, faults, faultCount, reasons: rankReasons(reasons) };
}

async function* allChunks(
  inputs: readonly Input[],
  onBytes: (count: number) => void,
  checkpoint: Checkpoint | null,
  { format, onChanged, onMayBeCut }: ImportOptions,
): AsyncGenerator<Chunk> {
  for (const input of inputs) {
    const start = await checkpoint?.startOf(input);
    if (start?.isChanged === true) onChanged?.(input.label);
    for await (const chunk of readChunks(input, format, onBytes, start)) {
      const last = chunk.rows.at(-1);
      if (last !== undefined && 'item' in last && last.mayBeCut === true) onMayBeCut?.(`${input.label}:${last.line}`);
      yield chunk;
    }
  }
}
