import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded.js';
import { openDirectoryStorage } from '../../src/drivers/storage/directory.js';
import {
  compact,
  drainBatch,
  enqueue,
  HrmError,
  isHrmError,
  type Queue,
  query,
  type Snapshot,
  type Storage,
} from '../../src/index.js';
import { type OracleReading, oracleAnswer } from '../property/oracle.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 0, 15, 23, 30);
const DAY_MS = 86_400_000;
const USERS = ['ana', 'ben'];

/** Fails the n-th call of a run: before its effect, or after it, when only the reply is lost. */
interface Fault {
  at: number;
  when: 'before' | 'after';
  calls: number;
}

const BROKEN = new HrmError('the disk fell off', { kind: 'unavailable', code: 'storage_unavailable' });

async function through<T>(fault: Fault, call: () => Promise<T>): Promise<T> {
  fault.calls += 1;
  const fails = fault.calls === fault.at;
  if (fails && fault.when === 'before') throw BROKEN;
  const result = await call();
  if (fails) throw BROKEN;
  return result;
}

function failingQueue(queue: Queue, fault: Fault): Queue {
  return {
    ...queue,
    push: (...args) => through(fault, () => queue.push(...args)),
    claim: (...args) => through(fault, () => queue.claim(...args)),
    ack: (...args) => through(fault, () => queue.ack(...args)),
    release: (...args) => through(fault, () => queue.release(...args)),
  };
}

function failingStorage(storage: Storage, fault: Fault): Storage {
  // The driver knows its own snapshots only.
  const originals = new Map<Snapshot, Snapshot>();
  function failingSnapshot(snapshot: Snapshot): Snapshot {
    const files = snapshot.files.map((file) => {
      return { ...file, read: (from: number, to: number) => through(fault, () => file.read(from, to)) };
    });
    const failing = { ...snapshot, files };
    originals.set(failing, snapshot);
    return failing;
  }
  return {
    ...storage,
    publish: (...args) => through(fault, () => storage.publish(...args)),
    snapshot: async (...args) => failingSnapshot(await through(fault, () => storage.snapshot(...args))),
    replace: (replacement) => {
      const snapshot = originals.get(replacement.snapshot) ?? replacement.snapshot;
      return through(fault, () => storage.replace({ ...replacement, snapshot }));
    },
    remove: (...args) => through(fault, () => storage.remove(...args)),
    async *partitions(...args) {
      await through(fault, async () => undefined);
      yield* storage.partitions(...args);
    },
  };
}

/** Tries again what failed by the fault, as a loop or a client would; any other failure is one of the test. */
async function insist<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isHrmError(error) || error.kind !== 'unavailable') throw error;
    return step();
  }
}

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

async function live(fault: Fault): Promise<void> {
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-faults-'));
  const clock = { now: START_MS, nowMs: () => clock.now };
  const realQueue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  const realStorage = await openDirectoryStorage({ directory: path.join(directory, 'data') });
  const queue = failingQueue(realQueue, fault);
  const storage = failingStorage(realStorage, fault);
  const all: OracleReading[] = [];
  const drain = () => insist(() => drainBatch({ queue, storage, clock }, { batchMaxReadings: 45, leaseMs: 1_000 }));
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

it.each(['before', 'after'] as const)(
  'loses and invents nothing when any one call of a port fails %s its effect',
  async (when) => {
    let at = 1;
    for (; ; at += 1) {
      const fault = { at, when, calls: 0 };
      await live(fault);
      if (fault.calls < at) break;
    }
    // A run that makes no calls would prove nothing.
    expect(at).toBeGreaterThan(60);
    console.log(`port faults: ${at - 1} calls failed in turn, ${when} their effect`);
  },
);
