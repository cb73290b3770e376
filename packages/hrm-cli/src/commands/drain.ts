import { type DrainSummary, drainBatch } from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { failuresToWire, failureText, type PartitionFailure, summaryText } from '../output.js';
import { rateText, startProgress } from '../progress.js';

/** What the steps of one call did together; on the wire in snake_case. */
interface DrainTotal {
  batches: number;
  claimed: number;
  stored: number;
  parts: number;
  dead_lettered: number;
  stale: number;
  /** Readings put back to the end of the queue, since their partitions cannot be written. */
  postponed: number;
  /** Those partitions, and why. */
  failures: readonly PartitionFailure[];
  /** Readings queued still, those in other consumers' hands included. */
  left: number;
}

/** `hrm drain` */
export const drainCommand: Command = {
  name: 'drain',
  about:
    'Stores one batch of the queue as Parquet files and acknowledges it; an empty queue is no error. ' +
    'Bad readings become dead letters (hrm dlq list). What cannot be written now stays queued: --all stops then, with exit code 3.',
  options: [{ name: 'all', about: 'Go on until the queue is empty.' }],
  settings: ['dataDir', ...QUEUE_SETTINGS, 'batchMaxReadings', 'leaseMs', 'maxFutureMs', 'maxPastMs'],
  examples: ['hrm drain', 'hrm drain --all', 'hrm drain --all --json'],
  async run(invocation) {
    const { settings, json, output } = invocation;
    const queue = await openQueue(settings);
    try {
      const storage = await openStorage(settings);
      try {
        const total = await drain({ queue, storage }, invocation);
        const wire = { ...total, failures: failuresToWire(total.failures) };
        await output.write(json ? `${JSON.stringify(wire)}\n` : totalText(total));
        return total.postponed === 0 ? 'done' : 'unavailable';
      } finally {
        await storage.close();
      }
    } finally {
      await queue.close();
    }
  },
};

async function drain(
  components: Parameters<typeof drainBatch>[0],
  { args, settings, json, stderr, signal }: Invocation,
): Promise<DrainTotal> {
  const { queue } = components;
  const before = await queue.depth();
  const progress = startProgress({
    label: 'drain',
    total: before.readings,
    stream: stderr,
    enabled: args.has('all') && !json,
  });
  const startMs = performance.now();
  let total: DrainTotal;
  try {
    total = await runSteps(
      () => drainBatch(components, settings, { signal }),
      args.has('all'),
      ({ claimed }) => {
        progress.update(claimed, rateText(claimed, performance.now() - startMs));
      },
    );
  } finally {
    progress.end();
  }
  const after = await queue.depth();
  return { ...total, left: after.readings + after.claimedReadings };
}

/**
 * One step, or all until the queue is empty or a step has put readings back: they come again, and as long as they cannot
 * be stored there is no end.
 */
export async function runSteps(
  run: () => Promise<DrainSummary>,
  all: boolean,
  onStep: (total: Readonly<DrainTotal>) => void,
): Promise<DrainTotal> {
  const total: DrainTotal = {
    batches: 0,
    claimed: 0,
    stored: 0,
    parts: 0,
    dead_lettered: 0,
    stale: 0,
    postponed: 0,
    failures: [],
    left: 0,
  };
  let step: DrainSummary;
  do {
    step = await run();
    if (step.outcome !== 'empty') add(total, step);
    onStep(total);
  } while (all && step.outcome !== 'empty' && step.postponed === 0);
  return total;
}

function add(total: DrainTotal, step: DrainSummary): void {
  total.batches += 1;
  total.claimed += step.claimed;
  total.parts += step.parts.length;
  total.dead_lettered += step.deadLettered;
  total.postponed += step.postponed;
  total.failures = [...total.failures, ...step.failures];
  for (const part of step.parts) total.stored += part.readings;
  if (step.outcome === 'stale') total.stale += 1;
}

function totalText(total: DrainTotal): string {
  const table = summaryText([
    ['batches', total.batches],
    ['readings claimed', total.claimed],
    ['readings stored', total.stored],
    ['parts', total.parts],
    ['dead-lettered', total.dead_lettered],
    ['readings left', total.left],
    // Their readings are stored, and will be delivered once more; rarely anything to see.
    ...(total.stale === 0 ? [] : [['batches whose lease ended', total.stale] as const]),
    ...(total.postponed === 0 ? [] : [['readings put back: cannot be stored now', total.postponed] as const]),
  ]);
  return table + failureText(total.failures);
}
