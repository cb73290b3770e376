import { describe, expect, it } from 'vitest';
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { splitPartsSteps } from '../../src/pure/split-parts.js';
import { inOnePiece } from '../../src/steps.js';
import { randomFrom, testSeed } from '../support/random.js';

const DAY_MS = 86_400_000;

function readingsOf(userId: string, days: readonly number[], count = 1, receivedMs = 0): Reading[] {
  return days.flatMap((day) =>
    Array.from({ length: count }, (_, i) => ({
      userId,
      deviceId: 'watch',
      timestampMs: day * DAY_MS + i * 1_000,
      heartRate: 70,
      receivedMs,
    })),
  );
}

function split(readings: readonly Reading[], maxParts: number, maxSmallParts = 32) {
  return inOnePiece(splitPartsSteps(mergeReadings([columnsFromReadings(readings)]), { maxSmallParts, maxParts }));
}

type SplitParts = ReturnType<typeof split>;

const daysFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
const directories = (parts: SplitParts['parts']) => parts.map(({ partition }) => partition.directory);

function rowsOf({ parts, left }: SplitParts): number {
  return [...parts, ...left].reduce((sum, { columns }) => sum + columns.length, 0);
}

describe('the parts of a batch', () => {
  it('are all of them where they are few', () => {
    const { parts, left } = split(readingsOf('ana', daysFrom(0, 10), 3), 10);
    expect([parts.length, left.length]).toEqual([10, 0]);
  });

  it('are of every user the first before anybody has a second', () => {
    const flood = readingsOf('bob', daysFrom(0, 1_000), 5);
    const others = ['ana', 'cy', 'dee'].flatMap((userId, i) => readingsOf(userId, [2_000 + i, 3_000]));
    const result = split([...flood, ...others], 20);
    expect(result.parts.length).toBe(20);
    expect(new Set(directories(result.parts))).toEqual(new Set(['ana', 'bob', 'cy', 'dee']));
    expect(directories(result.left)).toEqual(Array(986).fill('bob'));
    expect(rowsOf(result)).toBe(5_006);
  });

  it('are of a user the day with the most readings, and of alike ones the latest', () => {
    const { parts } = split([...readingsOf('ana', daysFrom(0, 50)), ...readingsOf('ana', [7], 2)], 3);
    expect(parts.map(({ partition }) => partition.date).sort()).toEqual(['19700108', '19700218', '19700219']);
  });

  it('are of very many users those that were received first, so that nobody is kept waiting for ever', () => {
    const early = readingsOf('zoe', [99_000], 1, 60_000);
    const flood = Array.from({ length: 500 }, (_, i) => readingsOf(`u${i}`, [i, i + 1_000], 9, 120_000)).flat();
    expect(directories(split([...flood, ...early], 100).parts)).toContain('zoe');
  });

  it('are of very many users half the latest days, so that those of now wait behind nobody’s past', () => {
    const live = readingsOf('zoe', [20_000], 1, 120_000);
    const flood = Array.from({ length: 500 }, (_, i) => readingsOf(`u${i}`, [i], 9, 60_000)).flat();
    expect(directories(split([...flood, ...live], 100).parts)).toContain('zoe');
  });

  it('take a shared part of today before the second days of those in it', () => {
    const many = Array.from({ length: 40 }, (_, i) => readingsOf(`u${i}`, [20_000])).flat();
    const flood = readingsOf('bob', daysFrom(0, 600), 30);
    const { parts } = split([...flood, ...many], 2);
    expect(directories(parts).sort()).toEqual(['_shared', 'bob']);
  });

  it('of some users on very many days are shared sooner', () => {
    const readings = Array.from({ length: 5 }, (_, i) => readingsOf(`u${i}`, daysFrom(0, 300))).flat();
    const result = split(readings, 512);
    expect([result.parts.length, result.left.length]).toEqual([300, 0]);
    expect(new Set(directories(result.parts))).toEqual(new Set(['_shared']));
  });

  const seed = testSeed();
  it(`hold every reading once, by turns, however long senders go on, seed ${seed}`, () => {
    const random = randomFrom(seed);
    const upTo = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 20; round += 1) {
      let waiting = Array.from({ length: 1 + upTo(60) }, (_, user) =>
        readingsOf(`u${user}`, daysFrom(upTo(100), 1 + upTo(80)), 1 + upTo(3), upTo(5) * 60_000),
      ).flat();
      const total = waiting.length;
      let stored = 0;
      for (let steps = 0; waiting.length > 0; steps += 1) {
        expect(steps).toBeLessThan(2_000);
        const result = split(waiting, 8, upTo(40));
        expect(result.parts.length).toBeLessThanOrEqual(8);
        expect(rowsOf(result)).toBe(waiting.length);
        const kept = new Set<string>();
        for (const { columns } of result.left)
          for (let row = 0; row < columns.length; row += 1)
            kept.add(`${columns.users[columns.user[row] as number]} ${columns.timestampMs[row]}`);
        const rest = waiting.filter(({ userId, timestampMs }) => kept.has(`${userId} ${timestampMs}`));
        stored += waiting.length - rest.length;
        expect(rest.length).toBeLessThan(waiting.length);
        waiting = rest;
      }
      expect(stored).toBe(total);
    }
  });
});
