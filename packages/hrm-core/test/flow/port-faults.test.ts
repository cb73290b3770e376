import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, drainBatch, enqueue, query } from '../../src/index.js';
import { type OracleReading, oracleAnswer } from '../property/oracle.js';
import { type Fault, failingQueue, failingStorage, insist } from '../support/failing-ports.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15, 23, 30);
const DAY_MS = 86_400_000;
const USERS = ['ana', 'ben'];

function batch(b: number): OracleReading[] {
  return Array.from({ length: 30 }, (_, i) => ({
    userId: USERS[i % 2] as string,
    deviceId: i % 3 === 0 ? 'strap' : 'watch',
    // Past midnight from the sixth on; batches overlap, with other values at the same keys.
    timestampMs: START_MS + Math.floor((b * 20 + i) / 2) * 120_000,
    heartRate: 60 + ((b * 7 + i * 3) % 90),
    receivedMs: START_MS + b * 60_000,
  }));
}

async function live(fault: Fault, maxSmallParts: number): Promise<void> {
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-faults-'));
  const clock = { now: START_MS, nowMs: () => clock.now };
  const realQueue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  const realStorage = await openDirectoryStorage({
    directory: path.join(directory, 'data'),
    fileSystem: promptFileSystem,
  });
  const queue = failingQueue(realQueue, fault);
  const storage = failingStorage(realStorage, fault);
  const all: OracleReading[] = [];
  const drain = () =>
    insist(() => drainBatch({ queue, storage, clock }, { batchMaxReadings: 45, leaseMs: 1_000, maxSmallParts }));
  async function ask(): Promise<void> {
    for (const userId of USERS) {
      const range = { userId, fromMs: START_MS, toMs: START_MS + DAY_MS };
      const rows = await insist(() => query({ storage }, { userId, start: range.fromMs, end: range.toMs }));
      expect(rows).toEqual(oracleAnswer(all, { ...range, intervalMs: 60_000, priority: {} }));
    }
  }
  try {
    for (let b = 0; b < 4; b += 1) {
      clock.now = START_MS + b * 60_000;
      all.push(...batch(b));
      const wire = batch(b).map(({ timestampMs, ...rest }) => ({
        ...rest,
        timestamp: new Date(timestampMs).toISOString(),
      }));
      await insist(() => enqueue({ queue, clock }, wire));
      if (b % 2 === 0) continue;
      // A claim whose reply was lost is its consumer's until the lease ends.
      for (let lease = 0; lease < 3; lease += 1) {
        while ((await drain()).outcome !== 'empty');
        clock.now += 1_000;
      }
      await ask();
      await insist(() => compact({ storage, clock }, { all: true, sweepAfterMs: 0 }));
      await ask();
    }
    await insist(() => compact({ storage, clock }, { all: true, sweepAfterMs: 0 }));
    await ask();
    expect(await realQueue.depth()).toEqual({
      readings: 0,
      claimedReadings: 0,
      deadLetters: 0,
      endedClaims: 0,
      oldestMs: null,
    });
  } finally {
    await realQueue.close();
    await realStorage.close();
    await rm(directory, { recursive: true });
  }
}

it.each([
  ['before', 32],
  ['after', 32],
  ['before', 0],
  ['after', 0],
] as const)(
  'loses and invents nothing when any one call of a port fails %s its effect (%i parts of few readings, else shared)',
  // Two hundred lives.
  { timeout: 600_000 },
  async (when, maxSmallParts) => {
    let at = 1;
    for (; ; at += 1) {
      const fault = { at, when, calls: 0 };
      await live(fault, maxSmallParts);
      if (fault.calls < at) break;
    }
    // A run that makes no calls would prove nothing.
    expect(at).toBeGreaterThan(60);
    console.log(`port faults: ${at - 1} calls failed in turn, ${when} their effect`);
  },
);
