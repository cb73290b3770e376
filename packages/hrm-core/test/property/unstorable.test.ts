/** Random batches with random bad readings: the good are in the answers, the bad are dead letters, whatever the batches. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { drainBatch } from '../../src/index.js';
import {
  allDeadLetters,
  deadLetterTexts,
  drainAll,
  expectStored,
  isBad,
  NOON_MS,
  pushReadings,
  wireOf,
  withSystem,
} from '../support/bad-data.js';
import { testSeed } from '../support/random.js';
import { REFUSED_BPM } from '../support/refusing-storage.js';
import type { OracleReading } from './oracle.js';

const RUNS = 60;

interface Case {
  readonly readings: readonly OracleReading[];
  readonly elementReadings: number;
  readonly batchMaxReadings: number;
}

/** Few keys, so that readings collide: with the good and the bad of their key superseding each other. */
function anyReading(badInHundred: number): fc.Arbitrary<OracleReading> {
  return fc.record({
    userId: fc.constantFrom('ana', 'ben'),
    deviceId: fc.constantFrom('strap', 'watch'),
    timestampMs: fc.integer({ min: -40, max: 200 }).map((i) => NOON_MS + i * 1_100_000),
    heartRate: fc
      .tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 30, max: 220 }))
      .map(([chance, bpm]) => (chance < badInHundred || bpm === REFUSED_BPM ? REFUSED_BPM : bpm)),
    receivedMs: fc.integer({ min: 0, max: 300_000 }).map((ms) => NOON_MS + ms),
  });
}

const anyCase: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom(0, 2, 30, 100), fc.constantFrom(1, 7, 60, 700))
  .chain(([badInHundred, length]) =>
    fc.record({
      readings: fc.array(anyReading(badInHundred), { minLength: length, maxLength: length }),
      elementReadings: fc.integer({ min: 1, max: 100 }),
      batchMaxReadings: fc.constantFrom(1, 50, 400, 50_000).filter((max) => max > 1 || length <= 60),
    }),
  );

function keyOf({ userId, deviceId, timestampMs }: OracleReading): string {
  return `${userId} ${deviceId} ${timestampMs}`;
}

/** By rule 1, so that of the two this one may never have been written. */
function isSuperseded(reading: OracleReading, by: OracleReading): boolean {
  const minutes = Math.floor(by.receivedMs / 60_000) - Math.floor(reading.receivedMs / 60_000);
  return keyOf(reading) === keyOf(by) && (minutes > 0 || (minutes === 0 && by.heartRate > reading.heartRate));
}

it('stores exactly the good ones and sets aside exactly the bad ones, and redrives these once they can be stored', async () => {
  const seed = testSeed();
  let boundMet = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ readings, elementReadings, batchMaxReadings }) => {
      await withSystem(async (system) => {
        const { queue, storage, clock } = system;
        await pushReadings(queue, readings, elementReadings);
        const first = await drainBatch({ queue, storage, clock }, { batchMaxReadings });
        if (first.undecided > 0) boundMet += 1;
        await drainAll(system, { batchMaxReadings });
        const good = readings.filter((reading) => !isBad(reading));
        await expectStored(system, good);
        const dead = await deadLetterTexts(queue);
        const bad = readings.filter(isBad);
        const badTexts = new Set(bad.map(wireOf));
        expect(dead.filter((text) => !badTexts.has(text))).toEqual([]);
        const missing = [...badTexts].filter((text) => !dead.includes(text));
        for (const text of missing) {
          const reading = bad.find((one) => wireOf(one) === text) as OracleReading;
          expect(good.some((one) => isSuperseded(reading, one))).toBe(true);
        }
        storage.isMended = true;
        await queue.deadLetters.redrive((await allDeadLetters(queue)).map(({ id }) => id));
        await drainAll(system, { batchMaxReadings });
        expect(await deadLetterTexts(queue)).toEqual([]);
        await expectStored(system, readings);
      });
    }),
    { seed, numRuns: RUNS },
  );
  console.log(`unstorable: ${RUNS} batches, ${boundMet} of them beyond one step's bound`);
});
