import { describe, expect, it } from 'vitest';
import { toDeviceId } from '../../../src/formats/device-id.js';
import type { Piece } from '../../../src/formats/file-format.js';
import { createJudge } from '../../../src/formats/judge/judge.js';
import { createSeenTimes } from '../../../src/formats/judge/seen-times.js';

const NOW = Date.UTC(2024, 0, 15, 10);

function values(deviceId: string, ...pairs: readonly (readonly [number, number])[]): Piece {
  return { kind: 'values', deviceId, timesMs: pairs.map(([t]) => t), heartRates: pairs.map(([, bpm]) => bpm) };
}

describe('the judge of a file', () => {
  it('rounds half up, and counts by reason what is no reading', () => {
    const judge = createJudge('test', { nowMs: NOW });
    const bpm = [29.4, 29.5, 72.5, 220.4, 220.5, 0, 0.4, 1, -3, 61];
    const readings = judge.take(values('w', ...bpm.map((value, i) => [NOW + i * 1000 + 0.9, value] as const)));
    expect(readings?.heartRates).toEqual([30, 73, 220, 61]);
    expect(readings?.timesMs).toEqual([1, 2, 3, 9].map((i) => NOW + i * 1000));
    expect(judge.account()).toMatchObject({
      format: 'test',
      readings: 4,
      devices: [{ deviceId: 'w', count: 4, firstMs: NOW + 1000, lastMs: NOW + 9000 }],
      dropped: { no_contact: 2, too_low: 3, too_high: 1 },
    });
  });

  it('takes times from 2000 to a day ahead, and no further than settings allow', () => {
    const times = [Date.UTC(2000, 0, 1) - 1, Date.UTC(2000, 0, 1), NOW + 86_400_000, NOW + 86_400_001];
    const piece = values('w', ...times.map((t) => [t, 60] as const));
    expect(createJudge('t', { nowMs: NOW }).take(piece)?.timesMs).toEqual(times.slice(1, 3));
    const strict = createJudge('t', { nowMs: NOW, maxFutureMs: 0, maxPastMs: 1000 });
    expect(strict.take(piece)).toBeNull();
    expect(strict.account().dropped).toEqual({ no_time: 1, too_old: 1, in_future: 2 });
    // The setting of the oldest reading may reach further back than clocks do.
    const old = createJudge('t', { nowMs: NOW, maxPastMs: 100 * 366 * 86_400_000 });
    expect(old.take(piece)?.timesMs).toEqual(times.slice(1, 3));
    expect(old.account().dropped).toEqual({ no_time: 1, in_future: 1 });
  });

  it('keeps the first of a device and millisecond, of each device and user', () => {
    const judge = createJudge('t', { nowMs: NOW });
    judge.take(values('a', [NOW, 60], [NOW, 61], [NOW + 1, 62]));
    expect(judge.take(values('b', [NOW, 70]))?.heartRates).toEqual([70]);
    expect(judge.take({ ...values('a', [NOW, 80]), userId: 'ana' } as Piece)?.heartRates).toEqual([80]);
    expect(judge.take(values('a', [NOW, 60]))).toBeNull();
    // What is no reading takes no one's place.
    expect(judge.take(values('a', [NOW + 2, 0], [NOW + 2, 63]))?.heartRates).toEqual([63]);
    expect(judge.account().dropped).toEqual({ no_contact: 1, duplicate: 2 });
  });

  it('counts what formats tell, and lists damage up to a bound', () => {
    const judge = createJudge('t', { nowMs: NOW });
    judge.take({ kind: 'dropped', reason: 'absent', count: 3 });
    judge.take({ kind: 'dropped', reason: 'absent', count: 2 });
    for (let i = 0; i < 30; i += 1) judge.take({ kind: 'damage', at: `byte ${i}`, message: 'is cut' });
    for (let i = 0; i < 3; i += 1) judge.take({ kind: 'note', code: 'crc_mismatch', message: 'differs' });
    const { damages, damageCount, dropped, notes } = judge.account([{ code: 'z', message: 'zone', count: 7 }]);
    expect([damages.length, damageCount, dropped]).toEqual([20, 30, { absent: 5 }]);
    expect(notes).toEqual([
      { code: 'crc_mismatch', message: 'differs', count: 3 },
      { code: 'z', message: 'zone', count: 7 },
    ]);
  });
});

describe('instants that were met', () => {
  it('are known again, whatever their order, day and series', () => {
    const seen = createSeenTimes();
    const truth = new Set<string>();
    let random = 12_345;
    let wrong = 0;
    for (let i = 0; i < 50_000; i += 1) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      const [series, time] = [random % 3, NOW + (random % 40_000) * 97 - 86_400_000 * (random % 5)];
      if (seen.has(series, time) !== truth.has(`${series} ${time}`)) wrong += 1;
      truth.add(`${series} ${time}`);
    }
    expect([wrong, seen.isFull()]).toEqual([0, false]);
  });

  it('are forgotten, and that is told, where there is no room', () => {
    const seen = createSeenTimes(64);
    const times = Array.from({ length: 100 }, (_, i) => NOW + i);
    for (const time of times) expect(seen.has(0, time)).toBe(false);
    expect(seen.isFull()).toBe(true);
    expect(times.filter((time) => seen.has(0, time)).length).toBe(32);
    expect(seen.has(1, NOW)).toBe(false);
  });
});

describe('a device id', () => {
  it.each([
    ['Tom’s Apple\u00a0Watch', 'Tom’s Apple Watch'],
    ['e\u0301', 'é'],
    [' a\t\u0000b\n', 'a b-1a9a3c1f'],
    ['\ud800', '\ufffd-1a9a3c1f'],
    ['\u0007', 'none'],
    [`${'x'.repeat(118)}😀${'x'.repeat(9)}`, `${'x'.repeat(118)}-1a9a3c1f`],
    ['y'.repeat(128), 'y'.repeat(128)],
    ['y'.repeat(200), `${'y'.repeat(119)}-1a9a3c1f`],
  ])('of %j is %j', (text, id) => {
    const found = toDeviceId(text, 'none');
    // A checksum of what was lost stands behind it.
    expect(found.replace(/-[0-9a-f]{8}$/, '-1a9a3c1f')).toBe(id);
    expect(found.length).toBeLessThanOrEqual(128);
  });

  it('is of one name alone, whatever of it is lost', () => {
    const names = [
      'a',
      'a\u0001',
      'a\u0002',
      '\u0081a',
      '\ud800',
      '\ud801',
      `${'y'.repeat(128)}1`,
      `${'y'.repeat(128)}2`,
    ];
    expect(new Set(names.map((name) => toDeviceId(name, 'none'))).size).toBe(names.length);
  });
});
