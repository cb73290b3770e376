/** Draining a queue to its end, and what it tells of on the way. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { HrmError } from '../../src/errors.js';
import { drainBatch } from '../../src/flow/write/drain-batch.js';
import { drainBatches } from '../../src/flow/write/drain-batches.js';
import { enqueue } from '../../src/flow/write/enqueue.js';
import { type ConsumerEvent, runConsumer } from '../../src/loops.js';
import type { Queue } from '../../src/ports/queue.js';
import type { Storage } from '../../src/ports/storage.js';
import { superviseConsumer } from '../../src/supervised-loops.js';

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
    expired: 0,
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

/** A storage that is waited for: no write ends before so many are under way. */
function waitedFor(atOnce: number): Storage {
  let underWay = 0;
  let begin: (() => void) | undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return {
    ...storage,
    batchesAtOnce: atOnce,
    async publish(...call) {
      underWay += 1;
      if (underWay === atOnce) begin?.();
      await begun;
      return await storage.publish(...call);
    },
  };
}

it('stores as many batches at once as the storage is best given', async () => {
  await push('ana', 'bo', 'cy', 'ana', 'bo', 'cy', 'ana');
  const total = await drainBatches({ queue, storage: waitedFor(3) }, { batchMaxReadings: 1 });
  expect(total).toMatchObject({ batches: 7, claimed: 7, stored: 7 });
  expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0 });
});

it('makes the files of one batch after the other, and waits for all of them at once', async () => {
  await push('ana', 'bo', 'cy');
  const seen: string[] = [];
  const slow = waitedFor(3);
  const watched = {
    queue: {
      ...queue,
      async claim(...call: Parameters<Queue['claim']>) {
        const claim = await queue.claim(...call);
        if (claim !== null) seen.push('claimed');
        return claim;
      },
    },
    storage: {
      ...slow,
      publish(...call: Parameters<Storage['publish']>) {
        seen.push('stores');
        return slow.publish(...call);
      },
    },
  };
  await drainBatches(watched, { batchMaxReadings: 1 });
  expect(seen).toEqual(['claimed', 'stores', 'claimed', 'stores', 'claimed', 'stores']);
});

it('tells a failure when the batches that are stored at once have ended', async () => {
  await push('ana', 'bo', 'cy', 'ana');
  const slow = waitedFor(3);
  const full = new HrmError('no space is left; make some', { kind: 'unavailable', code: 'storage_full' });
  const failing: Storage = {
    ...slow,
    async publish(...call) {
      const outcome = await slow.publish(...call);
      if (call[0].directory === 'ana') throw full;
      return outcome;
    },
  };
  await expect(drainBatches({ queue, storage: failing }, { batchMaxReadings: 1 })).rejects.toBe(full);
  const { readings, claimedReadings, endedClaims } = await queue.depth();
  // The batches of bo and cy are stored; ana's was given back, and her second one not begun, or given back as well.
  expect({ readings, claimedReadings }).toEqual({ readings: 2, claimedReadings: 0 });
  expect(endedClaims).toBeGreaterThan(0);
});

it('consumers of one process claim whole batches, one after the other, while others store theirs', async () => {
  await push('ana', 'bo', 'cy', 'ana', 'bo', 'cy');
  const stop = new AbortController();
  const claimed: number[] = [];
  function onEvent(event: ConsumerEvent): void {
    if (event.type !== 'drained') return;
    claimed.push(event.summary.claimed);
    if (claimed.length === 3) void push('late').then(() => stop.abort());
  }
  const settings = { batchMaxReadings: 2, batchMaxAgeMs: 3_600_000, leaseMs: 30_000 };
  // Each batch is of two users: six parts, and the first three batches are under way together.
  await superviseConsumer({ queue, storage: waitedFor(6) }, settings, { signal: stop.signal, onEvent });
  expect(claimed).toEqual([2, 2, 2]);
  expect(await queue.depth()).toMatchObject({ readings: 1, claimedReadings: 0 });
});

it('a consumer that hangs for ever ends those beside it', async () => {
  await push('ana', 'bo', 'cy');
  const hanging: Storage = {
    ...storage,
    batchesAtOnce: 2,
    publish: (...call) => (call[0].directory === 'ana' ? new Promise(() => undefined) : storage.publish(...call)),
  };
  const settings = { batchMaxReadings: 1, batchMaxAgeMs: 0, leaseMs: 100 };
  const patience = { stallMs: 300, graceMs: 50 };
  const watched = superviseConsumer({ queue, storage: hanging }, settings, {
    ...patience,
    signal: new AbortController().signal,
  });
  await expect(watched).rejects.toMatchObject({ code: 'loop_stalled' });
  const { claimedReadings } = await queue.depth();
  expect(claimedReadings).toBe(1);
});
