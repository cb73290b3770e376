import { describe, expect, it } from 'vitest';
import { lookOf } from '../../dashboard/devices.js';
import { csvOf } from '../../dashboard/downloads.js';
import { formatFact, nameOf } from '../../dashboard/facts.js';
import { makeGrid, placeRows } from '../../dashboard/grid.js';
import { createLiveRows } from '../../dashboard/live-rows.js';
import { isSameRange, questionOf, readView, writeView } from '../../dashboard/view.js';
import { countZones, startsBy, summarize, zoneStarts } from '../../dashboard/zones.js';
import { makeRows } from './rows.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const AT_MS = Date.UTC(2024, 0, 15);

describe('a grid', () => {
  it('has a point for each row, and a gap where there is none', () => {
    const grid = makeGrid(AT_MS, AT_MS + 4 * MINUTE_MS, MINUTE_MS);
    const rows = makeRows([
      [AT_MS, 60, 55, 65, 6],
      [AT_MS + 3 * MINUTE_MS, 80, 70, 90, 2],
      [AT_MS + 4 * MINUTE_MS, 99, 99, 99, 9],
    ]);
    expect(placeRows(grid, rows)).toEqual({
      mean: [60, null, null, 80],
      min: [55, null, null, 70],
      max: [65, null, null, 90],
      count: [6, 0, 0, 2],
    });
  });

  it('has at most 2,000 points: several rows share one, by their readings, and no peak is lost', () => {
    const grid = makeGrid(AT_MS, AT_MS + 3_000 * MINUTE_MS, MINUTE_MS);
    expect([grid.stepMs, grid.startsMs.length]).toEqual([2 * MINUTE_MS, 1_500]);
    const rows = makeRows([
      [AT_MS, 60, 30, 65, 3],
      [AT_MS + MINUTE_MS, 100, 90, 220, 1],
    ]);
    const line = placeRows(grid, rows);
    expect([line.mean[0], line.min[0], line.max[0], line.count[0], line.count[1]]).toEqual([70, 30, 220, 4, 0]);
  });
});

describe('zones and summary', () => {
  it('a zone begins at its share of the maximum rate, rounded up', () => {
    expect(zoneStarts(190)).toEqual([0, 95, 114, 133, 152, 171]);
    // By what a user has said: 180 is 220 minus 40, and shares of the reserve begin at the resting rate.
    expect(startsBy({ maxHeartRate: 187, birthYear: 1950 }, 2026)).toEqual([0, 93.5, 112.2, 130.9, 149.6, 168.3]);
    expect(startsBy({ birthYear: 1986, restingRate: 53 }, 2026)).toEqual([0, 116.5, 129.2, 141.9, 154.6, 167.3]);
    expect(startsBy({ zones: [90, 100, 120, 140, 160], maxHeartRate: 187 }, 2026)).toEqual([0, 90, 100, 120, 140, 160]);
    for (const said of [{}, { restingRate: 50 }, { birthYear: 1800 }]) expect(startsBy(said, 2026)).toBeNull();
    const rates = [94.99, 95, 170.9, 171, 220];
    const rows = makeRows(rates.map((rate, i) => [AT_MS + i * MINUTE_MS, rate, rate, rate, 1]));
    expect(countZones(rows, zoneStarts(190))).toEqual([1, 1, 0, 0, 1, 2]);
  });

  it('a file of rows is as the API writes one', () => {
    const rows = { ...makeRows([[AT_MS, 60.5, 55, 65, 6]]), deviceSets: [['a "strap", new', 'watch']] };
    expect(csvOf(rows)).toBe(
      'timestamp,heart_rate,min,max,count,device_ids\r\n2024-01-15T00:00:00Z,60.5,55,65,6,"[""a \\""strap\\"", new"",""watch""]"\r\n',
    );
  });

  it('a mean is over the readings, and there is none of nothing', () => {
    const rows = makeRows([
      [AT_MS, 60, 50, 70, 3],
      [AT_MS + MINUTE_MS, 100, 90, 110, 1],
    ]);
    expect(summarize(rows)).toEqual({ readings: 4, mean: 70, min: 50, max: 110 });
    expect(summarize(makeRows([]))).toEqual({ readings: 0, mean: null, min: null, max: null });
  });
});

describe('live rows', () => {
  const range = { fromMs: AT_MS, toMs: AT_MS + DAY_MS };
  const reading = (atMs: number, rate: number, device = 'watch') => {
    return { deviceId: device, timestamp: new Date(atMs).toISOString(), heartRate: rate };
  };

  it('are those of the range, and the same reading again is no other', () => {
    const live = createLiveRows();
    for (const atMs of [AT_MS - 1, AT_MS, AT_MS, AT_MS + DAY_MS - 1, AT_MS + DAY_MS]) live.add(reading(atMs, 70));
    const rows = live.over(makeRows([]), MINUTE_MS, range);
    expect([...rows.startMs]).toEqual([AT_MS, AT_MS + DAY_MS - MINUTE_MS]);
    expect([...rows.count]).toEqual([1, 1]);
  });

  it('stand for a stored row where they have more readings, each device for itself', () => {
    const live = createLiveRows();
    live.add(reading(AT_MS, 60));
    live.add(reading(AT_MS + 1, 80, 'strap'));
    live.add(reading(AT_MS + MINUTE_MS, 90));
    const stored = makeRows([
      [AT_MS, 60, 60, 60, 1],
      [AT_MS + MINUTE_MS, 85, 80, 90, 2],
    ]);
    const all = live.over(stored, MINUTE_MS, range);
    expect([[...all.mean], [...all.count]]).toEqual([
      [70, 85],
      [2, 2],
    ]);
    expect(all.deviceSets[all.deviceSet[0] ?? -1]).toEqual(['strap', 'watch']);
    expect([...live.over(stored, MINUTE_MS, range, 'watch').count]).toEqual([1, 2]);
    expect(live.over(stored, MINUTE_MS, range, 'other')).toBe(stored);
  });
});

describe("live rows where a minute is one device's", () => {
  const range = { fromMs: AT_MS, toMs: AT_MS + DAY_MS };
  const stored = makeRows([[AT_MS, 60, 60, 60, 1]]);

  function shown(readings: readonly [device: string, second: number, rate: number, rank?: number][], rows = stored) {
    const live = createLiveRows();
    for (const [deviceId, second, heartRate, rank = null] of readings)
      live.add({ deviceId, timestamp: new Date(AT_MS + second * 1_000).toISOString(), heartRate, rank });
    const over = live.over(rows, MINUTE_MS, range, undefined, 'device');
    return [[...over.mean], [...over.count], over.deviceSets[over.deviceSet[0] ?? -1]];
  }

  it('the best that was heard counts, however few its readings are', () => {
    const strap = Array.from({ length: 50 }, (_, s) => ['strap', s, 90, 2] as [string, number, number, number]);
    expect(shown([...strap, ['watch', 20, 70, 1]], makeRows([]))).toEqual([[70], [1], ['watch']]);
    expect(shown([...strap, ['ring', 20, 70, 3]], makeRows([]))).toEqual([[90], [50], ['strap']]);
    // Better than the stored one's, which was heard, too.
    expect(shown([...strap, ['watch', 20, 60, 3]])).toEqual([[90], [50], ['strap']]);
    // Whether it is better is not known.
    expect(shown(strap)).toEqual([[60], [1], ['watch']]);
    expect(
      shown([
        ['watch', 1, 70],
        ['watch', 2, 80],
      ]),
    ).toEqual([[75], [2], ['watch']]);
  });

  it('one device alone is shown as ever', () => {
    const live = createLiveRows();
    live.add({ ...{ deviceId: 'strap', heartRate: 90, rank: 2 }, timestamp: new Date(AT_MS).toISOString() });
    live.add({ ...{ deviceId: 'watch', heartRate: 60, rank: 1 }, timestamp: new Date(AT_MS).toISOString() });
    expect([...live.over(makeRows([]), MINUTE_MS, range, 'strap', 'device').mean]).toEqual([90]);
  });
});

describe('live rows of two devices at the same millisecond', () => {
  const range = { fromMs: AT_MS, toMs: AT_MS + DAY_MS };

  it.each([
    ['p', 1, null, 100],
    ['p', null, null, 100],
    ['p', 2, 1, 60],
    ['p', null, 3, 60],
    ['\u{1f600}', null, null, 60],
  ])('%s of rank %s, \uff5e of rank %s: the one counts that the API counts', (device, rank, other, mean) => {
    const live = createLiveRows();
    for (let i = 0; i < 30; i += 1) {
      const timestamp = new Date(AT_MS + i * 1_000).toISOString();
      live.add({ deviceId: '\uff5e', timestamp, heartRate: 60, rank: other });
      live.add({ deviceId: device, timestamp, heartRate: 100, rank });
    }
    const rows = live.over(makeRows([]), MINUTE_MS, range);
    expect([[...rows.mean], [...rows.count]]).toEqual([[mean], [30]]);
    expect([...live.over(makeRows([]), MINUTE_MS, range, '\uff5e').mean]).toEqual([60]);
  });
});

describe('a view and its address', () => {
  it('comes back as it was', () => {
    const view = {
      userId: ' ana & ñ#',
      range: { preset: 'custom', fromMs: AT_MS, toMs: AT_MS + 5 * MINUTE_MS },
      interval: '5m',
      devices: ['a b', 'c'],
      isMerged: false,
      isLive: true,
      resolve: 'device',
      compare: 'before',
      colour: 'mean',
    } as const;
    expect(readView(writeView(view), 0)).toEqual(view);
  });

  it('what is said wrongly is the day of now', () => {
    const view = readView('#range=custom&from=2024-02-02T00:00&to=2024-01-01T00:00&interval=7m', AT_MS);
    expect(view).toEqual({ ...readView('', AT_MS), range: view.range });
    expect([view.range.preset, view.interval, view.userId]).toEqual(['day', 'auto', '']);
    expect(isSameRange(view.range, readView('', AT_MS).range)).toBe(true);
    expect(questionOf(view)).toEqual({ userId: '', interval: '1m', range: view.range });
  });
});

describe('what tells things apart', () => {
  it('no two of 24 devices look the same', () => {
    const looks = new Set(Array.from({ length: 24 }, (_, place) => JSON.stringify(lookOf(place))));
    expect(looks.size).toBe(24);
  });

  it('facts have names in words, and values with units', () => {
    expect(nameOf('oldestAgeMs')).toBe('Oldest age');
    expect(nameOf('partitions', 'compaction')).toBe('Users’ days looked at');
    const said = [
      formatFact('uptimeMs', 7_260_000),
      formatFact('ageMs', 12),
      formatFact('bytes', 1_572_864),
      formatFact('storageBytes', 5 * 1024 ** 3),
      formatFact('firstDate', '20240115'),
      formatFact('readings', 1_234),
      formatFact('parts', ['api', 'consumer']),
      formatFact('any', null),
    ];
    expect(said).toEqual(['2 h 01 min', '12 ms', '1.6 MB', '5.4 GB', '2024-01-15', '1,234', 'api, consumer', '–']);
  });
});
