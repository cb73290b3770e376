import { describe, expect, it } from 'vitest';
import { createDayLimiter } from '../../../src/shares/day-limit.js';

const DAY_MS = 86_400_000;
const TODAY = 20_000;
const LIMITS = { burstDays: 100, daysPerSecond: 10 };

function limiterAt(startMs = TODAY * DAY_MS) {
  let nowMs = startMs;
  const limiter = createDayLimiter(LIMITS, { nowMs: () => nowMs });
  return {
    take: (client: string, days: readonly number[]) => limiter.take(client, new Set(days)),
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

const daysFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe('days that a client begins', () => {
  it('are taken whole while something is left, and then paid off', () => {
    const { take, pass } = limiterAt();
    take('ana', daysFrom(0, 99));
    // One is left.
    take('ana', daysFrom(1_000, 1_001));
    expect(() => take('ana', [5_000])).toThrow(expect.objectContaining({ code: 'rate_limited', waitSeconds: 60 }));
    pass(99_999);
    expect(() => take('ana', [5_000])).toThrow(expect.objectContaining({ waitSeconds: 1 }));
    pass(101);
    take('ana', [5_000]);
  });

  it('are each client’s own', () => {
    const { take } = limiterAt();
    take('ana', daysFrom(0, 101));
    expect(() => take('ana', [500])).toThrow();
    take('bob', [500]);
  });

  it('cost nothing around now, and where they are among the last 32 that were sent, also in debt', () => {
    const { take } = limiterAt();
    take('ana', daysFrom(0, 101));
    for (let i = 0; i < 1_000; i += 1) take('ana', [...daysFrom(TODAY - 1, 3), ...daysFrom(101 - 32, 32)]);
    expect(() => take('ana', [101 - 33])).toThrow();
    expect(() => take('ana', [TODAY + 2])).toThrow();
    expect(() => take('ana', [TODAY - 2])).toThrow();
  });

  it('are given back of a request that is not taken', () => {
    const { take } = limiterAt();
    take('ana', daysFrom(0, 1_000))();
    take('ana', daysFrom(2_000, 100));
    expect(() => take('ana', [5_000])).toThrow();
  });

  it('are not counted of a request that is refused', () => {
    const { take, pass } = limiterAt();
    take('ana', daysFrom(0, 100));
    for (let i = 0; i < 10; i += 1) expect(() => take('ana', daysFrom(1_000, 1_000))).toThrow();
    pass(100);
    take('ana', [7_000]);
  });

  it('fill up no more than once, and not by a clock that is set back', () => {
    const { take, pass } = limiterAt();
    take('ana', daysFrom(0, 100));
    pass(-3_600_000);
    expect(() => take('ana', [500])).toThrow();
    pass(7_200_000);
    take('ana', daysFrom(1_000, 100));
    expect(() => take('ana', [500])).toThrow();
  });
});
