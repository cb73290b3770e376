import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS } from '../../../src/limits.js';
import { answerDay } from '../../../src/pure/answer/answer.js';
import { tablesOf } from '../../../src/pure/answer/day-part.js';
import { INTERVAL_MS } from '../../../src/pure/answer/interval.js';
import { FROM_SEVERAL, planDay, selectReadings } from '../../../src/pure/answer/plan-query.js';
import { RESOLVES } from '../../../src/pure/answer/resolve.js';
import { type Row, rowsOf } from '../../../src/pure/answer/row-table.js';
import { columnsFromReadings, type Reading } from '../../../src/pure/columns.js';
import { type DevicePriority, mergeReadings } from '../../../src/pure/merge.js';
import { decodeRollup } from '../../../src/pure/rollup/rollup-codec.js';
import { oracleAnswer } from '../../property/oracle.js';
import { type AskedQuestion, asked } from '../../support/asked-question.js';
import { type GivenFile, storeFile } from '../../support/given-files.js';
import { encodeRollup, rollUp } from '../../support/roll-up.js';

const MINUTE = 60_000;
const ALL = asked({
  userId: 'u',
  fromMs: 0,
  toMs: 10 * MINUTE,
  intervalMs: MINUTE,
  priority: {},
});

const yieldTurn = async () => undefined;

/** Answers from files as a query would, of each day for itself; only row groups that were planned are read. */
async function askFiles(files: readonly GivenFile[], question: AskedQuestion) {
  const days = new Set(files.flatMap(({ readings }) => readings.map((one) => Math.floor(one.timestampMs / DAY_MS))));
  const rows: Row[] = [];
  for (const day of [...days].sort((a, b) => a - b)) {
    const dayMs = day * DAY_MS;
    if (dayMs >= question.toMs || dayMs + DAY_MS <= question.fromMs) continue;
    const stored = files.flatMap(({ readings, rolledUpBy, hasSpans = false }) => {
      const own = readings.filter((one) => Math.floor(one.timestampMs / DAY_MS) === day);
      return own.length === 0 ? [] : [storeFile(own, rolledUpBy, dayMs, hasSpans)];
    });
    const plan = await planDay(stored, question, dayMs, yieldTurn);
    const tables = plan.reads.flat().map(({ columns }) => selectReadings(columns, question, plan.source, dayMs));
    const part = await answerDay({ files: stored, plan, readings: mergeReadings(tables), dayMs }, question, yieldTurn);
    rows.push(...[...tablesOf([part])].flatMap((table) => rowsOf(table)));
  }
  return rows;
}

async function ask(readings: readonly Reading[], question: AskedQuestion) {
  const answer = await askFiles([{ readings, rolledUpBy: null }], question);
  expect(await askFiles([{ readings, rolledUpBy: {} }], question)).toEqual(answer);
  return answer;
}

function reading(timestampMs: number, heartRate: number, deviceId = 'd', userId = 'u'): Reading {
  return { userId, deviceId, timestampMs, heartRate, receivedMs: 0 };
}

it('gives the mean rounded half-up, minimum, maximum, count and devices of each minute', async () => {
  const rows = await ask([reading(0, 70), reading(1, 71, 'e'), reading(2, 71), reading(61_000, 90)], ALL);
  expect(rows).toEqual([
    { timestamp: '1970-01-01T00:00:00Z', heartRate: 70.67, min: 70, max: 71, count: 3, deviceIds: ['d', 'e'] },
    { timestamp: '1970-01-01T00:01:00Z', heartRate: 90, min: 90, max: 90, count: 1, deviceIds: ['d'] },
  ]);
});

it('rounds a mean of exactly half a hundredth up', async () => {
  // 8 readings: a mean of 72.125 and one of 72.375, both exact doubles.
  const rows = (ones: number) =>
    ask(
      Array.from({ length: 8 }, (_, i) => reading(i, i < ones ? 73 : 72)),
      ALL,
    );
  expect((await rows(1))[0]?.heartRate).toBe(72.13);
  expect((await rows(3))[0]?.heartRate).toBe(72.38);
  // 200 readings and a mean of 72.005, which is no double, and which `toFixed` rounds down.
  const many = Array.from({ length: 200 }, (_, i) => reading(i, i < 1 ? 73 : 72));
  expect((14_401 / 200).toFixed(2)).toBe('72.00');
  expect((await ask(many, ALL))[0]?.heartRate).toBe(72.01);
});

it('cuts inside a minute where the range does, and keeps the minute as timestamp', async () => {
  const readings = [reading(59_999, 60), reading(60_000, 70), reading(90_000, 80), reading(119_999, 90)];
  const rows = await ask(readings, { ...ALL, fromMs: 60_000, toMs: 119_999 });
  expect(rows).toMatchObject([{ timestamp: '1970-01-01T00:01:00Z', heartRate: 75, count: 2 }]);
  expect(await ask(readings, { ...ALL, fromMs: 60_001, toMs: 60_001 })).toEqual([]);
});

it('answers about one device with all of its readings, also where another has priority', async () => {
  const readings = [reading(0, 60, 'a'), reading(0, 90, 'b')];
  expect(await ask(readings, { ...ALL, deviceId: 'b' })).toMatchObject([{ heartRate: 90, deviceIds: ['b'] }]);
  expect(await ask(readings, ALL)).toMatchObject([{ heartRate: 60, deviceIds: ['a'] }]);
  expect(await ask(readings, { ...ALL, deviceId: 'nobody' })).toEqual([]);
});

it('keeps users apart that share a file', async () => {
  const readings = [reading(0, 60, 'd', 'Ana'), reading(0, 90, 'd', 'ana')];
  expect(await ask(readings, { ...ALL, userId: 'ana' })).toMatchObject([{ heartRate: 90, count: 1 }]);
  expect(await ask(readings, { ...ALL, userId: 'ANA' })).toEqual([]);
});

it('takes no reading where the rollups tell everything', async () => {
  const readings = [reading(0, 60, 'a'), reading(0, 90, 'b'), reading(70_000, 80, 'b')];
  const plan = async (
    question: Partial<AskedQuestion>,
    rolledUpBy: DevicePriority | null = {},
    more: readonly GivenFile[] = [],
  ) => {
    const files = [{ readings, rolledUpBy }, ...more].map((file) => storeFile(file.readings, file.rolledUpBy, 0));
    const { reads } = await planDay(files, { ...ALL, ...question }, 0, yieldTurn);
    return reads.map((groups) => groups.map(({ deviceId }) => deviceId).join());
  };
  expect(await plan({})).toEqual(['']);
  expect(await plan({ deviceId: 'b', fromMs: 60_000 })).toEqual(['']);
  // Another order matters where devices disagree, and to nobody who asks for one device.
  expect(await plan({ priority: { b: 1 } })).toEqual(['a,b']);
  expect(await plan({ priority: { b: 1 } }, { b: 2 })).toEqual(['']);
  expect(await plan({ priority: { b: 1 }, deviceId: 'b' })).toEqual(['']);
  expect(await plan({ priority: { b: 1 }, fromMs: 60_000 })).toEqual(['']);
  // A cut minute, of the one device asked for or in the time asked for.
  expect(await plan({ fromMs: 1 })).toEqual(['a,b']);
  expect(await plan({ fromMs: 1, deviceId: 'b' })).toEqual(['b']);
  expect(await plan({ toMs: 70_001 })).toEqual(['b']);
  // A minute that another file touches: only what lies in it is read.
  expect(await plan({}, {}, [{ readings: [reading(80_000, 70, 'c')], rolledUpBy: {} }])).toEqual(['b', 'c']);
  expect(await plan({ deviceId: 'b' }, {}, [{ readings: [reading(80_000, 70, 'c')], rolledUpBy: {} }])).toEqual([
    '',
    '',
  ]);
  expect(await plan({}, {}, [{ readings: [reading(120_000, 70, 'c')], rolledUpBy: {} }])).toEqual(['', '']);
  // Without a rollup everything that may matter is read.
  expect(await plan({ fromMs: 60_000 }, null)).toEqual(['b']);
});

it('has no rollup of several users, of another day, of too many devices, of impossible heart rates', () => {
  const roll = (readings: readonly Reading[]) => rollUp(mergeReadings([columnsFromReadings(readings)]), 0, {});
  const devices = Array.from({ length: 5_000 }, (_, i) => reading(i, 70, `d${i}`));
  expect(roll(devices.slice(0, 1_000))).not.toBeNull();
  expect(roll(devices)).toBeNull();
  expect(roll([reading(0, 70), reading(0, 70, 'd', 'v')])).toBeNull();
  expect(roll([reading(DAY_MS, 70)])).toBeNull();
  expect(roll([reading(0, 256)])).toBeNull();
  expect(roll([])).toBeNull();
});

it('keeps every value of a rollup when it is stored', () => {
  const devices = Array.from({ length: 40 }, (_, i) => `d${i}`);
  const any = fc.record({
    deviceId: fc.constantFrom(...devices),
    timestampMs: fc.oneof(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 0, max: DAY_MS - 1 })),
    heartRate: fc.integer({ min: 30, max: 220 }),
  });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 9 }), (some, rank) => {
      const readings = some.map((one) => reading(one.timestampMs, one.heartRate, one.deviceId));
      const rollup = rollUp(mergeReadings([columnsFromReadings(readings)]), 0, { d31: rank, d7: 5 });
      expect(rollup).not.toBeNull();
      if (rollup !== null) expect(decodeRollup(encodeRollup(rollup))).toEqual(rollup);
    }),
    { numRuns: 300 },
  );
});

it('agrees with the naive oracle on any readings and any question', async () => {
  const id = fc.constantFrom('a', 'b', '～', '😀', '__proto__');
  const anyReading = fc.record({
    userId: fc.constantFrom('u', 'U'),
    deviceId: id,
    timestampMs: fc.oneof(
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 0, max: 600_000 }),
      fc.integer({ min: 0, max: 200_000_000 }),
    ),
    heartRate: fc.integer({ min: 30, max: 220 }),
    receivedMs: fc.integer({ min: 0, max: 300_000 }),
  });
  const anyPriority = fc.dictionary(id, fc.integer({ min: 1, max: 3 }));
  const anyFiles = fc.array(
    fc.record({
      // Mostly of one user, or there would be no rollups.
      readings: fc.oneof(
        {
          weight: 4,
          arbitrary: fc.array(
            anyReading.map((one) => ({ ...one, userId: 'u' })),
            { maxLength: 40 },
          ),
        },
        { weight: 1, arbitrary: fc.array(anyReading, { maxLength: 40 }) },
      ),
      rolledUpBy: fc.option(anyPriority, { nil: null, freq: 3 }),
      hasSpans: fc.boolean(),
    }),
    { maxLength: 4 },
  );
  const anyQuestion = fc
    .record({
      userId: fc.constantFrom('u', 'U', 'x'),
      deviceId: fc.option(id, { nil: undefined }),
      fromMs: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2_000_000 })),
      toMs: fc.oneof(fc.constant(DAY_MS), fc.integer({ min: 2_000_000, max: 200_000_000 })),
      intervalMs: fc.constantFrom(...Object.values(INTERVAL_MS)),
      priority: anyPriority,
      resolve: fc.constantFrom(...RESOLVES),
    })
    .map(asked);
  await fc.assert(
    fc.asyncProperty(anyFiles, anyQuestion, async (files, question) => {
      const readings = files.flatMap((file) => file.readings);
      expect(await askFiles(files, question)).toEqual(oracleAnswer(readings, question));
    }),
    { numRuns: 3_000 },
  );

  // Parts as a day's batches make them: one after the other, of which the last may overlap.
  let several = 0;
  const anyParts = fc
    .tuple(
      fc.array(
        anyReading.map((one) => ({ ...one, userId: 'u', timestampMs: one.timestampMs % 400_000 })),
        { minLength: 2, maxLength: 80 },
      ),
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.record({ rolledUpBy: anyPriority, hasSpans: fc.constantFrom(true, true, true, false) }), {
        minLength: 9,
        maxLength: 9,
      }),
      fc.nat(3),
    )
    .map(([readings, count, kinds, late]): GivenFile[] => {
      const sorted = [...readings].sort((a, b) => a.timestampMs - b.timestampMs);
      const size = Math.ceil(sorted.length / count);
      const cuts = Array.from({ length: count }, (_, i) => sorted.slice(i * size, (i + 1) * size));
      return [...cuts, readings.slice(0, late)].map((own, i) => ({
        readings: own,
        rolledUpBy: kinds[i]?.rolledUpBy ?? {},
        hasSpans: kinds[i]?.hasSpans ?? true,
      }));
    });
  await fc.assert(
    fc.asyncProperty(anyParts, anyQuestion, async (files, question) => {
      const readings = files.flatMap((file) => file.readings);
      expect(await askFiles(files, question)).toEqual(oracleAnswer(readings, question));
      const stored = files.flatMap((file) => {
        return file.readings.length === 0 ? [] : [storeFile(file.readings, file.rolledUpBy, 0, file.hasSpans)];
      });
      const { source } = await planDay(stored, { ...ALL, toMs: DAY_MS }, 0, yieldTurn);
      several += source.includes(FROM_SEVERAL) ? 1 : 0;
    }),
    { numRuns: 3_000 },
  );
  expect(several).toBeGreaterThan(300);
});
