/**
 * Believable readings for demonstrations, tests and load: sleep, days and exercise of many people, as several devices each see them. The
 * same plan gives the same readings.
 * @module
 */

export { MIN_EVERY_MS, maxSimulationRate, SIMULATION_BOUNDS } from './bounds.js';
export type { Anomalies, SimulatedReading } from './deliveries.js';
export { createPerson, heartRateAt, type Person } from './heart.js';
export {
  type DueReadings,
  runSimulation,
  type SimulationOptions,
  type SimulationPlan,
  type SimulationSummary,
  simulatedReadings,
} from './run-simulation.js';
