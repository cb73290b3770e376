/** Readings that make a write fail for what they hold: found by halving, set aside, and nothing else ever is. */
import { expect, it } from 'vitest';
import { drainBatch, HrmError, isHrmError, query, writePart } from '../../src/index.js';
import { MAX_HALVING_WRITES } from '../../src/limits.js';
import type { OracleReading } from '../property/oracle.js';
import {
  allDeadLetters,
  deadLetterTexts,
  drainAll,
  expectSorted,
  expectStored,
  NOON_MS,
  pushReadings,
  wireOf,
  withSystem,
} from '../support/bad-data.js';
import { type Fault, failingQueue, failingStorage } from '../support/failing-ports.js';
import { REFUSED_BPM } from '../support/refusing-storage.js';

const RECEIVED_MS = NOON_MS + 12_345;

/** One a second from noon, of the users in turn, bad at the indices given. */
function readings(count: number, bad: readonly number[], users = ['ana']): OracleReading[] {
  const marked = new Set(bad);
  return Array.from({ length: count }, (_, i) => ({
    userId: users[i % users.length] as string,
    deviceId: i % 3 === 0 ? 'strap' : 'watch',
    timestampMs: NOON_MS + i * 500,
    heartRate: marked.has(i) ? REFUSED_BPM : 60 + (i % 90),
    receivedMs: RECEIVED_MS + i,
  }));
}

const every = (count: number, step = 1) => Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);

it.each([
  ['the first', 5_000, [0], ['ana']],
  ['the last', 5_000, [4_999], ['ana']],
  ['one in the middle', 5_000, [3_111], ['ana']],
  ['two neighbours over the middle', 5_000, [2_499, 2_500], ['ana']],
  ['several', 50_000, [7, 1_900, 25_000, 25_001, 49_000], ['ana']],
  ['some of several users', 3_000, [0, 1, 2, 1_500, 2_998], ['ana', 'ben', 'eva']],
  ['all of three', 3, [0, 1, 2], ['ana']],
  ['the only one', 1, [0], ['ana']],
  ['each user’s only one', 300, every(300), every(300).map((i) => `user ${i}`)],
] as const)('of a batch, finds %s among %i, and stores the rest', async (_, count, bad, users) => {
  await withSystem(async (system) => {
    const { queue, storage, clock } = system;
    const all = readings(count, bad, [...users]);
    await pushReadings(queue, all);
    // Parts apart: many bad ones in a shared part take more than one step.
    const summary = await drainBatch({ queue, storage, clock }, { maxSmallParts: 1_000 });
    expect(summary).toMatchObject({ claimed: count, deadLettered: bad.length, postponed: 0, undecided: 0 });
    expect(summary.parts.reduce((sum, part) => sum + part.readings, 0)).toBe(count - bad.length);
    expect(storage.publishes).toBeLessThanOrEqual(MAX_HALVING_WRITES + users.length);
    await expectSorted(system, all);
  });
});

it('of a shared part, finds some among 300 users, and stores the rest', async () => {
  await withSystem(async (system) => {
    const { queue, storage, clock } = system;
    const all = readings(
      600,
      [0, 299, 450],
      every(300).map((i) => `user ${i}`),
    );
    await pushReadings(queue, all);
    const summary = await drainBatch({ queue, storage, clock });
    expect(summary).toMatchObject({ claimed: 600, deadLettered: 3, postponed: 0, undecided: 0 });
    expect(new Set(summary.parts.map(({ partition }) => partition.directory))).toEqual(new Set(['_shared']));
    expect(summary.parts.reduce((sum, part) => sum + part.readings, 0)).toBe(597);
    await expectSorted(system, all);
  });
});

it('of nothing but bad readings of a shared part, finds all in some steps', async () => {
  await withSystem(async (system) => {
    const { queue, storage, clock } = system;
    const all = readings(
      300,
      every(300),
      every(300).map((i) => `user ${i}`),
    );
    await pushReadings(queue, all);
    let [steps, deadLettered] = [0, 0];
    for (; deadLettered < 300; steps += 1) {
      expect(steps).toBeLessThan(10);
      const summary = await drainBatch({ queue, storage, clock });
      expect(summary.deadLettered).toBeGreaterThan(0);
      deadLettered += summary.deadLettered;
    }
    await expectSorted(system, all);
  });
});

it('keeps reason, time and attempts with the raw bytes, and names no reading in the reason', async () => {
  await withSystem(async ({ queue, storage, clock }) => {
    const all = readings(10, [4]);
    await pushReadings(queue, all);
    const claim = await queue.claim({ maxReadings: 1e6, maxBytes: 1e6, maxElements: 1e6, leaseMs: 1_000 });
    await queue.release(claim?.token ?? '');
    clock.now += 7_000;
    await drainBatch({ queue, storage, clock });
    const [deadLetter, ...others] = await allDeadLetters(queue);
    expect(others).toEqual([]);
    expect(deadLetter).toMatchObject({ stampMs: NOON_MS, deadMs: NOON_MS + 7_000, attempts: 2 });
    expect(Buffer.from(deadLetter?.bytes ?? []).toString()).toBe(wireOf(all[4] as OracleReading));
    expect(deadLetter?.reason).toMatch(/^unstorable_reading: /);
    expect(deadLetter?.reason).not.toMatch(/\d/);
  });
});

it.each([
  ['all', 1],
  ['every second', 2],
  ['every seventh', 7],
])('ends a step at its bound, puts the rest to the end of the queue, and gets to the end: %s bad', async (_, step) => {
  await withSystem(async (system) => {
    const { queue, storage, clock } = system;
    const all = readings(1_400, every(1_400, step));
    await pushReadings(queue, all);
    await pushReadings(queue, [{ ...(all[0] as OracleReading), userId: 'eva', heartRate: 70 }]);
    for (let left = 1_401; left > 0; ) {
      const before = storage.publishes;
      const summary = await drainBatch({ queue, storage, clock });
      expect(storage.publishes - before).toBeLessThanOrEqual(MAX_HALVING_WRITES + 2);
      expect(summary).toMatchObject({ claimed: left, postponed: 0, failures: [], outcome: 'acked' });
      expect(summary.deadLettered).toBeGreaterThan(summary.undecided > 0 ? MAX_HALVING_WRITES / 10 : 0);
      expect((await queue.depth()).readings).toBe(summary.undecided);
      // Whoever is with them in the batch is stored at once.
      expect(await query({ storage }, { userId: 'eva', start: NOON_MS, end: NOON_MS + 60_000 })).toHaveLength(1);
      left = summary.undecided;
    }
    await expectSorted(system, all);
  });
});

it('stores a good reading that a bad one of its key would have superseded', async () => {
  await withSystem(async (system) => {
    const [first, ...rest] = readings(20, []) as [OracleReading, ...OracleReading[]];
    const worse = { ...first, heartRate: REFUSED_BPM, receivedMs: first.receivedMs + 3_600_000 };
    await pushReadings(system.queue, [worse, first, ...rest, worse]);
    await drainAll(system);
    expect(await deadLetterTexts(system.queue)).toEqual([wireOf(worse), wireOf(worse)]);
    await expectStored(system, [first, ...rest]);
  });
});

it('redrives to the same readings once the storage takes them, with the time of their first arrival', async () => {
  await withSystem(async (system) => {
    const { queue, storage, clock } = system;
    const wire = { device_id: 'watch', user_id: 'ana', heart_rate: REFUSED_BPM };
    // Of a foreign producer: without `received_ms`.
    const elements = [0, 1].map((i) => JSON.stringify({ ...wire, timestamp_ms: NOON_MS - i * 60_000 }));
    await queue.push(elements.map((text) => ({ bytes: Buffer.from(text), readings: 1 })));
    clock.now += 5_000;
    await drainAll(system);
    // An hour on, the first is corrected; the redriven one, which came before, must not win.
    clock.now += 3_600_000;
    const arrived = { userId: 'ana', deviceId: 'watch', heartRate: REFUSED_BPM, receivedMs: NOON_MS };
    const correction = { ...arrived, timestampMs: NOON_MS, heartRate: 64, receivedMs: clock.now };
    await pushReadings(queue, [correction]);
    await drainAll(system);
    const deadLetters = await allDeadLetters(queue);
    expect(deadLetters.map(({ stampMs }) => stampMs)).toEqual([NOON_MS, NOON_MS]);
    storage.isMended = true;
    expect(await queue.deadLetters.redrive(deadLetters.map(({ id }) => id))).toBe(2);
    expect((await queue.depth()).oldestMs).toBe(NOON_MS);
    await drainAll(system);
    expect(await deadLetterTexts(queue)).toEqual([]);
    await expectStored(system, [correction, { ...arrived, timestampMs: NOON_MS - 60_000 }]);
  });
});

it('sets them aside again, attempts counted, where they are redriven before the storage takes them', async () => {
  await withSystem(async (system) => {
    const all = readings(9, [3, 8]);
    await pushReadings(system.queue, all);
    await drainAll(system);
    await system.queue.deadLetters.redrive((await allDeadLetters(system.queue)).map(({ id }) => id));
    await drainAll(system);
    await expectSorted(system, all);
    expect((await allDeadLetters(system.queue)).map(({ attempts }) => attempts)).toEqual([2, 2]);
  });
});

it('writePart looks for nothing: it throws, and of that partition nothing is stored', async () => {
  await withSystem(async ({ storage }) => {
    const all = readings(10, [4]);
    await expect(writePart({ storage }, all)).rejects.toMatchObject({ kind: 'data', code: 'unstorable_readings' });
    expect(await query({ storage }, { userId: 'ana', start: NOON_MS, end: NOON_MS + 60_000 })).toEqual([]);
  });
});

/**
 * Why else a write may fail, whether then no other write makes sense, and at which calls it does. Those that are treated alike take turns at
 * the calls, but for the first of them.
 */
const OTHERS: readonly (readonly [string, Error, boolean, first: number, step: number])[] = [
  ['a lost storage', new HrmError('x', { kind: 'unavailable', code: 'storage_unavailable' }), false, 1, 1],
  ['a full disk', new HrmError('x', { kind: 'unavailable', code: 'storage_full' }), true, 1, 1],
  ['a damaged file', new HrmError('x', { kind: 'data', code: 'file_damaged' }), false, 1, 3],
  ['a conflict', new HrmError('x', { kind: 'conflict', code: 'file_gone' }), false, 2, 3],
  ['the right code of another kind', new HrmError('x', { kind: 'internal', code: 'unstorable_readings' }), false, 3, 3],
  ['no permission', Object.assign(new Error('EACCES'), { code: 'EACCES' }), true, 1, 2],
];

it.each(OTHERS)(
  '%s at any call of a step that halves makes nothing a dead letter',
  async (_, error, isTotal, first, step) => {
    for (const when of ['before', 'after'] as const) {
      for (let at = first; ; at += step) {
        const fault: Fault = { at, when, calls: 0, error };
        let done = false;
        await withSystem(async (system) => {
          const { queue, storage, clock } = system;
          const all = readings(40, [6, 7, 31], ['ana', 'ben']);
          await pushReadings(queue, all, 7);
          const failing = failingStorage(storage, fault);
          const summary = await drainBatch({ queue, storage: failing, clock }).catch((thrown: unknown) => {
            expect(thrown).toBe(error);
            return null;
          });
          done = fault.calls < at;
          // The first two writes go on at once.
          if (isTotal && when === 'before' && at > 2 && !done) expect(fault.calls).toBe(at);
          const dead = await deadLetterTexts(queue);
          const bad = new Set([6, 7, 31].map((i) => wireOf(all[i] as OracleReading)));
          expect(dead.filter((text) => !bad.has(text))).toEqual([]);
          expect(summary?.deadLettered ?? 0).toBe(dead.length);
          // A refused write has no effect after which its reply could be lost.
          if (when === 'before' && !done && summary !== null) expect(summary.failures).toHaveLength(1);
          await drainAll(system);
          await expectSorted(system, all);
        });
        if (done) {
          expect(at).toBeGreaterThan(15);
          break;
        }
      }
    }
  },
);

it('a process that dies at any call of a step that halves loses no reading, and kills no good one', async () => {
  for (const when of ['before', 'after'] as const) {
    let at = 1;
    for (let done = false; !done; at += 1) {
      const fault: Fault = { at, when, calls: 0, isLast: true };
      await withSystem(async (system) => {
        const { queue, storage, clock } = system;
        const all = readings(40, [6, 7, 31], ['ana', 'ben']);
        await pushReadings(queue, all, 7);
        const dying = { queue: failingQueue(queue, fault), storage: failingStorage(storage, fault), clock };
        await drainBatch(dying, { leaseMs: 60_000 }).catch((error: unknown) => {
          if (!isHrmError(error) || error.kind !== 'unavailable') throw error;
        });
        done = fault.calls < at;
        await drainAll(system);
        await expectSorted(system, all);
      });
    }
    expect(at).toBeGreaterThan(17);
    console.log(`unstorable: died at ${at - 2} calls in turn, ${when} their effect`);
  }
});
