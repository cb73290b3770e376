/**
 * The HTTP API of the Heart Rate Monitor System, and the service around it.
 * @module
 */

export { type AppComponents, type AppSettings, createApp } from './app.js';
export type { CheckName, Finding } from './findings.js';
export type { App } from './handler.js';
export {
  createHealth,
  type Health,
  type HealthComponents,
  type HealthReport,
  type HealthSettings,
  type HealthView,
  type LoopFailure,
  type LoopName,
  type LoopReporter,
} from './health.js';
export { isLoopback } from './host.js';
export { createLog, flushLog } from './log.js';
export { createMetrics, type Gather, type Metrics, type MetricsComponents } from './metrics/index.js';
export { addEnded, type MetricsReport } from './metrics/merge.js';
export type { Problem } from './problem.js';
export { type ServeOptions, type Service, type ServicePart, serve } from './serve.js';
