import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, drainBatch, enqueue, query, type Storage } from '../../src/index.js';
import { type OracleReading, type OracleRow, oracleAnswer } from '../property/oracle.js';
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

/** What a life goes through, and how it is asked between. */
interface Life {
  readonly fault: Fault;
  readonly maxSmallParts: number;
  readonly ask: (storage: Storage, question: Question, expected: OracleRow[]) => Promise<void>;
}

interface Question {
  readonly userId: string;
  readonly start: number;
  readonly end: number;
}

async function live({ fault, maxSmallParts, ask }: Life): Promise<void> {
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
  async function askAll(): Promise<void> {
    // Before its call failed, a life is the one that is asked throughout.
    if (fault.calls < fault.at) return;
    for (const userId of USERS) {
      const range = { userId, fromMs: START_MS, toMs: START_MS + DAY_MS };
      const expected = oracleAnswer(all, { ...range, intervalMs: 60_000, priority: {} });
      await ask(realStorage, { userId, start: range.fromMs, end: range.toMs }, expected);
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
      await askAll();
      await insist(() => compact({ storage, clock }, { all: true, sweepAfterMs: 0 }));
      await askAll();
    }
    await insist(() => compact({ storage, clock }, { all: true, sweepAfterMs: 0 }));
    await askAll();
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

async function ask(storage: Storage, question: Question, expected: OracleRow[]): Promise<void> {
  expect(await insist(() => query({ storage }, question))).toEqual(expected);
}

it.each([
  ['before', 32],
  ['after', 32],
  ['before', 0],
  ['after', 0],
] as const)(
  'loses and invents nothing when any one call of a port fails %s its effect (%i parts of few readings, else shared)',
  // A hundred lives.
  { timeout: 600_000 },
  async (when, maxSmallParts) => {
    // The first is a life without a failure.
    let at = 0;
    for (; ; at += 1) {
      const fault = { at, when, calls: 0 };
      await live({ fault, maxSmallParts, ask });
      if (fault.calls < at) break;
    }
    // A run that makes no calls would prove nothing.
    expect(at).toBeGreaterThan(when === 'before' ? 60 : 30);
    console.log(`port faults: ${at - 1} calls failed in turn, ${when} their effect`);
  },
);

it.each([32, 0])(
  'answers rightly when any one call of a question failed before (%i parts of few readings, else shared)',
  async (maxSmallParts) => {
    const fault: Fault = { at: 0, when: 'before', calls: 0 };
    let failed = 0;
    let remembering: Storage | null = null;
    async function askInVain(real: Storage, question: Question, expected: OracleRow[]): Promise<void> {
      remembering ??= failingStorage(real, fault);
      // One that remembers files of the questions before, and one that knows none yet.
      for (const openStorage of [() => remembering as Storage, () => failingStorage(real, fault)]) {
        for (let at = 1; ; at += 1) {
          Object.assign(fault, { at, calls: 0 });
          await ask(openStorage(), question, expected);
          if (fault.calls < at) break;
          failed += 1;
        }
      }
    }
    await live({ fault: { at: 0, when: 'before', calls: 0 }, maxSmallParts, ask: askInVain });
    expect(failed).toBeGreaterThan(60);
  },
);
