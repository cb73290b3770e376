/** Where the chart has ticks: at round times of the clocks that are shown, also where these are set. */
import { Temporal } from 'temporal-polyfill';
import { afterEach, expect, it } from 'vitest';
import { takeZone } from '../../dashboard/clocks.js';
import { ticksOf } from '../../dashboard/plot.js';

afterEach(() => {
  takeZone(undefined);
});

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

/** The ticks from a date to another, as clocks there show them. */
function shown(zone: string, from: string, to: string, stepS: number): readonly string[] {
  takeZone(zone);
  const [fromS = 0, toS = 0] = [from, to].map(
    (date) => Temporal.PlainDate.from(date).toZonedDateTime(zone).epochMilliseconds / 1_000,
  );
  return ticksOf(fromS, toS, stepS).map((s) =>
    Temporal.Instant.fromEpochMilliseconds(s * 1_000)
      .toZonedDateTimeISO(zone)
      .toPlainDateTime()
      .toString()
      .replace(/:00$/, ''),
  );
}

it.each([
  ['Europe/Madrid', '2024-03-31', 'T04:00'],
  ['Europe/Madrid', '2024-10-27', 'T04:00'],
  ['Asia/Kathmandu', '2024-01-15', 'T04:00'],
  ['Australia/Lord_Howe', '2024-04-07', 'T04:00'],
  ['America/New_York', '2024-11-03', 'T04:00'],
])('every two hours of %s on %s, and a day later midnight again', (zone, date, third) => {
  const tomorrow = Temporal.PlainDate.from(date).add({ days: 1 }).toString();
  const ticks = shown(zone, date, tomorrow, 2 * HOUR_S);
  expect(ticks.every((text) => /T[012][02468]:00$/.test(text))).toBe(true);
  expect([ticks[0], ticks.at(-1)]).toEqual([`${date}T00:00`, `${tomorrow}T00:00`]);
  expect(ticks).toContain(date + third);
  expect(ticks).toContain(`${date}T22:00`);
});

it('an hour that comes twice has its ticks twice, and one that is skipped has none', () => {
  const hours = (date: string, to: string) =>
    shown('Europe/Madrid', date, to, HOUR_S)
      .map((text) => text.slice(11, 13))
      .slice(0, 5);
  expect(hours('2024-10-27', '2024-10-28')).toEqual(['00', '01', '02', '02', '03']);
  expect(hours('2024-03-31', '2024-04-01')).toEqual(['00', '01', '03', '04', '05']);
});

it('days, months and years begin at their midnights; where that is skipped, later', () => {
  expect(shown('Asia/Beirut', '2024-03-30', '2024-04-02', DAY_S)).toEqual([
    '2024-03-30T00:00',
    '2024-03-31T01:00',
    '2024-04-01T00:00',
    '2024-04-02T00:00',
  ]);
  expect(shown('America/New_York', '2024-02-01', '2024-07-01', 30 * DAY_S)).toEqual(
    ['02', '03', '04', '05', '06', '07'].map((month) => `2024-${month}-01T00:00`),
  );
  expect(shown('Asia/Kolkata', '2024-02-10', '2025-02-01', 90 * DAY_S)).toEqual(
    ['2024-04', '2024-07', '2024-10', '2025-01'].map((month) => `${month}-01T00:00`),
  );
  expect(shown('UTC', '2003-05-01', '2024-01-01', 5 * 365 * DAY_S)).toEqual(
    [2008, 2013, 2018, 2023].map((year) => `${year}-01-01T00:00`),
  );
});
