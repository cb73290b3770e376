import { Temporal } from 'temporal-polyfill';
import { afterEach, describe, expect, it } from 'vitest';
import { browserZone, readMoment, takeZone, timeZone, toLocalInput, toOffsetText } from '../../dashboard/clocks.js';
import {
  askedRange,
  chosenRange,
  describeStep,
  followNow,
  intervalFor,
  rangeAround,
  rangeInside,
  rangeOutside,
  shiftRange,
  yearBefore,
} from '../../dashboard/range.js';
import { readView, writeView } from '../../dashboard/view.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ZONES = ['UTC', 'Europe/Madrid', 'America/Los_Angeles', 'Asia/Kolkata', 'Pacific/Auckland'];

afterEach(() => {
  takeZone(undefined);
});

/** When the clocks of a zone show a time first. */
const clockMs = (zone: string, ...[month, day, hour = 0, minute = 0]: [number, number, number?, number?]) =>
  new Temporal.PlainDateTime(2024, month, day, hour, minute).toZonedDateTime(zone).epochMilliseconds;

const custom = (fromMs: number, toMs: number) => ({ preset: 'custom', fromMs, toMs }) as const;

describe.each(ZONES)('ranges in %s', (zone) => {
  it('rows of a day are asked for by whole days', () => {
    takeZone(zone);
    const year = rangeAround('year', clockMs(zone, 6, 1));
    expect(askedRange(year, '1d')).toEqual(year);
    expect(askedRange(year, '1h')).toEqual(year);
    const part = askedRange(custom(clockMs(zone, 3, 1, 5), clockMs(zone, 3, 3, 1)), '1d');
    expect(part).toEqual(custom(clockMs(zone, 3, 1), clockMs(zone, 3, 4)));
    expect(askedRange(part, '1d')).toEqual(part);
  });

  it('leads in by month, day and hour, and out the same way', () => {
    takeZone(zone);
    const year = rangeAround('year', clockMs(zone, 6, 1));
    const month = rangeInside(year, clockMs(zone, 3, 1));
    expect(month).toEqual(rangeAround('month', clockMs(zone, 3, 1)));
    const atMs = clockMs(zone, 3, 7, 13, 59);
    const day = rangeInside(month ?? year, atMs);
    expect(day).toEqual(rangeAround('day', atMs));
    const hour = rangeInside(day ?? year, atMs);
    expect(hour).toEqual(custom(atMs - HOUR_MS / 2, atMs + HOUR_MS / 2));
    expect(rangeInside(hour ?? year, atMs)).toBe(null);
    expect(rangeOutside(hour ?? year)).toEqual(day);
    expect(rangeOutside(day ?? year)).toEqual(month);
    expect(rangeOutside(month ?? year)).toEqual(year);
    expect(rangeOutside(year)).toBe(null);
  });

  it('goes on to the present day, month or year from the one before, and only from that', () => {
    takeZone(zone);
    const midnightMs = clockMs(zone, 1, 17);
    const day = rangeAround('day', midnightMs - 1);
    expect(followNow(day, midnightMs - 1_000, midnightMs - 1)).toBe(day);
    expect(followNow(day, midnightMs - 1_000, midnightMs)).toEqual(rangeAround('day', midnightMs));
    expect(followNow(day, midnightMs - 1_000, midnightMs + 3 * DAY_MS)).toEqual(
      rangeAround('day', midnightMs + 3 * DAY_MS),
    );
    expect(followNow(day, midnightMs, midnightMs + DAY_MS)).toBe(day);
    const hour = custom(midnightMs - HOUR_MS, midnightMs);
    expect(followNow(hour, midnightMs - 1, midnightMs)).toBe(hour);
  });

  it('moves by whole days, also where one has 23 hours or 25', () => {
    takeZone(zone);
    let range = rangeAround('day', clockMs(zone, 1, 1));
    for (let i = 0; i < 366; i += 1) range = shiftRange(range, 1);
    expect(range).toEqual(rangeAround('day', clockMs(zone, 12, 31) + DAY_MS));
    for (let i = 0; i < 366; i += 1) range = shiftRange(range, -1);
    expect(range).toEqual(rangeAround('day', clockMs(zone, 1, 1)));
  });
});

it.each([...ZONES, 'Asia/Beirut', 'America/Asuncion', 'Australia/Lord_Howe'])(
  'days, weeks, months and years of %s are those of the calendar, and the same of the year before',
  (zone) => {
    takeZone(zone);
    const startOf = (date: Temporal.PlainDate) => date.toZonedDateTime(zone).epochMilliseconds;
    for (let date = Temporal.PlainDate.from('2023-12-25'); date.year < 2025; date = date.add({ days: 3 })) {
      const monday = date.subtract({ days: date.dayOfWeek - 1 });
      const [month, year] = [date.with({ day: 1 }), date.with({ month: 1, day: 1 })];
      const expected = [
        ['day', date, { days: 1 }],
        ['week', monday, { weeks: 1 }],
        ['month', month, { months: 1 }],
        ['year', year, { years: 1 }],
      ] as const;
      for (const [preset, from, length] of expected) {
        const range = { preset, fromMs: startOf(from), toMs: startOf(from.add(length)) };
        expect(rangeAround(preset, startOf(date))).toEqual(range);
        expect(rangeAround(preset, startOf(date.add({ days: 1 })) - 1)).toEqual(range);
        const before = preset === 'week' ? from.subtract({ weeks: 52 }) : from.subtract({ years: 1 });
        if (preset !== 'day') expect(yearBefore(range)).toEqual(rangeAround(preset, startOf(before)));
      }
    }
  },
);

it('the clocks are those of the browser where no other zone is wanted, or one that it does not know', () => {
  expect(takeZone('Asia/Kathmandu')).toBe(true);
  expect(takeZone('Asia/Kathmandu')).toBe(false);
  expect([timeZone(), toLocalInput(0)]).toEqual(['Asia/Kathmandu', '1970-01-01T05:30']);
  expect(takeZone('Moon/Tycho')).toBe(true);
  expect(timeZone()).toBe(browserZone);
});

it('a time without an offset is one of the clocks that are shown; one that they skip is when they skip it', () => {
  takeZone('Europe/Madrid');
  const skipMs = Date.UTC(2024, 2, 31, 1);
  expect(['2024-03-31T01:59', '2024-03-31T02:30', '2024-03-31T03:00'].map(readMoment)).toEqual([
    skipMs - MINUTE_MS,
    skipMs,
    skipMs,
  ]);
  expect(['2024-03-31', '2024-03-31T02:30Z', '2024-03-31T02:30-0300', '', 'soon'].map(readMoment)).toEqual([
    skipMs - 2 * HOUR_MS,
    skipMs + 1.5 * HOUR_MS,
    skipMs + 4.5 * HOUR_MS,
    Number.NaN,
    Number.NaN,
  ]);
});

describe('a part that a pointer has chosen', () => {
  const atMs = Date.UTC(2024, 0, 15, 12);

  it.each([1, 4_000, 59_999, 5 * MINUTE_MS, 7.3 * HOUR_MS, 2 * DAY_MS, 40.5 * DAY_MS, 200 * DAY_MS])(
    '%d ms: whole rows, five at least, and all of it',
    (lengthMs) => {
      const [fromMs, toMs] = [atMs + 12_345, atMs + 12_345 + lengthMs];
      const range = chosenRange(fromMs, toMs);
      const rowMs = { '1m': MINUTE_MS, '5m': 0, '15m': 0, '1h': HOUR_MS, '1d': DAY_MS }[intervalFor({ fromMs, toMs })];
      expect(range.fromMs).toBeLessThanOrEqual(fromMs);
      expect(range.toMs).toBeGreaterThanOrEqual(toMs);
      expect([range.fromMs % rowMs, range.toMs % rowMs]).toEqual([0, 0]);
      expect((range.toMs - range.fromMs) / rowMs).toBeGreaterThanOrEqual(5);
      expect(range.toMs - range.fromMs).toBeLessThanOrEqual(Math.max(lengthMs, 5 * rowMs) + 2 * rowMs);
    },
  );

  it('begins in 1970 at the earliest', () => {
    expect(chosenRange(1_000, 2_000).fromMs).toBe(0);
  });
});

it.each([
  [MINUTE_MS, '1 min'],
  [15 * MINUTE_MS, '15 min'],
  [HOUR_MS, '1 h'],
  [300 * MINUTE_MS, '5 h'],
  [DAY_MS, '1 day'],
  [2 * DAY_MS, '2 days'],
])('a step of %d ms is %s', (stepMs, said) => {
  expect(describeStep(stepMs)).toBe(said);
});

describe.each([...ZONES, 'Australia/Lord_Howe', 'Africa/Monrovia'])('an address in %s', (zone) => {
  it('names the same moment when it is read again, in the hour that comes twice, too', () => {
    takeZone(zone);
    // Nights in which clocks are set back, and a year in which Monrovia's were 44 minutes and 30 seconds behind.
    for (const startMs of [
      Date.UTC(2024, 9, 26, 20),
      Date.UTC(2024, 3, 6, 10),
      Date.UTC(2024, 10, 3, 4),
      Date.UTC(1971, 5, 1),
    ]) {
      for (let atMs = startMs; atMs < startMs + 12 * HOUR_MS; atMs += 10 * MINUTE_MS) {
        const view = {
          userId: 'ana',
          range: custom(atMs, atMs + HOUR_MS),
          interval: 'auto',
          devices: [],
          isMerged: true,
          isLive: false,
          compare: 'before',
          colour: 'mean',
          zone: 'browser',
        } as const;
        expect(readView(writeView(view), 0)).toEqual(view);
      }
    }
  });
});

it('an address says what the clocks are ahead by', () => {
  takeZone('Europe/Madrid');
  expect(toOffsetText(Date.UTC(2024, 9, 27, 0, 10))).toBe('2024-10-27T02:10+02:00');
  expect(toOffsetText(Date.UTC(2024, 9, 27, 1, 10))).toBe('2024-10-27T02:10+01:00');
  // As addresses were before: a time of the wall's clock.
  expect(readView('#range=custom&from=2024-01-15T10:00&to=2024-01-15T11:00', 0).range).toEqual(
    custom(Date.UTC(2024, 0, 15, 9), Date.UTC(2024, 0, 15, 10)),
  );
});

it('an address that names a member of all objects as its interval says nothing', () => {
  expect(readView('#interval=constructor', 0).interval).toBe('auto');
});
