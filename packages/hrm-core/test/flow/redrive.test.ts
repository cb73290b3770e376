/** Redriving many dead letters that ends in the middle: every one is a letter still or an element, and none is both. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import type { OracleReading } from '../property/oracle.js';
import {
  allDeadLetters,
  deadLetterTexts,
  drainAll,
  expectStored,
  NOON_MS,
  type System,
  wireOf,
  withSystem,
} from '../support/bad-data.js';

const WORKER = fileURLToPath(new URL('redrive-worker.mjs', import.meta.url));
const LETTERS = 3_500;

const READINGS: OracleReading[] = Array.from({ length: LETTERS }, (_, i) => ({
  userId: 'ana',
  deviceId: 'watch',
  timestampMs: NOON_MS + i * 1_000,
  heartRate: 60 + (i % 90),
  receivedMs: NOON_MS + i,
}));

/** All readings as dead letters. */
async function kill({ queue }: System): Promise<void> {
  await queue.push([{ bytes: Buffer.from('all of them'), readings: 1 }]);
  const claim = await queue.claim({ maxReadings: 1, maxBytes: 1e6, maxElements: 1, leaseMs: 1_000 });
  const deadLetters = READINGS.map((reading, i) => {
    return { reason: 'unstorable_reading: x', bytes: Buffer.from(wireOf(reading)), stampMs: NOON_MS - i, attempts: 3 };
  });
  expect(await queue.ack(claim?.token ?? '', { deadLetters })).toBe('acked');
}

/** Some are redriven, some are not, none is lost or doubled; doing it again redrives the others, and all can be stored. */
async function expectResumable(system: System, ids: readonly string[]): Promise<number> {
  const { queue, storage, clock } = system;
  const left = (await deadLetterTexts(queue)).length;
  const queued = (await queue.depth()).readings;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(LETTERS);
  expect(left + queued).toBe(LETTERS);
  // The ids that are redriven already are skipped.
  expect(await queue.deadLetters.redrive(ids)).toBe(left);
  const claim = await queue.claim({ maxReadings: 1e6, maxBytes: 1e9, maxElements: 1e6, leaseMs: 1_000 });
  const stamps = claim?.elements.map(({ bytes, stampMs }) => `${Buffer.from(bytes)} ${stampMs}`).sort();
  expect(stamps).toEqual(READINGS.map((reading, i) => `${wireOf(reading)} ${NOON_MS - i}`).sort());
  await queue.release(claim?.token ?? '');
  await drainAll({ queue, storage, clock });
  expect(await deadLetterTexts(queue)).toEqual([]);
  await expectStored(system, READINGS);
  return left;
}

it('a redrive cut off between two of its transactions is resumed by doing it again', async () => {
  await withSystem(async (system) => {
    await kill(system);
    const ids = (await allDeadLetters(system.queue)).map(({ id }) => id);
    const { clock, directory } = system;
    const other = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
    const redriving = other.deadLetters.redrive(ids);
    await other.close();
    await expect(redriving).rejects.toMatchObject({ kind: 'closed' });
    await expectResumable(system, ids);
  });
});

it.each([0, 1, 2])('a process killed %i turns into its redrive leaves what doing it again finishes', async (turns) => {
  await withSystem(async (system) => {
    await kill(system);
    const ids = (await allDeadLetters(system.queue)).map(({ id }) => id);
    const queue = path.join(system.directory, 'queue');
    const killed = promisify(execFile)(process.execPath, [WORKER, queue, `${turns}`], { timeout: 30_000 });
    await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' });
    const left = await expectResumable(system, ids);
    console.log(`redrive: killed after ${LETTERS - left} of ${LETTERS} letters`);
  });
});
