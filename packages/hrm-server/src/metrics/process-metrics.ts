/**
 * What the process takes of its machine, under the names that dashboards know. Not prom-client's own collection, which
 * goes on as long as the process does, whoever has closed the service.
 * @module
 */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { logLosses } from '../log/log.js';
import { VERSION } from '../package.js';
import type { MetricsComponents } from './index.js';

const NANOSECONDS_A_SECOND = 1e9;

/** Between two looks at the event loop, milliseconds: what it is late by counts. */
const RESOLUTION_MS = 20;

/**
 * @param heard - what tells of traces and of the audit log, since the start.
 * @returns what stops the watch over the event loop.
 */
export function addProcessMetrics(registry: Registry, heard: Pick<MetricsComponents, 'tracing' | 'audit'>): () => void {
  const registers = [registry];
  new Gauge({
    name: 'hrm_build_info',
    help: 'Always 1; the version of this software and of Node.',
    labelNames: ['version', 'node'],
    aggregator: 'max',
    registers,
  }).set({ version: VERSION, node: process.versions.node }, 1);
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started.',
    aggregator: 'min',
    registers,
  }).set(performance.timeOrigin / 1_000);
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time that the process took.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  addLosses(registry, heard);
  addMemory(registry);
  return addEventLoop(registry);
}

/** What those who watch the process did not get. */
function addLosses(registry: Registry, { tracing, audit }: Pick<MetricsComponents, 'tracing' | 'audit'>): void {
  const counts: readonly (readonly [name: string, help: string, count: () => number])[] = [
    ['hrm_log_lines_dropped_total', 'Log lines that could not be written, and are lost.', () => logLosses().lines],
    ['hrm_spans_dropped_total', 'Spans of traces that no collector took.', () => tracing?.dropped() ?? 0],
    ['hrm_audit_events_total', 'Events that are in the audit log.', () => audit?.state().written ?? 0],
    ['hrm_audit_lost_total', 'Events that the audit log could not record.', () => audit?.state().lost ?? 0],
  ];
  for (const [name, help, count] of counts) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(count());
      },
    });
  }
}

function addMemory(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: 'Heap in use.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  new Gauge({
    name: 'process_open_fds',
    help: 'Files and sockets open; where the system tells.',
    registers,
    collect() {
      const count = countOpenFiles();
      if (count !== null) this.set(count);
    },
  });
}

/** What is told of the event loop: a share of its turns, and its name in metrics. */
const LAGS = [
  { percent: 50, name: 'p50', about: 'in half of its turns' },
  { percent: 99, name: 'p99', about: 'in 99 of 100 turns' },
  { percent: 100, name: 'max', about: 'at most' },
] as const;

/** Gauges of their own: a label `quantile` is for summaries alone. */
function addEventLoop(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  for (const { percent, name, about } of LAGS) {
    new Gauge({
      name: `nodejs_eventloop_lag_${name}_seconds`,
      help: `How late the event loop was since the last scrape, ${about}.`,
      aggregator: 'max',
      registers: [registry],
      collect() {
        const lateNs = delay.percentile(percent) - RESOLUTION_MS * 1e6;
        this.set(Math.max(0, lateNs) / NANOSECONDS_A_SECOND);
        // The last that is collected, as it is the last here.
        if (percent === 100) delay.reset();
      },
    });
  }
  return () => delay.disable();
}

/** `null` where there is no /proc. */
function countOpenFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}
