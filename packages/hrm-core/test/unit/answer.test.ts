import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answerRows, type Question, selectReadings } from '../../src/pure/answer.js';
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { INTERVAL_MS } from '../../src/pure/interval.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { oracleAnswer } from '../property/oracle.js';

const MINUTE = 60_000;
const ALL: Question = {
  userId: 'u',
  fromMs: 0,
  toMs: 10 * MINUTE,
  intervalMs: MINUTE,
  priority: {},
};

function ask(readings: readonly Reading[], question: Question) {
  return answerRows(mergeReadings([selectReadings(columnsFromReadings(readings), question)]), question);
}

function reading(timestampMs: number, heartRate: number, deviceId = 'd', userId = 'u'): Reading {
  return { userId, deviceId, timestampMs, heartRate, receivedMs: 0 };
}

it('gives the mean rounded half-up, minimum, maximum, count and devices of each minute', () => {
  const rows = ask([reading(0, 70), reading(1, 71, 'e'), reading(2, 71), reading(61_000, 90)], ALL);
  expect(rows).toEqual([
    { timestamp: '1970-01-01T00:00:00Z', heartRate: 70.67, min: 70, max: 71, count: 3, deviceIds: ['d', 'e'] },
    { timestamp: '1970-01-01T00:01:00Z', heartRate: 90, min: 90, max: 90, count: 1, deviceIds: ['d'] },
  ]);
});

it('rounds a mean of exactly half a hundredth up', () => {
  // 8 readings: a mean of 72.125 and one of 72.375, both exact doubles.
  const rows = (ones: number) =>
    ask(
      Array.from({ length: 8 }, (_, i) => reading(i, i < ones ? 73 : 72)),
      ALL,
    );
  expect(rows(1)[0]?.heartRate).toBe(72.13);
  expect(rows(3)[0]?.heartRate).toBe(72.38);
  // 200 readings and a mean of 72.005, which is no double, and which `toFixed` rounds down.
  const many = Array.from({ length: 200 }, (_, i) => reading(i, i < 1 ? 73 : 72));
  expect((14_401 / 200).toFixed(2)).toBe('72.00');
  expect(ask(many, ALL)[0]?.heartRate).toBe(72.01);
});

it('cuts inside a minute where the range does, and keeps the minute as timestamp', () => {
  const readings = [reading(59_999, 60), reading(60_000, 70), reading(90_000, 80), reading(119_999, 90)];
  const rows = ask(readings, { ...ALL, fromMs: 60_000, toMs: 119_999 });
  expect(rows).toMatchObject([{ timestamp: '1970-01-01T00:01:00Z', heartRate: 75, count: 2 }]);
  expect(ask(readings, { ...ALL, fromMs: 60_001, toMs: 60_001 })).toEqual([]);
});

it('answers about one device with all of its readings, also where another has priority', () => {
  const readings = [reading(0, 60, 'a'), reading(0, 90, 'b')];
  expect(ask(readings, { ...ALL, deviceId: 'b' })).toMatchObject([{ heartRate: 90, deviceIds: ['b'] }]);
  expect(ask(readings, ALL)).toMatchObject([{ heartRate: 60, deviceIds: ['a'] }]);
  expect(ask(readings, { ...ALL, deviceId: 'nobody' })).toEqual([]);
});

it('keeps users apart that share a file', () => {
  const readings = [reading(0, 60, 'd', 'Ana'), reading(0, 90, 'd', 'ana')];
  expect(ask(readings, { ...ALL, userId: 'ana' })).toMatchObject([{ heartRate: 90, count: 1 }]);
  expect(ask(readings, { ...ALL, userId: 'ANA' })).toEqual([]);
});

it('agrees with the naive oracle on any readings and any question', () => {
  const id = fc.constantFrom('a', 'b', '～', '😀', '__proto__');
  const anyReading = fc.record({
    userId: fc.constantFrom('u', 'U'),
    deviceId: id,
    timestampMs: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 200_000_000 })),
    heartRate: fc.integer({ min: 30, max: 220 }),
    receivedMs: fc.integer({ min: 0, max: 300_000 }),
  });
  const anyQuestion = fc.record({
    userId: fc.constantFrom('u', 'U', 'x'),
    deviceId: fc.option(id, { nil: undefined }),
    fromMs: fc.integer({ min: 0, max: 5 }),
    toMs: fc.integer({ min: 5, max: 200_000_000 }),
    intervalMs: fc.constantFrom(...Object.values(INTERVAL_MS)),
    priority: fc.dictionary(id, fc.integer({ min: 1, max: 3 })),
  });
  fc.assert(
    fc.property(fc.array(anyReading, { maxLength: 80 }), anyQuestion, (readings, question) => {
      expect(ask(readings, question)).toEqual(oracleAnswer(readings, question));
    }),
    { numRuns: 3_000 },
  );
});
