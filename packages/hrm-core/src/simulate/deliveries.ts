/**
 * Readings in the order in which they arrive: mostly as they are made, some seconds late and so out of order, some twice, some in a
 * burst after their device was out of reach.
 */
import { chance } from './chance.js';
import { createDevices, type Device, measure, reachableMs } from './device.js';
import { createPerson } from './heart.js';

/** A reading as `POST /metrics/heart-rate` takes it. */
export interface SimulatedReading {
  readonly user_id: string;
  readonly device_id: string;
  readonly timestamp: string;
  readonly heart_rate: number;
}

/** What is simulated. */
export interface Simulation {
  readonly seed: number;
  readonly users: number;
  /** Of each user. */
  readonly devices: number;
  /** Inclusive, epoch ms. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Between two readings of a device, ms. */
  readonly everyMs: number;
}

/** What arrives in one step of time. */
export interface Delivery {
  /** The end of the step: what is in it was there by then. */
  readonly byMs: number;
  readonly readings: readonly SimulatedReading[];
}

/** What was out of the ordinary so far. */
export interface Anomalies {
  duplicates: number;
  /** Delivered after a later reading of the same device might have been. */
  late: number;
  /** Not made: the device was not worn. */
  missing: number;
}

/** Simulated ms of a step. */
const STEP_MS = 1_000;

/** Readings on their way; beyond them nothing is held back, so that the memory is bounded. */
const MAX_PENDING = 500_000;

/** Of readings: so many are some seconds late, so many come again. */
const LATE_SHARE = 0.05;
const DUPLICATE_SHARE = 0.01;
const MAX_LATE_STEPS = 4;

/** Simulates: yields a delivery a step, also one with nothing in it; at the end all that was held back. */
export function* deliveries(simulation: Simulation, anomalies: Anomalies): Generator<Delivery, void, undefined> {
  const { seed, users, fromMs, toMs, everyMs } = simulation;
  const devices = Array.from({ length: users }, (_, i) => createPerson(seed, i)).flatMap((person) =>
    createDevices(person, simulation.devices),
  );
  /** Of each device when it measures next: all at their own time, so that they do not come in time with each other. */
  const nextMs = devices.map(({ key }) => fromMs + Math.floor(chance(...key, 30) * everyMs));
  const held = createHeld();
  for (let stepMs = fromMs; stepMs < toMs; stepMs += STEP_MS) {
    const byMs = Math.min(toMs, stepMs + STEP_MS);
    const ready = held.take(byMs);
    for (const [d, device] of devices.entries()) {
      for (; (nextMs[d] as number) < byMs; nextMs[d] = (nextMs[d] as number) + everyMs) {
        const atMs = Math.floor(nextMs[d] as number);
        const reading = read(device, atMs);
        if (reading === null) anomalies.missing += 1;
        else deliver(reading, device, atMs, byMs, { ready, held, anomalies });
      }
    }
    yield { byMs, readings: ready };
  }
  for (let rest = held.take(toMs, true); rest.length > 0; rest = held.take(toMs, true))
    yield { byMs: toMs, readings: rest };
}

interface Destination {
  readonly ready: SimulatedReading[];
  readonly held: ReturnType<typeof createHeld>;
  readonly anomalies: Anomalies;
}

function deliver(
  reading: SimulatedReading,
  device: Device,
  atMs: number,
  byMs: number,
  { ready, held, anomalies }: Destination,
): void {
  const { key } = device;
  const backMs = reachableMs(device, atMs);
  const isLate = backMs === atMs && chance(...key, 31, atMs) < LATE_SHARE;
  const lateMs = isLate ? Math.ceil(chance(...key, 32, atMs) * MAX_LATE_STEPS) * STEP_MS : 0;
  const arriveMs = backMs + lateMs;
  if (arriveMs > atMs) anomalies.late += 1;
  if (arriveMs < byMs || !held.put(arriveMs, reading)) ready.push(reading);
  if (chance(...key, 33, atMs) >= DUPLICATE_SHARE) return;
  anomalies.duplicates += 1;
  if (!held.put(arriveMs + 2 * STEP_MS, reading)) ready.push(reading);
}

function read(device: Device, atMs: number): SimulatedReading | null {
  const heart_rate = measure(device, atMs);
  if (heart_rate === null) return null;
  const { person, deviceId } = device;
  return { user_id: person.userId, device_id: deviceId, timestamp: new Date(atMs).toISOString(), heart_rate };
}

/** Readings that arrive later, by the step in which they do. */
function createHeld() {
  const steps = new Map<number, SimulatedReading[]>();
  let count = 0;
  return {
    /** `false` where there are too many already. */
    put(arriveMs: number, reading: SimulatedReading): boolean {
      if (count >= MAX_PENDING) return false;
      const step = Math.floor(arriveMs / STEP_MS);
      const list = steps.get(step);
      if (list === undefined) steps.set(step, [reading]);
      else list.push(reading);
      count += 1;
      return true;
    },
    /** Those that have arrived; with `all` the next step's, whenever that is. */
    take(byMs: number, all = false): SimulatedReading[] {
      const due = all
        ? [...steps.keys()].sort((a, b) => a - b).slice(0, 1)
        : [...steps.keys()].filter((step) => step * STEP_MS < byMs).sort((a, b) => a - b);
      const readings: SimulatedReading[] = [];
      for (const step of due) {
        for (const reading of steps.get(step) ?? []) readings.push(reading);
        steps.delete(step);
      }
      count -= readings.length;
      return readings;
    },
  };
}
