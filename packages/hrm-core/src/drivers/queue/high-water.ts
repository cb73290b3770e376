/**
 * A bound on the backlog, around any queue: while no consumer keeps up, producers are told so, instead of a disk or a
 * server's memory filling up.
 *
 * A push must cost next to nothing more, so it is judged by an estimate: the depth as last measured, and what was pushed
 * through this handle since. The depth is measured beside the pushes, one measurement at a time:
 *
 * - at the first push, the only one that waits for it;
 * - after that with a push that finds the figure a second old;
 * - while the mark is reached every quarter of a second, whether anybody pushes or not, so that the first push after
 *   consumers made room is taken.
 *
 * What other handles and processes push is seen by the next measurement, so the bound is exceeded by what they push in a
 * second, and by one push. A mark is a bound against filling up, not a count.
 *
 * One owner alone does not fill it: see `owner-shares.ts`.
 * @module
 */
import { HrmError, throwIfAborted } from '../../errors.js';
import type { CallOptions, Queue, QueueElement } from '../../ports/queue.js';
import { countOwners, type OwnerShares } from './owner-shares.js';

/** How a queue is bounded. */
export interface HighWaterOptions {
  /** Readings, queued and claimed together, from which on pushes are refused; >= 1. Dead letters do not count. */
  readonly highWaterReadings: number;
}

/** Age of a figure that a push has measured anew, milliseconds. */
const REFRESH_AFTER_MS = 1_000;

/** Between two measurements while pushes are refused, milliseconds. */
const REFRESH_WHEN_FULL_MS = 250;

/**
 * Age at which a figure refuses nothing any more, milliseconds: while pushes are refused a figure is only so old when the
 * queue does not tell its depth, and what is wrong with it the push itself will say.
 */
const MAX_AGE_MS = 5_000;

interface Figure {
  /** Queued and claimed, as the queue told. */
  readonly readings: number;
  /** {@link State.settledReadings} when it was asked: what was on its way then may not be in the figure. */
  readonly settledReadings: number;
  readonly atMs: number;
}

interface State {
  readonly queue: Queue;
  readonly highWaterReadings: number;
  /** `null` while the depth is not known. */
  figure: Figure | null;
  /** Readings of all pushes begun and not failed. */
  begunReadings: number;
  /** Those of them that the queue holds. */
  settledReadings: number;
  /** What was pushed through this handle, by owner. */
  readonly owners: OwnerShares;
  measuring: Promise<void> | null;
  measuredMs: number;
  timer: NodeJS.Timeout | undefined;
  isClosed: boolean;
}

/**
 * Bounds a queue's backlog. Only `push` changes: what redrive, `ack` and `release` put back is in the system already and
 * is never refused. `check` still says whether the queue works: a backlog is no defect, and a consumer must not be taken
 * for ill because of it.
 * @returns a queue whose `push` throws HrmError kind `unavailable`, code `queue_full`, from `highWaterReadings` on, and a little before
 *   for an `owner` whose readings most of them are.
 *   Closing it closes the queue.
 */
export function withHighWater<Bounded extends Queue>(queue: Bounded, { highWaterReadings }: HighWaterOptions): Bounded {
  const state: State = {
    queue,
    highWaterReadings,
    figure: null,
    begunReadings: 0,
    settledReadings: 0,
    owners: countOwners(highWaterReadings),
    measuring: null,
    measuredMs: Number.NEGATIVE_INFINITY,
    timer: undefined,
    isClosed: false,
  };
  return {
    ...queue,
    push: (elements, options) => push(state, elements, options),
    requireRoom: (options) => requireRoom(state, options),
    async close() {
      state.isClosed = true;
      clearTimeout(state.timer);
      await queue.close();
    },
  };
}

async function push(state: State, given: readonly QueueElement[], options: CallOptions = {}): Promise<void> {
  throwIfAborted(options.signal, 'pushing to the queue');
  let elements = given;
  if (state.measuredMs === Number.NEGATIVE_INFINITY) {
    // The caller may change the bytes while this waits.
    elements = given.map(({ bytes, readings }) => ({ bytes: Uint8Array.from(bytes), readings }));
    await measure(state);
  }
  requireRoom(state, options);
  const readings = countReadings(elements);
  state.begunReadings += readings;
  try {
    await state.queue.push(elements, options);
    state.settledReadings += readings;
    if (options.owner !== undefined) state.owners.add(options.owner, readings);
  } catch (error) {
    state.begunReadings -= readings;
    throw error;
  }
  // Otherwise nobody would measure until the next push, and that one would be refused by an old figure.
  if (isFull(state, options)) scheduleMeasure(state);
}

/** @throws HrmError code `queue_full`. */
function requireRoom(state: State, options: CallOptions = {}): void {
  const isMeasured = state.measuredMs !== Number.NEGATIVE_INFINITY;
  if (isMeasured && performance.now() - state.measuredMs >= REFRESH_AFTER_MS) void measure(state);
  if (isFull(state)) throw fullError(state);
  if (!isFull(state, options)) return;
  scheduleMeasure(state);
  throw shareError(state);
}

/** An element that is none, which the queue refuses, counts nothing: a sum that is no number would refuse nothing ever. */
function countReadings(elements: readonly QueueElement[]): number {
  return elements.reduce((sum, { readings }) => sum + (Number.isSafeInteger(readings) ? readings : 0), 0);
}

/** A closed queue is not: the push itself says what it is. */
function isFull(state: State, { owner }: CallOptions = {}): boolean {
  const { figure, begunReadings, highWaterReadings, owners, isClosed } = state;
  if (isClosed || figure === null || performance.now() - figure.atMs > MAX_AGE_MS) return false;
  const depth = figure.readings + begunReadings - figure.settledReadings;
  return depth >= highWaterReadings || (owner !== undefined && owners.isUsedUp(owner, depth));
}

/** Never rejects; a depth that cannot be had is not known. Whoever asks meanwhile gets the same measurement. */
function measure(state: State): Promise<void> {
  state.measuring ??= takeFigure(state).finally(() => {
    state.measuring = null;
    state.measuredMs = performance.now();
    if (isFull(state)) scheduleMeasure(state);
  });
  return state.measuring;
}

async function takeFigure(state: State): Promise<void> {
  const { settledReadings } = state;
  try {
    const { readings, claimedReadings } = await state.queue.depth();
    state.figure = { readings: readings + claimedReadings, settledReadings, atMs: performance.now() };
  } catch {
    state.figure = null;
  }
}

function scheduleMeasure(state: State): void {
  if (state.isClosed || state.timer !== undefined) return;
  state.timer = setTimeout(() => {
    state.timer = undefined;
    void measure(state);
  }, REFRESH_WHEN_FULL_MS);
  // Nobody's program is kept from ending by it.
  state.timer.unref();
}

function shareError({ highWaterReadings }: State): HrmError {
  return new HrmError(
    `Most of the readings that the queue may hold (${highWaterReadings}, HRM_QUEUE_HIGH_WATER) are of this client, and the room that is left is for others: run more consumers, or raise HRM_QUEUE_HIGH_WATER`,
    { kind: 'unavailable', code: 'queue_full' },
  );
}

function fullError({ highWaterReadings }: State): HrmError {
  return new HrmError(
    `The queue holds ${highWaterReadings} readings or more (HRM_QUEUE_HIGH_WATER), and takes no others until some are stored: run more consumers, or raise HRM_QUEUE_HIGH_WATER`,
    { kind: 'unavailable', code: 'queue_full' },
  );
}
