/**
 * The import's writing half: chunks into the queue, a few at a time, with bounded retries and a tally.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type EnqueueOptions, enqueue, type Fault, HrmError, isHrmError, MAX_FAULTS, type Queue } from 'hrm-core';
import type { Chunk } from './chunks.js';

/** Chunks on their way at once: enough that reading and syncing overlap. Each may hold some 10 MB. */
const MAX_CHUNKS_IN_FLIGHT = 4;

/** Tries after the first when the queue is unavailable; with doubled waits it is given 3 seconds to come back. */
const MAX_RETRIES = 5;
const RETRY_MIN_MS = 100;

/** How far an import came. */
export interface Tally {
  /** Readings the queue holds durably. */
  enqueued: number;
  /** Rows that are no valid reading, passed over by --skip-invalid. */
  rejected: number;
  /** What is wrong with them, the first {@link MAX_FAULTS}; `path` is `FILE:LINE/field`. */
  readonly faults: Fault[];
  faultCount: number;
}

/** How chunks are judged and what becomes of faulty ones. */
export interface ChunkRules extends Pick<EnqueueOptions, 'naiveTimestamps' | 'maxFutureMs'> {
  readonly skipInvalid: boolean;
  readonly signal: AbortSignal;
}

/**
 * Enqueues chunks until they end. A chunk is enqueued whole or, with `skipInvalid`, without its faulty rows.
 * @param tally - counts along, also when this throws.
 * @throws HrmError kind `invalid`, code `invalid_readings`, at the first chunk with a fault; kind `unavailable` when the
 *   queue stays so. Everything in flight has ended by then.
 */
export async function enqueueChunks(
  queue: Queue,
  chunks: AsyncIterable<Chunk>,
  rules: ChunkRules,
  tally: Tally,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  function start(chunk: Chunk): void {
    const work = enqueueChunk(queue, chunk, rules, tally)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(work));
    running.add(work);
  }
  try {
    for await (const chunk of chunks) {
      if (running.size >= MAX_CHUNKS_IN_FLIGHT) await Promise.race(running);
      if (failures.length > 0) break;
      start(chunk);
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}

async function enqueueChunk(queue: Queue, chunk: Chunk, rules: ChunkRules, tally: Tally): Promise<void> {
  const items = chunk.rows.flatMap((row) => ('item' in row ? [row.item] : []));
  if (items.length === chunk.rows.length) {
    try {
      tally.enqueued += await enqueuePatiently(queue, items, rules);
      return;
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'invalid_readings') throw error;
    }
  }
  const { valid, invalid, faults, faultCount } = await inspect(chunk, rules);
  if (!rules.skipInvalid) throw invalidChunkError(chunk.label, faults, faultCount);
  tally.rejected += invalid;
  tally.faultCount += faultCount;
  tally.faults.push(...faults.slice(0, MAX_FAULTS - tally.faults.length));
  if (valid.length > 0) tally.enqueued += await enqueuePatiently(queue, valid, rules);
}

async function enqueuePatiently(queue: Queue, items: readonly unknown[], rules: ChunkRules): Promise<number> {
  for (let retries = 0; ; retries += 1) {
    try {
      return (await enqueue({ queue }, items, { ...rules, wireOnly: true })).accepted;
    } catch (error) {
      if (!isHrmError(error) || error.kind !== 'unavailable' || retries === MAX_RETRIES) throw error;
      // When the signal cuts the wait short, the next try says so.
      await sleep(RETRY_MIN_MS * 2 ** retries, undefined, { signal: rules.signal }).catch(() => undefined);
    }
  }
}

/** Takes everything and keeps nothing: with it `enqueue` only judges. */
const NOWHERE: Pick<Queue, 'push'> = { push: async () => undefined };

/** Judges the rows of a faulty chunk one by one: an error lists no more than 100 faults, and every bad row is wanted. */
async function inspect({ label, rows }: Chunk, rules: ChunkRules) {
  const valid: unknown[] = [];
  const faults: Fault[] = [];
  let faultCount = 0;
  function note(path: string, message: string): void {
    faultCount += 1;
    if (faults.length < MAX_FAULTS) faults.push({ path, message });
  }
  for (const row of rows) {
    const place = `${label}:${row.line}`;
    if ('fault' in row) {
      note(place, row.fault);
      continue;
    }
    try {
      await enqueue({ queue: NOWHERE }, [row.item], { ...rules, wireOnly: true });
      valid.push(row.item);
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'invalid_readings') throw error;
      for (const { path, message } of error.faults) note(place + path.replace(/^\/0/, ''), message);
    }
  }
  return { valid, invalid: rows.length - valid.length, faults, faultCount };
}

/** One line a fault: `FILE:LINE: field message`; never the value. */
export function faultLines(faults: readonly Fault[], faultCount: number): string[] {
  const lines = faults.map(({ path, message }) => {
    const [, place = '', field = ''] = /^(.*:\d+)(?:\/(\w+))?$/s.exec(path) ?? [];
    return `${place}: ${field === '' ? '' : `${field} `}${message}`;
  });
  return faultCount > faults.length ? [...lines, `… and ${faultCount - faults.length} more`] : lines;
}

function invalidChunkError(label: string, faults: readonly Fault[], faultCount: number): HrmError {
  const head = `${faultCount} fault${faultCount === 1 ? '' : 's'} in ${label}; nothing of that chunk was enqueued`;
  return new HrmError([head, ...faultLines(faults, faultCount)].join('\n'), {
    kind: 'invalid',
    code: 'invalid_readings',
    faults,
    faultCount,
  });
}
