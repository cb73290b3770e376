/** Draining a queue to its end, and what it tells of on the way. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { drainBatch } from '../../src/flow/write/drain-batch.js';
import { drainBatches } from '../../src/flow/write/drain-batches.js';
import { enqueue } from '../../src/flow/write/enqueue.js';
import { runConsumer } from '../../src/loops.js';
import type { Queue } from '../../src/ports/queue.js';
import type { Storage } from '../../src/ports/storage.js';

let directory: string;
let queue: Queue;
let storage: Storage;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hrm-drain-'));
  queue = await openEmbeddedQueue({ directory: join(directory, 'queue') });
  storage = await openDirectoryStorage({ directory: join(directory, 'data') });
});
afterEach(async () => {
  await queue.close();
  await storage.close();
  await rm(directory, { recursive: true });
});

/** One reading an element, so that each may be a batch of its own. */
async function push(...userIds: string[]): Promise<void> {
  for (const [i, userId] of userIds.entries()) {
    const timestamp = new Date(Date.UTC(2024, 0, 15) + i * 1_000).toISOString();
    await enqueue({ queue }, [{ userId, deviceId: 'watch', timestamp, heartRate: 72 }]);
  }
}

it('goes on until the queue is empty, or for as many batches as it is told', async () => {
  await push('ana', 'bo', 'ana');
  const heard: number[] = [];
  const settings = { batchMaxReadings: 1 };
  const onStep = ({ claimed }: { readonly claimed: number }) => void heard.push(claimed);
  expect(await drainBatches({ queue, storage }, { ...settings, maxBatches: 1 }, { onStep })).toMatchObject({
    batches: 1,
    stored: 1,
    postponed: 0,
  });
  expect((await queue.depth()).readings).toBe(2);
  expect(await drainBatches({ queue, storage }, settings, { onStep })).toEqual({
    batches: 2,
    claimed: 2,
    stored: 2,
    parts: 2,
    deadLettered: 0,
    stale: 0,
    postponed: 0,
    failures: [],
  });
  expect(heard).toEqual([1, 1, 2, 2]);
});

it('does not go on after a step that put readings back, which would never end', async () => {
  // A file where the user's directory belongs: nobody can write there, root neither.
  await mkdir(join(directory, 'data', '20240115'), { recursive: true });
  await writeFile(join(directory, 'data', '20240115', 'bo'), '');
  await push('ana', 'ana', 'bo', 'ana');
  const total = await drainBatches({ queue, storage }, { batchMaxReadings: 1 });
  expect(total).toMatchObject({ batches: 3, stored: 2, postponed: 1, failures: [{ partition: { directory: 'bo' } }] });
  expect((await queue.depth()).readings).toBe(2);
});

it('tells of each part when its write has ended, well or not', async () => {
  await mkdir(join(directory, 'data', '20240115'), { recursive: true });
  await writeFile(join(directory, 'data', '20240115', 'bo'), '');
  await push('ana', 'bo', 'cy');
  let parts = 0;
  function onProgress(): void {
    parts += 1;
  }
  const { parts: written } = await drainBatch({ queue, storage }, {}, { onProgress });
  expect(written).toHaveLength(2);
  expect(parts).toBe(3);
});

it('and a consumer gives a sign of life for each', async () => {
  await push('ana', 'bo');
  const stop = new AbortController();
  const signs: string[] = [];
  await runConsumer(
    { queue, storage },
    { batchMaxAgeMs: 0 },
    {
      signal: stop.signal,
      onAlive: ({ kind }) => void signs.push(kind),
      onEvent: ({ type }) => type === 'drained' && stop.abort(),
    },
  );
  expect(signs).toEqual(['alive', 'alive', 'done']);
});
