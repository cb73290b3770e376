/** Days in figures, against naive counting: objects, loops, and the Temporal API for what a day is. */
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  compact,
  type DayFigures,
  daily,
  daysOfRange,
  query,
  type Reading,
  type Storage,
  writePart,
} from '../../src/index.js';
import { testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
import { zonedText } from './zone-oracle.js';

const MINUTE_MS = 60_000;
const RUNS = Number(process.env.HRM_DAILY ?? 12);

async function withReadings<T>(readings: readonly Reading[], use: (storage: Storage) => Promise<T>): Promise<T> {
  return await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    try {
      if (readings.length > 0) await writePart({ storage }, readings);
      return await use(storage);
    } finally {
      await storage.close();
    }
  }, MEMORY_DIRECTORY);
}

/** A reading a minute, and two devices in some of them. */
function runOf(fromMs: number, rates: readonly number[]): Reading[] {
  return rates.map((heartRate, i) => {
    const deviceId = i % 7 === 0 ? 'ring' : 'watch';
    return {
      userId: 'ana',
      deviceId,
      timestampMs: fromMs + i * MINUTE_MS + (i % 50) * 1_000,
      heartRate,
      receivedMs: 0,
    };
  });
}

/** The figures of one day, as the page of definitions has them. */
function naiveDay(readings: readonly Reading[], date: Temporal.PlainDate, timeZone: string) {
  const startMs = date.toZonedDateTime(timeZone).epochMilliseconds;
  const endMs = date.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds;
  const own = readings.filter(({ timestampMs }) => timestampMs >= startMs && timestampMs < endMs);
  if (own.length === 0) return null;
  const length = (endMs - startMs) / MINUTE_MS;
  const minutes: (number | null)[] = [];
  for (let m = 0; m < length; m += 1) {
    const fromMs = startMs + m * MINUTE_MS;
    const inIt = own.filter(({ timestampMs }) => timestampMs >= fromMs && timestampMs < fromMs + MINUTE_MS);
    const sum = inIt.reduce((total, { heartRate }) => total + heartRate, 0);
    minutes.push(inIt.length === 0 ? null : Math.round((100 * sum) / inIt.length) / 100);
  }
  let restingRate: number | null = null;
  for (let m = 0; m + 30 <= length; m += 1) {
    const known = minutes.slice(m, m + 30).filter((value) => value !== null);
    if (known.length < 24) continue;
    const mean = Math.round(known.reduce((sum, value) => sum + Math.round(100 * value), 0) / known.length) / 100;
    restingRate = restingRate === null ? mean : Math.min(restingRate, mean);
  }
  const gaps = minutes
    .map((value) => (value === null ? '.' : 'x'))
    .join('')
    .split('x')
    .map((gap) => gap.length);
  const bounds = [0, 95, 114, 133, 152, 171];
  const zones = bounds.map((fromBpm, i) => {
    const to = bounds[i + 1] ?? Number.POSITIVE_INFINITY;
    return { fromBpm, minutes: minutes.filter((value) => value !== null && value >= fromBpm && value < to).length };
  });
  const covered = minutes.filter((value) => value !== null).length;
  const rates = own.map(({ heartRate }) => heartRate);
  const isGood = covered >= 0.75 * length && Math.max(...gaps) <= 240;
  return {
    date: date.toString(),
    start: zonedText(startMs, timeZone),
    end: zonedText(endMs, timeZone),
    min: Math.min(...rates),
    max: Math.max(...rates),
    mean: Math.round((100 * rates.reduce((sum, rate) => sum + rate, 0)) / rates.length) / 100,
    count: own.length,
    minutes: covered,
    restingRate,
    longestGapMinutes: Math.max(...gaps),
    zones,
    quality: isGood ? 'good' : covered >= 0.25 * length ? 'partial' : 'sparse',
    deviceIds: [...new Set(own.map(({ deviceId }) => deviceId))].sort(),
  };
}

describe('days in figures', () => {
  const anyRun = fc.record({
    minute: fc.integer({ min: -2 * 1_440, max: 3 * 1_440 }),
    rates: fc.array(fc.integer({ min: 40, max: 200 }), { minLength: 1, maxLength: 400, size: 'max' }),
  });

  it('are what naive counting says, also where clocks are set', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          ['Europe/Madrid', '2024-03-31'],
          ['Europe/Madrid', '2024-10-27'],
          ['Asia/Beirut', '2024-03-31'],
          ['America/Argentina/Buenos_Aires', '2024-01-31'],
          ['Australia/Lord_Howe', '2024-04-07'],
          ['UTC', '2024-02-29'],
        ),
        fc.array(anyRun, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async ([timeZone = '', date = ''], runs, isCompacted) => {
          const middle = Temporal.PlainDate.from(date);
          const middleMs = middle.toZonedDateTime(timeZone).epochMilliseconds;
          const readings = runs.flatMap(({ minute, rates }) => runOf(middleMs + minute * MINUTE_MS, rates));
          // Of two readings of a device at one instant, and of two devices, one counts: not what this is about.
          const at = new Map(readings.map((reading) => [reading.timestampMs, reading]));
          const all = [...at.values()];
          const asked = { start: middle.subtract({ days: 2 }).toString(), end: middle.add({ days: 3 }).toString() };
          const found = await withReadings(all, async (storage) => {
            if (isCompacted) await compact({ storage }, { all: true, sweepAfterMs: 0 });
            return await daily({ storage }, { userId: 'ana', ...asked, timeZone, maxHeartRate: 190 });
          });
          const expected = [-2, -1, 0, 1, 2].flatMap((days) => naiveDay(all, middle.add({ days }), timeZone) ?? []);
          expect(found.map(({ restingMean7: _, restingMean28: __, ...day }) => day)).toEqual(expected);
        },
      ),
      { numRuns: RUNS, seed: testSeed() },
    );
  }, 60_000);

  it('have trends of the days before, also before the first', async () => {
    const fromMs = Date.UTC(2024, 0, 1, 3);
    const readings = Array.from({ length: 40 }, (_, day) =>
      day % 10 === 9 ? [] : runOf(fromMs + day * 86_400_000, new Array<number>(30).fill(50 + (day % 10))),
    ).flat();
    const asked = { userId: 'ana', start: '2024-01-28', end: '2024-02-10' };
    const days = await withReadings(readings, (storage) => daily({ storage }, asked));
    const resting = (day: number) => (day >= 0 && day % 10 !== 9 ? 50 + (day % 10) : null);
    const mean = (day: number, count: number) => {
      const known = Array.from({ length: count }, (_, i) => resting(day - i)).filter((rate) => rate !== null);
      return Math.round((100 * known.reduce((sum, rate) => sum + rate, 0)) / known.length) / 100;
    };
    for (const { date, restingRate, restingMean7, restingMean28 } of days) {
      const day = (Date.parse(date) - Date.UTC(2024, 0, 1)) / 86_400_000;
      expect([restingRate, restingMean7, restingMean28]).toEqual([resting(day), mean(day, 7), mean(day, 28)]);
    }
    expect(days).toHaveLength(11);
    const [first] = await withReadings(readings.slice(0, 30), (storage) =>
      daily({ storage }, { ...asked, start: '2024-01-01' }),
    );
    expect(first).toMatchObject({ date: '2024-01-01', restingRate: 50, restingMean7: null, restingMean28: null });
  });

  it('have the zones of an age, of a reserve, or none', async () => {
    const readings = runOf(Date.UTC(2024, 0, 15, 3), [60, 130, 190]);
    const asked = { userId: 'ana', start: '2024-01-15', end: '2024-01-16' };
    const boundsOf = async (by: object) =>
      await withReadings(readings, async (storage) => {
        const [day] = (await daily({ storage }, { ...asked, ...by })) as [DayFigures];
        return day.zones?.map(({ fromBpm }) => fromBpm) ?? null;
      });
    expect(await boundsOf({})).toBeNull();
    expect(await boundsOf({ restingRate: 60 })).toBeNull();
    expect(await boundsOf({ birthYear: 1984 })).toEqual([0, 90, 108, 126, 144, 162]);
    expect(await boundsOf({ maxHeartRate: 185 })).toEqual([0, 92.5, 111, 129.5, 148, 166.5]);
    expect(await boundsOf({ maxHeartRate: 185, birthYear: 1984 })).toEqual([0, 92.5, 111, 129.5, 148, 166.5]);
    expect(await boundsOf({ maxHeartRate: 180, restingRate: 60 })).toEqual([0, 120, 132, 144, 156, 168]);
    expect(await boundsOf({ birthYear: 1900, restingRate: 99 })).toBeNull();
  });

  it('agree with the rows of a day', async () => {
    const readings = runOf(
      Date.UTC(2024, 0, 15, 3),
      Array.from({ length: 900 }, (_, i) => 50 + (i % 90)),
    );
    await withReadings(readings, async (storage) => {
      const timeZone = 'Asia/Kathmandu';
      const days = await daily({ storage }, { userId: 'ana', start: '2024-01-01', end: '2024-02-01', timeZone });
      const asked = { userId: 'ana', start: 0, end: Date.UTC(1980, 0), interval: '1d', timeZone } as const;
      const range = { start: Date.UTC(2024, 0, 1), end: Date.UTC(2024, 1, 1) };
      const rows = await query({ storage }, { ...asked, ...range });
      expect(days).toMatchObject(
        rows.map(({ timestamp, end, heartRate, min, max, count, deviceIds }) => {
          return { start: timestamp, end, mean: heartRate, min, max, count, deviceIds };
        }),
      );
    });
  });

  it('are of the best device of each minute where that is asked for', async () => {
    const fromMs = Date.UTC(2024, 0, 15, 3);
    const of = (deviceId: string, offsetMs: number, rates: readonly number[]) =>
      runOf(fromMs + offsetMs, rates).map((reading) => ({ ...reading, deviceId }));
    const strap = of('strap', 250, new Array<number>(40).fill(90));
    // Less than a second apart, and for half of the time.
    const watch = of('watch', 0, new Array<number>(20).fill(60));
    const asked = { userId: 'ana', start: '2024-01-15', end: '2024-01-16', priority: { watch: 1, strap: 2 } };
    const [[both], [best]] = await withReadings([...strap, ...watch], async (storage) => [
      await daily({ storage }, asked),
      await daily({ storage }, { ...asked, resolve: 'device' }),
    ]);
    expect(both).toMatchObject({ count: 60, minutes: 40, mean: 80, restingRate: 77.5 });
    expect(best).toMatchObject({ count: 40, minutes: 40, mean: 75, restingRate: 65, deviceIds: ['strap', 'watch'] });
  });

  it.each([
    [{ resolve: 'minute' }, '/resolve'],
    [{ start: '2024-01-15T00:00:00Z' }, '/start'],
    [{ start: '2024-02-30' }, '/start'],
    [{ end: undefined }, '/end'],
    [{ start: '2024-02-01' }, '/start'],
    [{ start: '2010-01-01' }, '/end'],
    [{ maxHeartRate: 99 }, '/max_heart_rate'],
    [{ maxHeartRate: Number.NaN }, '/max_heart_rate'],
    [{ birthYear: 1.5 }, '/birth_year'],
    [{ restingRate: 100 }, '/resting_rate'],
    [{ timeZone: 'Mars/Olympus' }, '/time_zone'],
    [{ userId: '' }, '/user_id'],
  ])('refuse %j', async (wrong, path) => {
    await withReadings([], async (storage) => {
      const asked = { userId: 'ana', start: '2024-01-15', end: '2024-01-16', ...wrong } as never;
      const faults = [expect.objectContaining({ path })];
      await expect(daily({ storage }, asked, { wireNames: true })).rejects.toMatchObject({
        code: 'invalid_query',
        faults,
      });
    });
  });

  it('are those that a range has a part of', () => {
    const range = { fromMs: Date.UTC(2024, 0, 15, 2), toMs: Date.UTC(2024, 0, 16, 3) };
    expect(daysOfRange(range)).toEqual({ start: '2024-01-15', end: '2024-01-17' });
    expect(daysOfRange(range, 'America/Argentina/Buenos_Aires')).toEqual({ start: '2024-01-14', end: '2024-01-16' });
    expect(daysOfRange({ fromMs: 0, toMs: 0 })).toEqual({ start: '1970-01-01', end: '1970-01-01' });
  });
});
