import { describe, expect, it } from 'vitest';
import { rateAxis, timeTicks } from '../../../src/pure/chart/axes.js';

const START_MS = Date.UTC(2024, 0, 15);
const HOUR_MS = 3_600_000;

describe('the axes', () => {
  it.each([1, 5, 24, 24 * 7, 24 * 366, 24 * 3_660])('of %i hours has few marks, at whole units', (hours) => {
    const toMs = START_MS + hours * HOUR_MS;
    const ticks = timeTicks(START_MS + 1, toMs, 4, null);
    expect(ticks.length).toBeGreaterThan(0);
    expect(ticks.length).toBeLessThanOrEqual(5);
    for (const { atMs, label } of ticks) {
      expect(atMs).toBeGreaterThan(START_MS);
      expect(atMs).toBeLessThan(toMs);
      const iso = new Date(atMs).toISOString();
      expect(iso.slice(16)).toBe(':00.000Z');
      expect(iso).toContain(label);
    }
  });

  it('of bpm spans the readings, and ends on marks', () => {
    for (let min = 30; min <= 220; min += 7) {
      for (let max = min; max <= 220; max += 11) {
        const { low, high, ticks } = rateAxis(min, max, 8);
        expect(low).toBeLessThanOrEqual(min);
        expect(high).toBeGreaterThanOrEqual(max);
        expect(high - low).toBeGreaterThanOrEqual(10);
        expect([ticks[0], ticks.at(-1)]).toEqual([low, high]);
        expect(ticks.length).toBeLessThanOrEqual(8);
      }
    }
  });
});
