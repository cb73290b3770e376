import { isHrmError } from '../errors.js';
import type { EnqueueOptions } from '../flow/write/enqueue.js';
import { createBackpressure } from '../import/backpressure.js';
import { type ImportTarget, toDestination } from '../import/destination.js';
import { enqueueWithBackpressure } from '../import/enqueue-with-backpressure.js';
import { MAX_ENQUEUE_READINGS } from '../limits.js';
import { pause } from '../waits.js';
import { type Anomalies, deliveries, type SimulatedReading } from './deliveries.js';

/** What is simulated: a history at once, and then what comes as time passes. */
export interface SimulationPlan {
  readonly users: number;
  /** Of each user, at most {@link MAX_DEVICES}. */
  readonly devices: number;
  /** Readings a second, of all devices together. */
  readonly rate: number;
  /** How long it goes on, simulated and real, ms. */
  readonly durationMs: number;
  /** History before that, ms. */
  readonly backfillMs: number;
  /** Which people and chances. */
  readonly seed: number;
  /** The first instant of what is not history, epoch ms. */
  readonly startMs: number;
}

/** Some readings, and when they are due after the start; what is history is due at once. */
export interface DueReadings {
  readonly afterMs: number;
  /** 1 to 10,000, in the order in which they arrive. */
  readonly readings: readonly SimulatedReading[];
}

/** Between two readings of a device in the history, ms: a day of it is 5,760. */
const BACKFILL_EVERY_MS = 15_000;

/** Makes the readings of a plan, as fast as they are taken: the history, and then what comes in real time. */
export function* simulatedReadings(
  plan: SimulationPlan,
  anomalies: Anomalies = noAnomalies(),
): Generator<DueReadings, void, undefined> {
  const { startMs, backfillMs, durationMs, users, devices, rate } = plan;
  const history = { ...plan, fromMs: startMs - backfillMs, toMs: startMs, everyMs: BACKFILL_EVERY_MS };
  let readings: SimulatedReading[] = [];
  for (const delivery of deliveries(history, anomalies)) {
    for (const reading of delivery.readings) {
      if (readings.push(reading) < MAX_ENQUEUE_READINGS) continue;
      yield { afterMs: 0, readings };
      readings = [];
    }
  }
  if (readings.length > 0) yield { afterMs: 0, readings };
  const everyMs = (users * devices * 1_000) / rate;
  const live = { ...plan, fromMs: startMs, toMs: startMs + durationMs, everyMs };
  for (const delivery of deliveries(live, anomalies)) {
    for (let from = 0; from < delivery.readings.length; from += MAX_ENQUEUE_READINGS) {
      yield { afterMs: delivery.byMs - startMs, readings: delivery.readings.slice(from, from + MAX_ENQUEUE_READINGS) };
    }
  }
}

function noAnomalies(): Anomalies {
  return { duplicates: 0, late: 0, missing: 0 };
}

/** How a simulation goes, and who hears of it. */
export interface SimulationOptions extends Pick<EnqueueOptions, 'maxFutureMs' | 'maxPastMs'> {
  /** Ends it early, which is no failure. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each piece that is enqueued. @param share - of the simulated time that is over, 0 to 1. */
  readonly onProgress?: ((share: number, enqueued: number) => void) | undefined;
  /** Called while the queue is full and the simulation waits for consumers. */
  readonly onWait?: (() => void) | undefined;
}

/** What came of a simulation. */
export interface SimulationSummary extends Readonly<Anomalies> {
  readonly enqueued: number;
  /** Whether the signal ended it early. */
  readonly isStopped: boolean;
}

/**
 * Enqueues the readings of a plan: its history at once, and the others when they are due.
 * @throws HrmError as `importReadings`.
 */
export async function runSimulation(
  target: ImportTarget,
  plan: SimulationPlan,
  { signal = new AbortController().signal, onProgress, onWait, ...range }: SimulationOptions = {},
): Promise<SimulationSummary> {
  const tally = { enqueued: 0, ...noAnomalies() };
  const destination = toDestination(target);
  const backpressure = createBackpressure(destination, tally, { signal, onWait });
  const totalMs = plan.backfillMs + plan.durationMs;
  let liveBeganMs: number | undefined;
  try {
    for (const { afterMs, readings } of simulatedReadings(plan, tally)) {
      if (afterMs > 0) {
        liveBeganMs ??= performance.now();
        const waitMs = liveBeganMs + afterMs - performance.now();
        // When the signal cuts the wait short, what follows ends it.
        if (waitMs > 0) await pause(waitMs, signal);
      }
      if (signal.aborted) break;
      tally.enqueued += await enqueueWithBackpressure(destination, readings, { ...range, signal, backpressure });
      const lastMs = Date.parse(readings.at(-1)?.timestamp ?? '') - plan.startMs + plan.backfillMs;
      onProgress?.(Math.max(0, lastMs) / totalMs, tally.enqueued);
    }
  } catch (error) {
    // Told to stop in the midst of a piece: that is how it is ended.
    if (!signal.aborted || !isHrmError(error) || error.kind !== 'closed') throw error;
  }
  return { ...tally, isStopped: signal.aborted };
}
