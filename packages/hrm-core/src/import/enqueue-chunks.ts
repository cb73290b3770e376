/**
 * The import's writing half: chunks into the queue, a few at a time, with bounded retries and a tally.
 */
import { type Fault, HrmError, isHrmError } from '../errors.js';
import { type EnqueueOptions, enqueueUntrusted } from '../flow/write/enqueue.js';
import { MAX_FAULTS } from '../limits.js';
import { visibleText } from '../process/terminal-text.js';
import { dayOfMs, isExpiredAt, type Retention } from '../pure/erasure/retention.js';
import { parseTimestamp } from '../pure/reading/timestamp.js';
import { type Backpressure, createBackpressure } from './backpressure.js';
import type { Chunk } from './chunks.js';
import { type Destination, NOWHERE } from './destination.js';
import { enqueueWithBackpressure } from './enqueue-with-backpressure.js';
import { parseFaultPath } from './fault-lines.js';
import { addReason, type Reasons } from './reasons.js';

/** Chunks on their way at once: enough that reading and syncing overlap. Each may hold some 10 MB. */
const MAX_CHUNKS_IN_FLIGHT = 4;

/** How far an import came. */
export interface Tally {
  /** Readings the queue holds durably. */
  enqueued: number;
  /** Rows that are no valid reading, passed over with `skipInvalid`. */
  rejected: number;
  /** Rows of days that are kept no longer. */
  expired: number;
  /** What is wrong with those that were rejected, the first {@link MAX_FAULTS}; `path` is `FILE:LINE/field`. */
  readonly faults: Fault[];
  faultCount: number;
  readonly reasons: Reasons;
}

/** A tally of nothing yet. */
export function newTally(): Tally {
  return { enqueued: 0, rejected: 0, expired: 0, faults: [], faultCount: 0, reasons: new Map() };
}

/** How chunks are judged and what becomes of faulty ones. */
export interface ChunkRules
  extends Pick<EnqueueOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'receivedMs'> {
  readonly skipInvalid: boolean;
  /** Rows of days that are kept no longer are dropped; default: none. */
  readonly kept?: Retention | undefined;
  readonly signal: AbortSignal;
  /** Called while the queue is full and the import waits for consumers, about twice a second. */
  readonly onWait?: (() => void) | undefined;
  /** Hears of each growth of what is enqueued. */
  readonly onEnqueued?: (() => void) | undefined;
  /** Hears of each chunk once it and all before it are in the queue, in order. */
  readonly onAccepted?: ((chunk: Chunk) => void) | undefined;
  /** How long it waits in which nothing leaves the queue, ms; default 60,000. */
  readonly stallMs?: number | undefined;
}

/** One import on its way. */
interface Import {
  readonly queue: Destination;
  readonly rules: ChunkRules;
  readonly tally: Tally;
  readonly backpressure: Backpressure;
}

/** What ended an import, and at which chunk. */
interface Failure {
  readonly index: number;
  readonly error: unknown;
}

/**
 * Enqueues chunks until they end. A chunk is enqueued whole or, with `skipInvalid`, without its faulty rows.
 *
 * Chunks are judged one after the other and written several at a time, so that nothing behind a faulty one is enqueued. A server judges
 * when it takes a chunk, so it gets one at a time.
 * @param tally - counts along, also when this throws.
 * While the queue is full it waits as long as anything moves.
 * @throws HrmError kind `invalid`, code `invalid_readings`, at the first chunk with a fault; kind `unavailable` when the
 *   queue stays so. Of several failures the first in the input; everything in flight has ended by then.
 */
export async function enqueueChunks(
  queue: Destination,
  chunks: AsyncIterable<Chunk>,
  rules: ChunkRules,
  tally: Tally,
): Promise<void> {
  const one: Import = { queue, rules, tally, backpressure: createBackpressure(queue, tally, rules) };
  const running = new Set<Promise<void>>();
  const failures: Failure[] = [];
  const accepted = acceptInOrder(rules);
  let started = 0;
  /** Resolves once the chunk is judged, or what became of it is known. */
  function start(chunk: Chunk): Promise<void> {
    const index = started;
    started += 1;
    return new Promise((resolve) => {
      const work = enqueueChunk(one, chunk, resolve)
        .then(() => accepted(index, chunk))
        .catch((error: unknown) => void failures.push({ index, error }))
        .finally(() => {
          running.delete(work);
          resolve();
        });
      running.add(work);
    });
  }
  try {
    for await (const chunk of chunks) {
      if (running.size >= MAX_CHUNKS_IN_FLIGHT) await Promise.race(running);
      if (failures.length > 0) break;
      await start(chunk);
      if (failures.length > 0) break;
    }
  } catch (error) {
    failures.push({ index: started, error });
  }
  await Promise.all(running);
  const [first] = failures.sort((a, b) => a.index - b.index);
  if (first !== undefined) throw first.error;
}

/** Chunks overtake each other; a later one says nothing as long as an earlier one may fail. */
function acceptInOrder({ onAccepted }: ChunkRules) {
  const waiting = new Map<number, Chunk>();
  let next = 0;
  return (index: number, chunk: Chunk): void => {
    waiting.set(index, chunk);
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      onAccepted?.(ready);
    }
  };
}

async function enqueueChunk(one: Import, whole: Chunk, onJudged: () => void): Promise<void> {
  const { rules, tally } = one;
  const chunk = { ...whole, rows: keptRows(whole.rows, rules) };
  tally.expired += whole.rows.length - chunk.rows.length;
  if (chunk.rows.length === 0) return;
  const items = chunk.rows.flatMap((row) => ('item' in row ? [row.item] : []));
  let refusal: unknown;
  if (items.length === chunk.rows.length) {
    try {
      await push(one, items, onJudged);
      return;
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'invalid_readings') throw error;
      refusal = error;
    }
  }
  const { valid, invalid, faults, faultCount, reasons } = await inspect(chunk, rules);
  // Who takes them knows more: how many devices a user has.
  if (invalid === 0 && refusal !== undefined) throw refusal;
  if (!rules.skipInvalid) throw invalidChunkError(chunk, faults, faultCount);
  for (const reason of reasons.values()) addReason(tally.reasons, reason);
  tally.rejected += invalid;
  tally.faultCount += faultCount;
  tally.faults.push(...faults.slice(0, MAX_FAULTS - tally.faults.length));
  if (valid.length > 0) await push(one, valid, onJudged);
}

/** Rows without those of days that are kept no longer; what is no reading stays, and is judged. */
function keptRows(rows: Chunk['rows'], { kept, naiveTimestamps = 'reject' }: ChunkRules): Chunk['rows'] {
  if (kept === undefined || kept.isNone) return rows;
  const today = dayOfMs(Date.now());
  return rows.filter((row) => {
    const { user_id, device_id, timestamp } = ('item' in row ? row.item : {}) as Partial<Record<string, unknown>>;
    if (typeof user_id !== 'string' || typeof device_id !== 'string' || typeof timestamp !== 'string') return true;
    const parsed = parseTimestamp(timestamp, naiveTimestamps);
    if ('fault' in parsed) return true;
    const { timestampMs } = parsed;
    return !isExpiredAt(kept, { userId: user_id, deviceId: device_id, timestampMs }, today);
  });
}

async function push(
  { queue, rules, tally, backpressure }: Import,
  items: readonly unknown[],
  onJudged: () => void,
): Promise<void> {
  const accepted = await enqueueWithBackpressure(queue, items, { ...rules, backpressure, onJudged });
  // Not `+= await`: that would add to the count of before the wait, and others count meanwhile.
  tally.enqueued += accepted;
  rules.onEnqueued?.();
}

/** Judges the rows of a faulty chunk one by one: an error lists no more than 100 faults, and every bad row is wanted. */
async function inspect({ input: { label }, rows }: Chunk, { naiveTimestamps, maxFutureMs, maxPastMs }: ChunkRules) {
  const valid: unknown[] = [];
  const faults: Fault[] = [];
  let faultCount = 0;
  const reasons: Reasons = new Map();
  function note(path: string, message: string): void {
    faultCount += 1;
    const { place, field } = parseFaultPath(path);
    addReason(reasons, {
      message: field === '' ? message : `${field.replace(/\/\d+$/, '')} ${message}`,
      count: 1,
      examples: [place],
    });
    if (faults.length < MAX_FAULTS) faults.push({ path, message });
  }
  for (const row of rows) {
    const place = `${label}:${row.line}`;
    if ('fault' in row) {
      note(place, row.fault);
      continue;
    }
    try {
      await enqueueUntrusted(NOWHERE, [row.item], {
        naiveTimestamps,
        maxFutureMs,
        maxPastMs,
        wireOnly: true,
      });
      valid.push(row.item);
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'invalid_readings') throw error;
      for (const { path, message } of error.faults) note(place + path.replace(/^\/0/, ''), message);
    }
  }
  return { valid, invalid: rows.length - valid.length, faults, faultCount, reasons };
}

function invalidChunkError({ input: { label }, rows }: Chunk, faults: readonly Fault[], faultCount: number): HrmError {
  const line = rows[0]?.line ?? 1;
  const message = `${visibleText(label)} has ${faultCount === 1 ? 'a fault' : `${faultCount} faults`}; nothing from its line ${line} on was enqueued`;
  return new HrmError(message, { kind: 'invalid', code: 'invalid_readings', faults, faultCount });
}
