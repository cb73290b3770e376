import type { CompacterEvent, ConsumerEvent, DamageReport, LoopName, WatchdogEvent } from 'hrm-core';
import type { AlertEvent } from 'hrm-core/alerts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What consumer, compacter and their watchdogs count. */
export interface LoopMetrics {
  consumer(event: ConsumerEvent): void;
  compacter(event: CompacterEvent): void;
  watchdog(loop: LoopName, event: WatchdogEvent): void;
  /** A query or a compaction met a file that it cannot read. */
  damaged(outcome: DamageReport['outcome']): void;
  alert(event: AlertEvent): void;
}

const READINGS = [1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000];
const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const LAG_SECONDS = [0.1, 0.5, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900, 3_600];

/** @param registry - the service's own. */
export function createLoopMetrics(registry: Registry): LoopMetrics {
  const registers = [registry];
  const failures = new Counter({
    name: 'hrm_loop_failures_total',
    help: 'Steps of a loop that failed and are tried again.',
    labelNames: ['loop'],
    registers,
  });
  const watchdog = new Counter({
    name: 'hrm_watchdog_actions_total',
    help: 'Loops found standing still, and started anew.',
    labelNames: ['loop', 'action'],
    registers,
  });
  const damaged = new Counter({
    name: 'hrm_files_damaged_total',
    help: 'Times a file was met that cannot be read, by what happened then.',
    labelNames: ['outcome'],
    registers,
  });
  for (const loop of ['consumer', 'compacter'] as const) {
    failures.inc({ loop }, 0);
    for (const action of ['stalled', 'restarted'] as const) watchdog.inc({ loop, action }, 0);
  }
  const alerts = new Counter({
    name: 'hrm_alerts_total',
    help: 'Alerts that opened and ended; messages that were told, that could not be told at once (delayed), nor within a day (failed); faults of judging.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['opened', 'ended', 'told', 'delayed', 'failed', 'fault'] as const) alerts.inc({ outcome }, 0);
  for (const outcome of ['quarantined', 'skipped', 'answered', 'refused'] as const) damaged.inc({ outcome }, 0);
  const drained = createDrainMetrics(registry);
  const compacted = createCompactionMetrics(registry);
  return {
    consumer(event) {
      if (event.type === 'drained') drained(event);
      else if (event.type === 'failed') failures.inc({ loop: 'consumer' });
    },
    compacter(event) {
      if (event.type === 'compacted') compacted(event);
      else if (event.type === 'failed') failures.inc({ loop: 'compacter' });
    },
    watchdog: (loop, { type }) => watchdog.inc({ loop, action: type }),
    damaged: (outcome) => damaged.inc({ outcome }),
    alert: ({ type }) => alerts.inc({ outcome: type }),
  };
}

function createDrainMetrics(registry: Registry) {
  const registers = [registry];
  const sizes = new Histogram({
    name: 'hrm_batch_readings',
    help: 'Readings of a batch as it was claimed.',
    buckets: READINGS,
    registers,
  });
  const durations = new Histogram({
    name: 'hrm_batch_duration_seconds',
    help: 'From the claim of a batch to its acknowledgement.',
    buckets: STEP_SECONDS,
    registers,
  });
  const lags = new Histogram({
    name: 'hrm_batch_lag_seconds',
    help: 'How long the oldest reading of a batch had waited when it was stored.',
    buckets: LAG_SECONDS,
    registers,
  });
  const stale = new Counter({
    name: 'hrm_batches_stale_total',
    help: 'Batches whose lease had ended before their acknowledgement. They are delivered again: harmless, but a waste.',
    registers,
  });
  const parts = new Counter({ name: 'hrm_parts_written_total', help: 'Parts written.', registers });
  const bytes = new Counter({ name: 'hrm_parts_written_bytes_total', help: 'Bytes of parts written.', registers });
  const stored = new Counter({
    name: 'hrm_readings_stored_total',
    help: 'Readings in parts written; doubles of a batch are stored once.',
    registers,
  });
  const dead = new Counter({
    name: 'hrm_dead_letters_total',
    help: 'Elements and readings that became dead letters.',
    registers,
  });
  const postponed = new Counter({
    name: 'hrm_readings_postponed_total',
    help: 'Readings put back to the end of the queue, since their partition could not be written.',
    registers,
  });
  return ({ summary, durationMs }: Extract<ConsumerEvent, { type: 'drained' }>) => {
    sizes.observe(summary.claimed);
    durations.observe(durationMs / 1_000);
    lags.observe(Math.max(0, summary.lagMs) / 1_000);
    if (summary.outcome === 'stale') stale.inc();
    for (const { outcome, byteLength, readings } of summary.parts) {
      if (outcome !== 'written') continue;
      parts.inc();
      bytes.inc(byteLength);
      stored.inc(readings);
    }
    // A stale batch left nothing behind: what was bad in it is found again.
    if (summary.outcome !== 'acked') return;
    dead.inc(summary.deadLettered);
    postponed.inc(summary.postponed);
  };
}

function createCompactionMetrics(registry: Registry) {
  const registers = [registry];
  const durations = new Histogram({
    name: 'hrm_compaction_duration_seconds',
    help: 'How long runs of the compacter took; its count is how many.',
    buckets: STEP_SECONDS,
    registers,
  });
  const partitions = new Counter({
    name: 'hrm_compaction_partitions_total',
    help: 'Partitions that got a new compacted file (compacted), where another compacter was first (skipped), or that failed.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['compacted', 'skipped', 'failed']) partitions.inc({ outcome }, 0);
  const rows = new Counter({
    name: 'hrm_compaction_rows_rewritten_total',
    help: 'Readings in the files that compaction made.',
    registers,
  });
  const merged = new Counter({
    name: 'hrm_compaction_files_merged_total',
    help: 'Files that compaction merged into others.',
    registers,
  });
  const swept = new Counter({
    name: 'hrm_compaction_files_swept_total',
    help: 'Superseded files deleted.',
    registers,
  });
  const left = new Gauge({
    name: 'hrm_compaction_partitions_left',
    help: 'Partitions that the last run left to the next, since it had rewritten enough.',
    aggregator: 'max',
    registers,
  });
  const last = new Gauge({
    name: 'hrm_compaction_last_run_timestamp_seconds',
    help: 'When the last run of the compacter ended well; there is none before the first.',
    aggregator: 'max',
    registers,
  });
  last.remove();
  return ({ summary, durationMs }: Extract<CompacterEvent, { type: 'compacted' }>) => {
    durations.observe(durationMs / 1_000);
    partitions.inc({ outcome: 'compacted' }, summary.compacted);
    partitions.inc({ outcome: 'skipped' }, summary.skipped);
    partitions.inc({ outcome: 'failed' }, summary.failures.length);
    rows.inc(summary.readings);
    merged.inc(summary.merged);
    swept.inc(summary.swept);
    left.set(summary.left);
    last.set(Date.now() / 1_000);
  };
}
