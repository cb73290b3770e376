import { HrmError, isHrmError } from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { type Chunk, readChunks } from '../import/chunks.js';
import { enqueueChunks, faultLines, type Tally } from '../import/enqueue-chunks.js';
import type { Destination } from '../import/enqueue-patiently.js';
import { FORMATS, type Format } from '../import/formats.js';
import { closeInputs, type Input, openInputs } from '../import/input.js';
import { plural, summaryText, visibleText } from '../output.js';
import { rateText, startProgress } from '../progress.js';

/** Files that one call may name; a shell's own limit is lower. */
const MAX_FILES = 100_000;

/** Said once, on a line of its own: whoever watches a log instead of a terminal sees no progress. */
const WAITING = 'the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)';

/** `hrm import` */
export const importCommand: Command = {
  name: 'import',
  about:
    'Enqueues the readings of CSV files (a header row names user_id, device_id, timestamp, heart_rate) or NDJSON files, gzipped or not.\n' +
    'A running hrm serve, or hrm drain --all, stores them then; importing a file again is harmless.',
  operands: { label: 'FILE…', min: 1, max: MAX_FILES },
  options: [
    {
      name: 'format',
      value: 'FORMAT',
      about: 'Format of all files; default: by extension, else by the first character.',
      choices: FORMATS,
    },
    { name: 'skip-invalid', about: 'Pass over faulty rows and count them; default: stop at the first chunk with one.' },
  ],
  settings: [...QUEUE_SETTINGS, 'queueHighWater', 'naiveTimestamps', 'maxFutureMs'],
  examples: [
    'hrm import readings.csv',
    'hrm import 2024-*.ndjson.gz --skip-invalid',
    'zcat export.gz | hrm import - --format csv --json',
  ],
  async run(invocation) {
    const { args, settings, signal } = invocation;
    const inputs = await openInputs(args.operands, signal);
    try {
      const queue = await openQueue(settings);
      try {
        await importInputs(inputs, queue, invocation);
      } finally {
        await queue.close();
      }
    } finally {
      await closeInputs(inputs);
    }
    return 'done';
  },
};

async function importInputs(
  inputs: readonly Input[],
  queue: Destination,
  { args, settings, json, output, signal }: Invocation,
): Promise<void> {
  const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0 };
  const { naiveTimestamps, maxFutureMs } = settings;
  const startMs = performance.now();
  const progress = startProgress({
    label: 'import',
    total: totalBytes(inputs),
    stream: process.stderr,
    enabled: !json,
  });
  let bytesRead = 0;
  function onBytes(count: number): void {
    bytesRead += count;
    const rate = rateText(tally.enqueued, performance.now() - startMs);
    progress.update(bytesRead, `${tally.enqueued.toLocaleString('en')} readings, ${rate}`);
  }
  let hasWaited = false;
  function onWait(): void {
    progress.update(bytesRead, 'the queue is full: waiting for a consumer');
    if (hasWaited || json) return;
    hasWaited = true;
    progress.end();
    process.stderr.write(`hrm import: ${WAITING}\n`);
  }
  const rules = { naiveTimestamps, maxFutureMs, skipInvalid: args.has('skip-invalid'), signal, onWait };
  try {
    // The table of options admits no other format.
    const chunks = allChunks(inputs, args.value('format') as Format | undefined, onBytes);
    await enqueueChunks(queue, chunks, rules, tally);
  } catch (error) {
    throw isHrmError(error) ? withTally(error, tally, json) : error;
  } finally {
    progress.end();
  }
  const faults = faultLines(tally.faults, tally.faultCount).map((line) => `${visibleText(line)}\n`);
  if (!json) process.stderr.write(faults.join(''));
  await output.write(json ? `${JSON.stringify(toWire(inputs.length, tally))}\n` : toText(inputs.length, tally));
}

/** Bytes of all inputs; `undefined` when one of them is a pipe. */
function totalBytes(inputs: readonly Input[]): number | undefined {
  let total = 0;
  for (const { byteLength } of inputs) {
    if (byteLength === undefined) return undefined;
    total += byteLength;
  }
  return total;
}

async function* allChunks(
  inputs: readonly Input[],
  format: Format | undefined,
  onBytes: (count: number) => void,
): AsyncGenerator<Chunk> {
  for (const input of inputs) yield* readChunks(input, format, onBytes);
}

/** The same error, which now says how far the import came; for people with the faults, which JSON has in `errors`. */
function withTally(error: HrmError, { enqueued }: Tally, json: boolean): HrmError {
  const { kind, code, faults, faultCount } = error;
  const listed = json || code !== 'invalid_readings' ? [] : faultLines(faults, faultCount);
  const before = enqueued === 0 ? 'No reading was enqueued.' : `${plural(enqueued, 'reading')} enqueued before that.`;
  const message = [error.message, ...listed, `${before} Importing again is harmless.`].join('\n');
  return new HrmError(message, { kind, code, faults, faultCount, cause: error });
}

function toWire(files: number, { enqueued, rejected, faults, faultCount }: Tally) {
  return { files, enqueued, rejected, ...(faultCount > 0 && { error_count: faultCount, errors: faults }) };
}

function toText(files: number, { enqueued, rejected }: Tally): string {
  const table = summaryText([
    ['files', files],
    ['readings enqueued', enqueued],
    ['rows rejected', rejected],
  ]);
  return enqueued === 0 ? table : `${table}A running hrm serve stores them, or: hrm drain --all\n`;
}
