import { describe, expect, it } from 'vitest';
import { countLetterReasons } from '../../../src/ops/letter-reasons.js';
import { createQueueHistory } from '../../../src/ops/queue-history.js';

const depth = (nowMs: number, readings = 0) => {
  return { nowMs, readings, claimedReadings: 0, deadLetters: 0, endedClaims: 0, oldestMs: null };
};

describe('the history of a queue', () => {
  it('has a point a minute, two hours of them, however often somebody looks', () => {
    const history = createQueueHistory();
    for (let nowMs = 0; nowMs < 3 * 3_600_000; nowMs += 10_000) history.add(depth(nowMs, nowMs / 10_000));
    const points = history.points();
    expect(points).toHaveLength(120);
    expect(points.map(({ nowMs }) => nowMs)).toEqual(Array.from({ length: 120 }, (_, n) => (60 + n) * 60_000));
    expect(points.every(({ nowMs, readings }) => readings === nowMs / 10_000)).toBe(true);
  });

  it('goes on in order where the clock was set back', () => {
    const history = createQueueHistory();
    for (const nowMs of [600_000, 660_000, 720_000, 650_000, 700_000, 710_000]) history.add(depth(nowMs));
    expect(history.points().map(({ nowMs }) => nowMs)).toEqual([600_000, 650_000, 710_000]);
  });
});

describe('why dead letters are dead', () => {
  const letter = (n: number, reason: string) => {
    return { id: String(n).padStart(5, '0'), reason, bytes: Buffer.from('secret'), stampMs: 0, attempts: 1, deadMs: n };
  };
  function lettersOf(all: readonly ReturnType<typeof letter>[], atOnce = 7) {
    return {
      list: async ({ afterId = '', limit }: { afterId?: string | undefined; limit: number }) =>
        all.filter(({ id }) => id > afterId).slice(0, Math.min(limit, atOnce)),
    };
  }

  it('is counted by code, and says nothing else', async () => {
    const all = Array.from({ length: 30 }, (_, n) => letter(n, n % 3 === 0 ? 'not_json: a word' : 'Some WORDS of 72'));
    expect(await countLetterReasons(lettersOf(all))).toEqual({
      looked: 30,
      reasons: [
        { code: 'other', count: 20, oldestMs: 1, newestMs: 29 },
        { code: 'not_json', count: 10, oldestMs: 0, newestMs: 27 },
      ],
    });
    expect(await countLetterReasons(lettersOf([]))).toEqual({ looked: 0, reasons: [] });
  });

  it('is looked at of the oldest alone, and tells the most frequent', async () => {
    const all = Array.from({ length: 2_000 }, (_, n) => letter(n, `reason_${n % 40}: x`));
    const { looked, reasons } = await countLetterReasons(lettersOf(all, 300));
    expect([looked, reasons.length, reasons[0]?.count]).toEqual([500, 10, 13]);
  });
});
