/**
 * What a service counts, as Prometheus reads it. Every service has a registry of its own. Labels are of bounded sets:
 * no user, no device, nothing that a client chose.
 * @module
 */

import type { Health } from 'hrm-core';
import type { AuditLog } from 'hrm-core/audit';
import { Registry } from 'prom-client';
import type { Tracing } from '../tracing/tracing.js';
import { createLoopMetrics, type LoopMetrics } from './loop-metrics.js';
import { countsOf, type MetricsReport, mergeReports } from './merge.js';
import { addProcessMetrics } from './process-metrics.js';
import { createRequestMetrics, type RequestMetrics } from './request-metrics.js';
import { addStateMetrics } from './state-metrics.js';

/** Where a service counts what it does. */
export interface Metrics extends RequestMetrics, LoopMetrics {
  /** What this process has counted, as plain data; brought up to date within the time of a health check. Never throws. */
  report(): Promise<MetricsReport>;
  /** Its counters and histograms alone: nothing is asked for them. */
  counts(): Promise<MetricsReport>;
  /** All of it in Prometheus' text form, of all processes of the service. Who asks at the same time gets the same. */
  text(): Promise<string>;
  /** Stops what watches the process. */
  close(): void;
}

/** The media type of {@link Metrics.text}. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** What metrics are made of. */
export interface MetricsComponents {
  readonly health: Pick<Health, 'look'>;
  /**
   * Gives one's own report to the other processes of the service, and asks for theirs. Without it there are none.
   * @throws HrmError when it cannot: sums without some would go back, which Prometheus takes for a restart.
   */
  readonly gather?: Gather | undefined;
  /** Where requests are traced. */
  readonly tracing?: Pick<Tracing, 'dropped'> | null | undefined;
  /** Where calls are recorded. */
  readonly audit?: Pick<AuditLog, 'state'> | null | undefined;
}

/** Asks the other processes of a service for their reports, within a bound. */
export type Gather = (own: MetricsReport) => Promise<readonly MetricsReport[]>;

/** Creates the counters of one service. */
export function createMetrics({ health, gather, tracing, audit }: MetricsComponents): Metrics {
  const registry = new Registry();
  const requests = createRequestMetrics(registry);
  const loops = createLoopMetrics(registry);
  const close = addProcessMetrics(registry, { tracing, audit });
  const update = addStateMetrics(registry, health);
  let running: Promise<string> | null = null;

  async function report(): Promise<MetricsReport> {
    await update();
    return await registry.getMetricsAsJSON();
  }
  async function collect(): Promise<string> {
    if (gather !== undefined) {
      const own = await report();
      return await mergeReports([own, ...(await gather(own))]).metrics();
    }
    await update();
    return await registry.metrics();
  }
  function text(): Promise<string> {
    running ??= collect().finally(() => {
      running = null;
    });
    return running;
  }
  return { ...requests, ...loops, report, counts: () => countsOf(registry), text, close };
}
