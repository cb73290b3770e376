import { resolve } from 'node:path';
import { HrmError, isHrmError } from 'hrm-core';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { type Checkpoint, checkpointPath, openCheckpoint } from '../import/checkpoint.js';
import { type Chunk, readChunks } from '../import/chunks.js';
import { type Destination, withDestination } from '../import/destination.js';
import { enqueueChunks, faultLines, type Tally } from '../import/enqueue-chunks.js';
import { FORMATS, type Format } from '../import/formats.js';
import { closeInputs, type Input, openInputs } from '../import/input.js';
import { rankReasons } from '../import/reasons.js';
import { plural, summaryText, visibleText } from '../output/output.js';
import { rateText, startProgress } from '../output/progress.js';
import { URL_OPTION } from '../server.js';

/** Files that one call may name; a shell's own limit is lower. */
const MAX_FILES = 100_000;

/** Said once, on a line of its own: whoever watches a log instead of a terminal sees no progress. */
const WAITING = 'the queue is full; waiting for a consumer to make room (hrm serve, or hrm drain --all)';

/** `hrm import` */
export const importCommand: Command = {
  name: 'import',
  about:
    'Enqueues the readings of CSV files (a header row names user_id, device_id, timestamp, heart_rate) or NDJSON files, gzipped or not. ' +
    'A running hrm serve, or hrm drain --all, stores them then. Importing a file again is harmless.',
  operands: { label: 'FILE…', min: 1, max: MAX_FILES },
  options: [
    {
      name: 'format',
      value: 'FORMAT',
      about: 'Format of all files; default: by extension, else by the first character.',
      choices: FORMATS,
    },
    { name: 'resume', about: 'Go on where an import of these files stopped, and remember how far this one comes.' },
    {
      name: 'checkpoint',
      value: 'FILE',
      about: 'Remember it there; default imports/ beside the queue directory. Implies --resume.',
    },
    URL_OPTION,
    { name: 'skip-invalid', about: 'Pass over faulty rows and count them; default: stop at the first chunk with one.' },
  ],
  settings: [...QUEUE_SETTINGS, 'apiKey', 'queueHighWater', 'naiveTimestamps', 'maxFutureMs', 'maxPastMs'],
  examples: [
    'hrm import readings.csv',
    'hrm import 2024-*.ndjson.gz --skip-invalid',
    'hrm import huge.csv.gz --resume',
    'hrm import readings.csv --url http://127.0.0.1:8000',
    'zcat export.gz | hrm import - --format csv --json',
  ],
  async run(invocation) {
    const { args, cwd, stdin, signal } = invocation;
    const checkpoint = await checkpointOf(invocation);
    const inputs = await openInputs(args.operands, { cwd, stdin, signal });
    try {
      await withDestination(invocation, (queue) => importInputs(inputs, queue, checkpoint, invocation));
    } finally {
      await closeInputs(inputs);
    }
    return 'done';
  },
};

async function importInputs(
  inputs: readonly Input[],
  queue: Destination,
  checkpoint: Checkpoint | null,
  invocation: Invocation,
): Promise<void> {
  const { args, settings, json, output, stderr, signal } = invocation;
  const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
  const { naiveTimestamps, maxFutureMs, maxPastMs } = settings;
  const startMs = performance.now();
  const progress = startProgress({
    label: 'import',
    total: totalBytes(inputs),
    stream: stderr,
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
    stderr.write(`hrm import: ${WAITING}\n`);
  }
  const onAccepted = ({ label, point }: Chunk) => {
    const input = inputs.find((one) => one.label === label);
    if (input !== undefined && point !== null) checkpoint?.note(input, point);
  };
  const rules = {
    naiveTimestamps,
    maxFutureMs,
    maxPastMs,
    skipInvalid: args.has('skip-invalid'),
    signal,
    onWait,
    onAccepted,
  };
  try {
    const chunks = allChunks(inputs, onBytes, checkpoint, invocation);
    await enqueueChunks(queue, chunks, rules, tally);
    await checkpoint?.settled();
  } catch (error) {
    if (!isHrmError(error)) throw error;
    throw error.kind === 'closed' ? interruptedError(error, tally, checkpoint) : withTally(error, tally, json);
  } finally {
    progress.end();
    // What came before a failure counts for the next import; the failure is what is told.
    await checkpoint?.settled().catch(() => undefined);
  }
  const faults = faultLines(tally.faults, tally.faultCount).map((line) => `${visibleText(line)}\n`);
  if (!json) stderr.write(faults.join(''));
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
  onBytes: (count: number) => void,
  checkpoint: Checkpoint | null,
  { args, stderr }: Invocation,
): AsyncGenerator<Chunk> {
  // The table of options admits no other.
  const format = args.value('format') as Format | undefined;
  for (const input of inputs) {
    const start = await checkpoint?.startOf(input);
    if (start?.isChanged === true) {
      const note = 'is not the file that it was when its import stopped: it is imported from its beginning';
      stderr.write(`hrm import: ${visibleText(input.label)} ${note}\n`);
    }
    yield* readChunks(input, format, onBytes, start);
  }
}

/** @throws HrmError kind `invalid` for standard input, of which nothing can be read again. */
async function checkpointOf({ args, settings, cwd }: Invocation): Promise<Checkpoint | null> {
  const path = args.value('checkpoint');
  if (path === undefined && !args.has('resume')) return null;
  if (args.operands.includes('-')) {
    const message = 'standard input cannot be resumed: name files, or leave out --resume';
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_usage' });
  }
  return openCheckpoint(
    path === undefined ? checkpointPath(settings.queueDir, args.operands, cwd) : resolve(cwd, path),
  );
}

/** The same error, which now says how far the import came; for people with the faults, which JSON has in `errors`. */
function withTally(error: HrmError, tally: Tally, json: boolean): HrmError {
  const { kind, code, faults, faultCount } = error;
  const listed = json || code !== 'invalid_readings' ? [] : faultLines(faults, faultCount);
  const message = [error.message, ...listed, `${beforeText(tally)} Importing again is harmless.`].join('\n');
  return new HrmError(message, { kind, code, faults, faultCount, cause: error });
}

function interruptedError(cause: HrmError, tally: Tally, checkpoint: Checkpoint | null): HrmError {
  const next =
    checkpoint === null
      ? 'Importing again is harmless; an import with --resume remembers how far it came.'
      : 'The same command goes on from there.';
  return new HrmError(`interrupted\n${beforeText(tally)} ${next}`, { kind: 'closed', code: 'aborted', cause });
}

function beforeText({ enqueued }: Tally): string {
  return enqueued === 0 ? 'No reading was enqueued.' : `${plural(enqueued, 'reading')} enqueued before that.`;
}

function toWire(files: number, { enqueued, rejected, faults, faultCount, reasons }: Tally) {
  const refused = { error_count: faultCount, reasons: rankReasons(reasons), errors: faults };
  return { files, enqueued, rejected, ...(faultCount > 0 && refused) };
}

function toText(files: number, { enqueued, rejected, reasons }: Tally): string {
  const table = summaryText([
    ['files', files],
    ['readings enqueued', enqueued],
    ['rows rejected', rejected],
  ]);
  const refused = rankReasons(reasons).map(
    ({ message, count, examples }) =>
      `${String(count).padStart(9)}  ${visibleText(message)}, first at ${examples.map(visibleText).join(', ')}\n`,
  );
  const why = refused.length === 0 ? '' : `refused, by reason:\n${refused.join('')}`;
  return enqueued === 0 ? table + why : `${table}${why}A running hrm serve stores them, or: hrm drain --all\n`;
}
