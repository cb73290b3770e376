import {
  adoptStore,
  type DrainComponents,
  type DrainTotal,
  drainBatches,
  failuresToWire,
  failureText,
  summaryText,
} from 'hrm-core';
import { openQueue, openStorage, presentWhile } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import { type Command, type Invocation, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import { rateText, startProgress } from '../output/progress.js';
import { VERSION } from '../version.js';

/** `hrm drain` */
export const drainCommand: Command = {
  name: 'drain',
  about:
    'Stores one batch of the queue as Parquet files and acknowledges it; an empty queue is no error. ' +
    'Bad readings become dead letters (hrm dlq list). What cannot be written now stays queued: --all stops then, with exit code 3.',
  options: [
    { name: 'all', about: 'Go on until the queue is empty.' },
    {
      name: 'adopt',
      about:
        'Store where the settings say from now on, though the readings of this queue went to another store before. ' +
        'A directory that was moved or restored is the same store, and needs no --adopt.',
    },
  ],
  settings: [...STORAGE_SETTINGS, ...QUEUE_SETTINGS, 'batchMaxReadings', 'leaseMs', 'maxFutureMs', 'maxPastMs'],
  examples: ['hrm drain', 'hrm drain --all', 'hrm drain --all --json'],
  async run(invocation) {
    const { args, settings, json, output } = invocation;
    const adopts = args.has('adopt');
    return await closing(openQueue(settings), async (queue) => {
      const store = adopts ? null : await queue.store.get();
      return await closing(openStorage(settings, { store }), async (storage) => {
        if (adopts) await adoptStore({ queue, storage });
        const self = { version: VERSION, parts: ['consumer'] as const };
        const { total, left } = await presentWhile(settings, self, () => drain({ queue, storage }, invocation));
        await output.write(json ? `${JSON.stringify(toWire(total, left))}\n` : totalText(total, left));
        return total.postponed === 0 ? 'done' : 'unavailable';
      });
    });
  },
};

/** Drains one batch, or all; also tells how many readings are queued still, those in other consumers' hands included. */
async function drain(
  components: DrainComponents,
  { args, settings, json, stderr, signal }: Invocation,
): Promise<{ readonly total: DrainTotal; readonly left: number }> {
  const { queue } = components;
  const all = args.has('all');
  const { readings: before } = await queue.depth();
  const progress = startProgress({ label: 'drain', total: before, stream: stderr, enabled: all && !json });
  const startMs = performance.now();
  let total: DrainTotal;
  try {
    const steps = { ...settings, maxBatches: all ? undefined : 1 };
    const onStep = ({ claimed }: DrainTotal) =>
      progress.update(claimed, rateText(claimed, performance.now() - startMs));
    total = await drainBatches(components, steps, { signal, onStep });
  } finally {
    progress.end();
  }
  const { readings, claimedReadings } = await queue.depth();
  return { total, left: readings + claimedReadings };
}

function toWire(total: DrainTotal, left: number) {
  const { batches, claimed, expired, stored, parts, deadLettered, stale, postponed, failures } = total;
  const dropped = expired > 0 && { expired };
  const counts = { batches, claimed, ...dropped, stored, parts, dead_lettered: deadLettered, stale, postponed };
  return { ...counts, failures: failuresToWire(failures), left };
}

function totalText(total: DrainTotal, left: number): string {
  const table = summaryText([
    ['batches', total.batches],
    ['readings claimed', total.claimed],
    ['readings stored', total.stored],
    ...(total.expired === 0 ? [] : [['readings dropped: kept no longer', total.expired] as const]),
    ['parts', total.parts],
    ['dead-lettered', total.deadLettered],
    ['readings left', left],
    // Their readings are stored, and will be delivered once more; rarely anything to see.
    ...(total.stale === 0 ? [] : [['batches whose lease ended', total.stale] as const]),
    ...(total.postponed === 0 ? [] : [['readings put back: cannot be stored now', total.postponed] as const]),
  ]);
  return table + failureText(total.failures, visibleText);
}
