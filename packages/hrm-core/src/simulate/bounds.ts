import { MAX_DEVICES } from './device.js';

/** Bounds of a simulation, inclusive: what one process makes, and a queue takes, with some room. */
export const SIMULATION_BOUNDS = {
  users: [1, 100_000],
  devices: [1, MAX_DEVICES],
  rate: [1, 100_000],
  backfillDays: [0, 3_660],
  seed: [0, 2 ** 31 - 1],
} as const;

/** Of a device, ms: readings of one millisecond would be one reading. */
export const MIN_EVERY_MS = 2;

/** Readings a second that so many devices can have at most. */
export function maxSimulationRate(devices: number): number {
  return Math.floor((devices * 1_000) / MIN_EVERY_MS);
}
