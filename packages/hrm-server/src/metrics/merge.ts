import {
  AggregatorRegistry,
  type Metric,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from 'prom-client';

/** What one process has counted: plain data that crosses a channel between processes. */
export type MetricsReport = readonly MetricObjectWithValues<MetricValue<string>>[];

/** Adds up reports: counters and histograms are summed, gauges as each says. */
export function mergeReports(reports: readonly MetricsReport[]): Registry {
  return AggregatorRegistry.aggregate(reports.map((report) => [...report]));
}

/** What a registry has counted, without its gauges: cheap, since nobody has to look at anything for it. */
export async function countsOf(registry: Registry): Promise<MetricsReport> {
  const counted = registry.getMetricsAsArray().filter(({ type }) => COUNTED.has(String(type)));
  return await Promise.all(counted.map((metric) => (metric as unknown as Metric).get()));
}

/**
 * What remains of the reports of processes that have ended: their counters and histograms, so that sums never go back,
 * which Prometheus would take for a restart of all.
 */
export async function addEnded(ended: MetricsReport, last: MetricsReport): Promise<MetricsReport> {
  const counted = last.filter(({ type }) => COUNTED.has(String(type)));
  return await mergeReports([ended, counted]).getMetricsAsJSON();
}

const COUNTED: ReadonlySet<string> = new Set(['counter', 'histogram']);
