/**
 * What is in the queue, and waiting until it is worth a batch: on an empty queue inside Redis, which wakes everybody who
 * waits and changes nothing; while a batch fills by looking now and then. No claim is held meanwhile.
 * @module
 */
import { throwIfAborted } from '../../../errors.js';
import type { BatchThreshold, CallOptions, QueueDepth } from '../../../ports/queue.js';
import { onAbort, pause } from '../../../waits.js';
import { isUnreachable } from './call.js';
import type { RedisClient } from './client.js';
import { closedError, nowArgument, type RedisContext, requireOpen, run } from './context.js';
import { SCRIPTS } from './scripts.js';

/** How long a wait blocks in Redis before it looks again, milliseconds: a released claim wakes nobody. */
const BLOCK_MS = 2_000;

/** How often a batch that fills is looked at, milliseconds: it may have enough readings before its time. */
const RIPEN_MS = 100;

/** Elements, and bytes of them, that one call counts: the server serves nobody else meanwhile, for some 5 ms. */
const COUNTED_ELEMENTS = 8_192;
const COUNTED_BYTES = 2 * 1024 * 1024;

/** Calls that one question about the depth may take: of a longer backlog that nobody counted yet, the rest is an estimate. */
const MAX_COUNTS = 32;

/** Measures and waits. */
export interface Watch {
  depth(): Promise<QueueDepth>;
  wait(threshold: BatchThreshold, options: CallOptions & { readonly timeoutMs: number }): Promise<boolean>;
}

/** What measure.lua tells. */
interface Measured {
  readonly nowMs: number;
  /** Elements, and readings in them, that no claim holds. */
  readonly elements: number;
  readonly readings: number;
  readonly aliveReadings: number;
  readonly endedReadings: number;
  readonly endedClaims: number;
  /** `null` where no lease runs. */
  readonly nextEndMs: number | null;
  readonly deadLetters: number;
  /** Since when the oldest that can be claimed waits; `null` where there is none. */
  readonly oldestMs: number | null;
  /** Elements whose readings are an estimate, since nobody has counted them yet. */
  readonly uncounted: number;
}

interface State {
  readonly context: RedisContext;
  /** Another connection, since a command that blocks holds up all behind it. */
  readonly blocking: RedisClient;
  /** The oldest element as this handle saw it first: of one without a stamp, all that is known of its age. */
  seen: { readonly mark: string; readonly atMs: number };
  /** One blocking command serves all who wait. */
  arrival: Promise<void> | null;
}

/** @param blocking - a client of its own. */
export function createWatch(context: RedisContext, blocking: RedisClient): Watch {
  const state: State = { context, blocking, seen: { mark: '', atMs: 0 }, arrival: null };
  return {
    depth: async () => {
      let measured = await measure(state);
      for (let counts = 1; measured.uncounted > 0 && counts < MAX_COUNTS; counts += 1) measured = await measure(state);
      const { readings, endedReadings, aliveReadings, endedClaims, deadLetters, oldestMs } = measured;
      return {
        readings: readings + endedReadings,
        claimedReadings: aliveReadings,
        endedClaims,
        deadLetters,
        oldestMs,
      };
    },
    wait: (threshold, options) => wait(state, threshold, options),
  };
}

async function measure(state: State): Promise<Measured> {
  const reply = await runMeasure(state.context);
  const [
    now,
    elements,
    readings,
    headStamp,
    mark,
    alive,
    endedReadings,
    ended,
    endedStamp,
    nextEnd,
    deadLetters,
    uncounted,
  ] = reply;
  const nowMs = Number(now);
  const ages: number[] = [];
  if (Number(elements) > 0) ages.push(headSinceMs(state, String(mark), Number(headStamp), nowMs));
  if (Number(endedStamp) >= 0) ages.push(Number(endedStamp));
  return {
    nowMs,
    elements: Number(elements),
    readings: Number(readings),
    aliveReadings: Number(alive),
    endedReadings: Number(endedReadings),
    endedClaims: Number(ended),
    nextEndMs: Number(nextEnd) < 0 ? null : Number(nextEnd),
    deadLetters: Number(deadLetters),
    oldestMs: ages.length === 0 ? null : Math.min(...ages),
    uncounted: Number(uncounted),
  };
}

/** A server that takes no writes can be asked all the same: then nothing is counted. */
async function runMeasure(context: RedisContext): Promise<unknown[]> {
  const { queue, claims, processing, dead, count } = context.keys;
  const keys = [queue, claims, processing, dead, count];
  const now = nowArgument(context);
  try {
    return (await run(context, SCRIPTS.measure, keys, [now, COUNTED_ELEMENTS, COUNTED_BYTES])) as unknown[];
  } catch (error) {
    if (isUnreachable(error) || context.closing.aborted) throw error;
    return (await run(context, SCRIPTS.measureOnly, keys, [now, 0, 0])) as unknown[];
  }
}

/**
 * Since when the oldest queued element waits: its stamp, but no later than it was first seen here, so that a producer
 * whose clock is ahead, or who stamps nothing, delays its readings by no more than others.
 */
function headSinceMs(state: State, mark: string, stampMs: number, nowMs: number): number {
  if (state.seen.mark !== mark || state.seen.atMs > nowMs) state.seen = { mark, atMs: nowMs };
  return stampMs < 0 ? state.seen.atMs : Math.min(stampMs, state.seen.atMs);
}

async function wait(
  state: State,
  threshold: BatchThreshold,
  { signal, timeoutMs }: CallOptions & { timeoutMs: number },
): Promise<boolean> {
  // A duration, so by the clock that nobody sets.
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    throwIfAborted(signal, 'waiting for a batch');
    const measured = await measure(state);
    if (isBatchDue(measured, threshold)) return true;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return false;
    const untilEndMs = Math.max(1, measured.nextEndMs ?? Number.POSITIVE_INFINITY);
    if (measured.elements === 0) await rest(state, arrival(state), Math.min(leftMs, untilEndMs, BLOCK_MS), signal);
    else await rest(state, null, Math.min(leftMs, untilEndMs, RIPEN_MS), signal);
    requireOpen(state.context);
  }
}

function isBatchDue(
  { endedClaims, elements, readings, oldestMs, nowMs }: Measured,
  threshold: BatchThreshold,
): boolean {
  if (endedClaims > 0) return true;
  if (elements === 0 || oldestMs === null) return false;
  return readings >= threshold.readings || nowMs - oldestMs >= threshold.ageMs;
}

/** Resolves when an element arrives in the empty queue, or after {@link BLOCK_MS}, or at once when it cannot wait. */
function arrival(state: State): Promise<void> {
  state.arrival ??= blockUntilArrival(state).finally(() => {
    state.arrival = null;
  });
  return state.arrival;
}

async function blockUntilArrival({ blocking, context }: State): Promise<void> {
  const { keys, server } = context;
  if (blocking.status === 'ready') {
    const timer = setTimeout(() => blocking.disconnect(true), BLOCK_MS + server.timeoutMs);
    try {
      await blocking.callBuffer('BLMOVE', [keys.queue, keys.queue, 'LEFT', 'LEFT', BLOCK_MS / 1000]);
      return;
    } catch {
      // Cut off, or out of memory: whoever asked looks again, over the other connection, which tells what is wrong.
    } finally {
      clearTimeout(timer);
    }
  }
  await pause(RIPEN_MS);
}

/** Resolves after `maxMs`, or when `sooner` does. @throws HrmError kind `closed` when the signal fires or the queue is closed. */
async function rest(
  { context }: State,
  sooner: Promise<void> | null,
  maxMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = new AbortController();
  function end(): void {
    ended.abort();
  }
  const forgetting = [onAbort(signal, end), onAbort(context.closing, end)];
  sooner?.then(end);
  try {
    await pause(maxMs, ended.signal);
  } finally {
    for (const forget of forgetting) forget();
  }
  if (context.closing.aborted) throw closedError();
  throwIfAborted(signal, 'waiting for a batch');
}
