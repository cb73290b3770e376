import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { writeDelivered } from '../../src/flow/write/write-delivered.js';
import { BATCH_WRITE_MS, MAX_BATCH_PARTS, MIN_BATCH_PARTS } from '../../src/limits.js';
import type { Storage } from '../../src/ports/storage.js';
import type { Reading } from '../../src/pure/columns.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';

/** A disk that writes one file after the other. */
function slowStorage(fileMs: number): Storage {
  let last: Promise<unknown> = Promise.resolve();
  const publish = () => {
    last = last.then(() => sleep(fileMs));
    return last.then(() => 'written' as const);
  };
  return { publish } as unknown as Storage;
}

it('writes fewer parts a step where the disk takes long for each, and more again', async () => {
  const readings: Reading[] = Array.from({ length: 3_000 }, (_, day) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: day * 86_400_000,
    heartRate: 70,
    receivedMs: 0,
  }));
  const fileMs = Math.ceil((2 * BATCH_WRITE_MS) / MAX_BATCH_PARTS);
  const slow = slowStorage(fileMs);
  const step = async (storage: Storage) => (await writeDelivered(storage, queuedFrom(readings), {})).written.length;
  expect(await step(slow)).toBe(MAX_BATCH_PARTS);
  const fewer = await step(slow);
  // A timer is never early.
  expect(fewer).toBeLessThanOrEqual(BATCH_WRITE_MS / fileMs);
  expect(fewer).toBeGreaterThanOrEqual(MIN_BATCH_PARTS);
  // Another disk has nothing to do with it.
  expect(await step(slowStorage(0))).toBe(MAX_BATCH_PARTS);
});
