/**
 * The HTTP API of the Heart Rate Monitor System, and the service around it.
 * @module
 */

export type {
  CheckName,
  Health,
  HealthReport,
  HealthView,
  LoopFailure,
  LoopName,
  LoopReporter,
} from 'hrm-core';
export { isLoopback } from 'hrm-core/keys';
export type { Problem } from './api/problem.js';
export { type AppComponents, type AppSettings, createApp } from './app.js';
export { createLog, flushLog } from './log/log.js';
export { createMetrics, type Gather, type Metrics, type MetricsComponents } from './metrics/index.js';
export type { MetricsReport } from './metrics/merge.js';
export { createHealth, type HealthComponents } from './ops/health.js';
export type { App } from './routes/handler.js';
export { type ServeOptions, type Service, type ServicePart, serve } from './serve.js';
export { startWorkers, type WorkersOptions } from './workers/primary.js';
