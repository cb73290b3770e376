/** A large batch is taken a slice at a time: all or none of it, with the faults of all slices, in the order of owners' turns. */
import { expect, it } from 'vitest';
import { DEFAULTS } from '../../src/defaults.js';
import { createYielder, enqueue, enqueueUntrusted, HrmError, type QueueElement } from '../../src/index.js';
import { MAX_TURN_MS } from '../../src/limits.js';
import { decodeElements } from '../../src/pure/reading/element.js';
import { listOf } from '../support/queued.js';

function readingsOf(length: number) {
  return Array.from({ length }, (_, i) => ({
    userId: 'ana',
    deviceId: `watch ${i}`,
    timestamp: '2024-01-15T10:00:00Z',
    heartRate: 60,
  }));
}

/** A queue that keeps what it is given. */
function keeping() {
  const pushed: QueueElement[][] = [];
  return { pushed, queue: { push: async (elements: readonly QueueElement[]) => void pushed.push([...elements]) } };
}

it('is pushed at once, in order, as it was when it was given', async () => {
  const { pushed, queue } = keeping();
  const readings = readingsOf(3_500);
  const accepted = enqueue({ queue }, readings);
  readings.length = 0;
  expect(await accepted).toEqual({ accepted: 3_500 });
  const [elements = []] = pushed;
  expect(pushed).toHaveLength(1);
  expect(elements.map(({ readings: count }) => count)).toEqual([1_000, 1_000, 1_000, 500]);
  const decoded = decodeElements(
    elements.map(({ bytes }) => ({ bytes, stampMs: 0, attempts: 1 })),
    DEFAULTS,
  );
  expect(listOf(decoded.readings).map(({ deviceId }) => deviceId)).toEqual(
    readingsOf(3_500).map(({ deviceId }) => deviceId),
  );
});

it('is refused as a whole, with the faults of all slices by their place in the batch', async () => {
  const { pushed, queue } = keeping();
  const readings: unknown[] = readingsOf(2_500);
  for (const i of [0, 999, 1_000, 2_499]) readings[i] = 5;
  const error = await enqueueUntrusted({ queue }, readings).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(HrmError);
  const { faults, faultCount, message } = error as HrmError;
  expect(faults.map(({ path }) => path)).toEqual(['/0', '/999', '/1000', '/2499']);
  expect(faultCount).toBe(4);
  expect(message).toBe('4 faults in the readings; none was accepted');
  const many = await enqueueUntrusted({ queue }, Array(5_000).fill(null)).catch((cause: unknown) => cause);
  expect([(many as HrmError).faults.length, (many as HrmError).faultCount]).toEqual([100, 5_000]);
  expect(pushed).toEqual([]);
});

it('gives way between slices: another owner works before its end, and an abort ends it', async () => {
  const { queue, pushed } = keeping();
  // A getter is a look at how far it is; each takes longer than a turn.
  const order: string[] = [];
  const slow = readingsOf(4_000).map((reading, i) =>
    Object.defineProperty({ ...reading }, 'heartRate', {
      enumerable: true,
      get() {
        if (i % 1_000 !== 0) return 60;
        order.push(`slice ${i / 1_000}`);
        const endMs = performance.now() + MAX_TURN_MS + 1;
        while (performance.now() < endMs);
        return 60;
      },
    }),
  );
  const yielder = createYielder({ owner: 'reader' });
  const taken = enqueue({ queue }, slow, { owner: 'ingester' });
  await yielder.yieldToAll();
  order.push('reader');
  await taken;
  expect(order.indexOf('reader')).toBeLessThan(order.indexOf('slice 3'));
  const stop = new AbortController();
  const aborted = enqueue({ queue }, slow, { owner: 'ingester', signal: stop.signal });
  stop.abort();
  await expect(aborted).rejects.toMatchObject({ kind: 'closed' });
  expect(pushed).toHaveLength(1);
});
