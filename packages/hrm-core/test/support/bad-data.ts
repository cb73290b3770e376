/** What the tests of readings that cannot be stored share: a system over real drivers, and what must be true of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { type DeadLetter, drainBatch, type Queue, query, type Storage } from '../../src/index.js';
import { type OracleReading, oracleAnswer } from '../property/oracle.js';
import { promptFileSystem } from './prompt-file-system.js';
import { REFUSED_BPM, refusingStorage } from './refusing-storage.js';
import { MEMORY_DIRECTORY } from './temporary-directory.js';

/** A noon, so that a day's readings fit before and after. */
export const NOON_MS = Date.UTC(2024, 0, 15, 12);

export interface System {
  readonly directory: string;
  readonly queue: Queue;
  /** Refuses marked readings. */
  readonly storage: ReturnType<typeof refusingStorage>;
  readonly clock: { now: number; nowMs(): number };
}

/** Uses a fresh system and deletes it. */
export async function withSystem(use: (system: System) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-bad-data-'));
  const clock = { now: NOON_MS, nowMs: () => clock.now };
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  const storage = await openDirectoryStorage({
    directory: path.join(directory, 'data'),
    fileSystem: promptFileSystem,
  });
  try {
    await use({ directory, queue, storage: refusingStorage(storage), clock });
  } finally {
    await queue.close();
    await storage.close();
    await rm(directory, { recursive: true });
  }
}

/** A reading as a queue holds it. */
export function wireOf({ deviceId, userId, timestampMs, heartRate, receivedMs }: OracleReading): string {
  const wire = { device_id: deviceId, user_id: userId, timestamp_ms: timestampMs, heart_rate: heartRate };
  return JSON.stringify({ ...wire, received_ms: receivedMs });
}

/** Pushes readings as elements of at most `size`. */
export async function pushReadings(queue: Queue, readings: readonly OracleReading[], size = 1_000): Promise<void> {
  const elements = [];
  for (let from = 0; from < readings.length; from += size) {
    const chunk = readings.slice(from, from + size);
    elements.push({ bytes: Buffer.from(`[${chunk.map(wireOf).join()}]`), readings: chunk.length });
  }
  await queue.push(elements);
}

export function isBad({ heartRate }: OracleReading): boolean {
  return heartRate === REFUSED_BPM;
}

/** All dead letters. */
export async function allDeadLetters({ deadLetters }: Queue): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (;;) {
    const page = await deadLetters.list({ afterId: letters.at(-1)?.id, limit: 1_000 });
    if (page.length === 0) return letters;
    letters.push(...page);
  }
}

/** The dead letters' bytes as text, sorted. */
export async function deadLetterTexts(queue: Queue): Promise<string[]> {
  return (await allDeadLetters(queue)).map(({ bytes }) => Buffer.from(bytes).toString()).sort();
}

/** Drains until the queue is empty, ended leases included; how many steps that took. */
export async function drainAll(
  { queue, storage, clock }: Pick<System, 'queue' | 'clock'> & { storage: Storage },
  settings: { batchMaxReadings?: number } = {},
): Promise<number> {
  for (let steps = 0; steps < 500; steps += 1) {
    const { outcome } = await drainBatch({ queue, storage, clock }, { ...settings, leaseMs: 60_000 });
    if (outcome !== 'empty') continue;
    if ((await queue.depth()).claimedReadings === 0) return steps;
    clock.now += 60_000;
  }
  throw new Error('it does not get to the end');
}

/** Every user's answers, by the minute and of each device, are those of the readings given, and the queue is empty. */
export async function expectStored(
  { queue, storage }: { readonly queue: Queue; readonly storage: Storage },
  readings: readonly OracleReading[],
): Promise<void> {
  const range = { fromMs: NOON_MS - 5 * 86_400_000, toMs: NOON_MS + 5 * 86_400_000, intervalMs: 60_000, priority: {} };
  for (const userId of new Set(readings.map((reading) => reading.userId))) {
    for (const deviceId of [undefined, ...new Set(readings.map((reading) => reading.deviceId))]) {
      const rows = await query({ storage }, { userId, start: range.fromMs, end: range.toMs, deviceId });
      expectSame(rows, oracleAnswer(readings, { ...range, userId, deviceId }));
    }
  }
  expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0 });
}

/** Exactly the bad among the readings, whose keys are distinct, are dead letters; exactly the good are in the answers. */
export async function expectSorted(system: System, readings: readonly OracleReading[]): Promise<void> {
  const bad = readings.filter(isBad).map(wireOf);
  const letters = await deadLetterTexts(system.queue);
  expectSame(letters, bad.sort());
  await expectStored(
    system,
    readings.filter((reading) => !isBad(reading)),
  );
}
