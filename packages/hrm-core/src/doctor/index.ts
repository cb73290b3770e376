/**
 * What the system stands on, looked at: Node.js, settings, keys, data directory, queue. It says what is so, and what to do.
 * @module
 */

export { askHealth } from './ask-server.js';
export { checkHealth, type HealthCheck } from './check-health.js';
export { checkKeyExposure } from './check-keys.js';
export type { CheckResult } from './check-result.js';
export { type DoctorReport, type DoctorSurroundings, examine } from './examine.js';
