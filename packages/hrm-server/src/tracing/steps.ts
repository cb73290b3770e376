import { type CompacterEvent, type ConsumerEvent, codeOf } from 'hrm-core';
import type { TracedStep } from './tracing.js';

/** What a trace says of a batch: counts, no names. A step that failed is known by its end alone. */
export function drainStep(event: Exclude<ConsumerEvent, { type: 'idle' }>): TracedStep {
  if (event.type === 'failed') return failedStep('drain batch', event.error);
  const { claimed, parts, deadLettered, postponed, lagMs, outcome } = event.summary;
  const attributes = {
    'hrm.batch.readings': claimed,
    'hrm.batch.parts': parts.length,
    'hrm.batch.dead_letters': deadLettered,
    'hrm.batch.postponed': postponed,
    'hrm.batch.lag_ms': lagMs,
    'hrm.batch.outcome': outcome,
  };
  return { name: 'drain batch', durationMs: event.durationMs, attributes, hasFailed: false };
}

/** The same of a run of the compacter. */
export function compactStep(event: Exclude<CompacterEvent, { type: 'damaged' }>): TracedStep {
  if (event.type === 'failed') return failedStep('compact', event.error);
  const { partitions, compacted, merged, readings, swept, left, failures } = event.summary;
  const attributes = {
    'hrm.compaction.partitions': partitions,
    'hrm.compaction.compacted': compacted,
    'hrm.compaction.files_merged': merged,
    'hrm.compaction.rows_rewritten': readings,
    'hrm.compaction.files_swept': swept,
    'hrm.compaction.left': left,
    'hrm.compaction.failures': failures.length,
  };
  return { name: 'compact', durationMs: event.durationMs, attributes, hasFailed: failures.length > 0 };
}

function failedStep(name: TracedStep['name'], error: unknown): TracedStep {
  return { name, durationMs: 0, attributes: { 'error.type': codeOf(error) }, hasFailed: true };
}
