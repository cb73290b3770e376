/** Readings that each lie on a day of their own: a file each, and nobody else's wait behind all of them. */
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { drainBatch, enqueue, query, runConsumer } from '../../src/index.js';
import { MAX_BATCH_PARTS } from '../../src/limits.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2024, 0, 15, 12);
const clock = { nowMs: () => NOW_MS };
const wire = (userId: string, timestampMs: number) => {
  return { user_id: userId, device_id: 'watch', timestamp: new Date(timestampMs).toISOString(), heart_rate: 70 };
};

it('a consumer goes on at once with what a step has left, though no batch is due by what came meanwhile', async () => {
  await withDirectory(async (directory) => {
    const queue = await openEmbeddedQueue({ directory: `${directory}/queue` });
    const storage = await openDirectoryStorage({ directory: `${directory}/data` });
    const days = MAX_BATCH_PARTS + 100;
    await enqueue(
      { queue, clock },
      Array.from({ length: days }, (_, i) => wire('bob', NOW_MS - i * DAY_MS)),
    );
    const stop = new AbortController();
    const left: number[] = [];
    const settings = { batchMaxReadings: days, batchMaxAgeMs: 3_600_000 };
    await runConsumer({ queue, storage, clock }, settings, {
      signal: stop.signal,
      onEvent(event) {
        if (event.type !== 'drained' || event.summary.left === 0) stop.abort();
        if (event.type === 'drained') left.push(event.summary.left);
      },
    });
    expect(left[0]).toBe(days - MAX_BATCH_PARTS);
    expect(left.at(-1)).toBe(0);
    await queue.close();
    await storage.close();
  }, MEMORY_DIRECTORY);
});

it('a batch of more days than a step writes leaves the rest for later, and stores everybody’s first day', async () => {
  await withDirectory(async (directory) => {
    const queue = await openEmbeddedQueue({ directory: `${directory}/queue` });
    const storage = await openDirectoryStorage({ directory: `${directory}/data` });
    const days = 2 * MAX_BATCH_PARTS + 100;
    const flood = Array.from({ length: days }, (_, i) => wire('bob', NOW_MS - i * DAY_MS));
    await enqueue({ queue, clock }, flood);
    await enqueue({ queue, clock }, wire('ana', NOW_MS));
    const day = { start: NOW_MS - DAY_MS, end: NOW_MS + DAY_MS };
    const first = await drainBatch({ queue, storage, clock });
    expect(first).toMatchObject({ claimed: days + 1, left: days + 1 - MAX_BATCH_PARTS, outcome: 'acked' });
    expect(first.parts.length).toBe(MAX_BATCH_PARTS);
    expect(await query({ storage }, { userId: 'ana', ...day })).toHaveLength(1);
    // What comes meanwhile is in the next batch, however much is left.
    await enqueue({ queue, clock }, wire('cy', NOW_MS));
    const second = await drainBatch({ queue, storage, clock });
    // How many a step writes follows from how long the one before took.
    expect(second.left).toBe(first.left + 1 - second.parts.length);
    expect(await query({ storage }, { userId: 'cy', ...day })).toHaveLength(1);
    for (let { left } = second; left > 0; ) {
      const next = await drainBatch({ queue, storage, clock });
      expect(next.left).toBeLessThan(left);
      left = next.left;
    }
    expect((await queue.depth()).readings).toBe(0);
    const all = { userId: 'bob', start: NOW_MS - days * DAY_MS, end: NOW_MS + DAY_MS, interval: '1d' } as const;
    expect(await query({ storage }, all)).toHaveLength(days);
    await queue.close();
    await storage.close();
  }, MEMORY_DIRECTORY);
});
