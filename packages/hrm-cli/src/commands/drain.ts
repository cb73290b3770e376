import { type DrainSummary, drainBatch } from 'hrm-core';
import { openQueue, openStorage } from 'hrm-core/open';
import type { Command, Invocation } from '../command.js';
import { summaryText } from '../output.js';
import { rateText, startProgress } from '../progress.js';

/** What the steps of one call did together; on the wire in snake_case. */
interface DrainTotal {
  batches: number;
  claimed: number;
  stored: number;
  parts: number;
  dead_lettered: number;
  stale: number;
  /** Readings queued still, those in other consumers' hands included. */
  left: number;
}

/** `hrm drain` */
export const drainCommand: Command = {
  name: 'drain',
  about:
    'Stores one batch of the queue as Parquet files and acknowledges it; an empty queue is no error.\n' +
    'Readings that cannot be stored become dead letters (hrm dlq list); a full disk leaves everything queued.',
  options: [{ name: 'all', about: 'Go on until the queue is empty.' }],
  settings: ['dataDir', 'queueDir', 'batchMaxReadings', 'leaseMs', 'maxFutureMs'],
  examples: ['hrm drain', 'hrm drain --all', 'hrm drain --all --json'],
  async run(invocation) {
    const { settings, json, output } = invocation;
    const queue = await openQueue(settings);
    try {
      const storage = await openStorage(settings);
      try {
        const total = await drain({ queue, storage }, invocation);
        await output.write(json ? `${JSON.stringify(total)}\n` : totalText(total));
      } finally {
        await storage.close();
      }
    } finally {
      await queue.close();
    }
    return 'done';
  },
};

async function drain(
  components: Parameters<typeof drainBatch>[0],
  { args, settings, json, signal }: Invocation,
): Promise<DrainTotal> {
  const { queue } = components;
  const total = { batches: 0, claimed: 0, stored: 0, parts: 0, dead_lettered: 0, stale: 0, left: 0 };
  const before = await queue.depth();
  const progress = startProgress({
    label: 'drain',
    total: before.readings,
    stream: process.stderr,
    enabled: args.has('all') && !json,
  });
  const startMs = performance.now();
  try {
    let step: DrainSummary;
    do {
      step = await drainBatch(components, settings, { signal });
      if (step.outcome !== 'empty') add(total, step);
      progress.update(total.claimed, rateText(total.claimed, performance.now() - startMs));
    } while (args.has('all') && step.outcome !== 'empty');
  } finally {
    progress.end();
  }
  const after = await queue.depth();
  return { ...total, left: after.readings + after.claimedReadings };
}

function add(total: DrainTotal, step: DrainSummary): void {
  total.batches += 1;
  total.claimed += step.claimed;
  total.parts += step.parts.length;
  total.dead_lettered += step.deadLettered;
  for (const part of step.parts) total.stored += part.readings;
  if (step.outcome === 'stale') total.stale += 1;
}

function totalText(total: DrainTotal): string {
  return summaryText([
    ['batches', total.batches],
    ['readings claimed', total.claimed],
    ['readings stored', total.stored],
    ['parts', total.parts],
    ['dead-lettered', total.dead_lettered],
    ['readings left', total.left],
    // Their readings are stored, and will be delivered once more; rarely anything to see.
    ...(total.stale === 0 ? [] : [['batches whose lease ended', total.stale] as const]),
  ]);
}
