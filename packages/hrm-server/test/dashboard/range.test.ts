import { afterEach, describe, expect, it } from 'vitest';
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
  toOffsetText,
} from '../../dashboard/range.js';
import { readView, writeView } from '../../dashboard/view.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ZONES = ['UTC', 'Europe/Madrid', 'America/Los_Angeles', 'Asia/Kolkata', 'Pacific/Auckland'];

const { TZ } = process.env;
afterEach(() => {
  if (TZ === undefined) delete process.env.TZ;
  else process.env.TZ = TZ;
});

const custom = (fromMs: number, toMs: number) => ({ preset: 'custom', fromMs, toMs }) as const;

describe.each(ZONES)('ranges in %s', (zone) => {
  it('rows of a day are asked for by whole days', () => {
    process.env.TZ = zone;
    expect(new Intl.DateTimeFormat().resolvedOptions().timeZone).toMatch(zone === 'Asia/Kolkata' ? /^Asia/ : zone);
    const year = rangeAround('year', new Date(2024, 5, 1).getTime());
    expect(askedRange(year, '1d')).toEqual(year);
    expect(askedRange(year, '1h')).toEqual(year);
    const at = (...[month, day, hour]: [number, number, number]) => new Date(2024, month, day, hour).getTime();
    const part = askedRange(custom(at(2, 1, 5), at(2, 3, 1)), '1d');
    expect(part).toEqual(custom(at(2, 1, 0), at(2, 4, 0)));
    expect(askedRange(part, '1d')).toEqual(part);
  });

  it('leads in by month, day and hour, and out the same way', () => {
    process.env.TZ = zone;
    const year = rangeAround('year', new Date(2024, 5, 1).getTime());
    const month = rangeInside(year, new Date(2024, 2, 1).getTime());
    expect(month).toEqual(rangeAround('month', new Date(2024, 2, 1).getTime()));
    const atMs = new Date(2024, 2, 7, 13, 59).getTime();
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
    process.env.TZ = zone;
    const midnightMs = new Date(2024, 0, 17).getTime();
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
    process.env.TZ = zone;
    let range = rangeAround('day', new Date(2024, 0, 1).getTime());
    for (let i = 0; i < 366; i += 1) range = shiftRange(range, 1);
    expect(range).toEqual(rangeAround('day', new Date(2025, 0, 1).getTime()));
    for (let i = 0; i < 366; i += 1) range = shiftRange(range, -1);
    expect(range).toEqual(rangeAround('day', new Date(2024, 0, 1).getTime()));
  });
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
    process.env.TZ = zone;
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
        } as const;
        expect(readView(writeView(view), 0)).toEqual(view);
      }
    }
  });
});

it('an address says what the clocks are ahead by', () => {
  process.env.TZ = 'Europe/Madrid';
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
