import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { createTimeZone } from '../../../src/formats/judge/time-zone.js';
import { randomFrom, testSeed } from '../../support/random.js';

function local(text: string) {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/\D/).map(Number);
  return { year, month, day, hour, minute, second };
}

describe('a time zone', () => {
  it.each([
    ['Europe/Madrid', '2024-01-15 10:00:00', '2024-01-15T09:00:00.000Z', []],
    ['Europe/Madrid', '2024-07-15 10:00:00', '2024-07-15T08:00:00.000Z', []],
    ['Europe/Madrid', '2024-03-31 01:59:59', '2024-03-31T00:59:59.000Z', []],
    ['America/St_Johns', '2010-11-07 00:00:30', '2010-11-07T02:30:30.000Z', ['ambiguous_time']],
    ['Europe/Madrid', '2024-03-31 03:00:00', '2024-03-31T01:00:00.000Z', []],
    ['Europe/Madrid', '2024-10-27 01:59:59', '2024-10-26T23:59:59.000Z', []],
    ['Europe/Madrid', '2024-10-27 02:30:00', '2024-10-27T00:30:00.000Z', ['ambiguous_time']],
    ['Europe/Madrid', '2024-10-27 03:00:00', '2024-10-27T02:00:00.000Z', []],
    ['America/New_York', '2024-11-03 01:30:00', '2024-11-03T05:30:00.000Z', ['ambiguous_time']],
    ['Australia/Lord_Howe', '2024-04-07 01:45:00', '2024-04-06T14:45:00.000Z', ['ambiguous_time']],
    ['Asia/Kathmandu', '2024-01-15 10:00:00', '2024-01-15T04:15:00.000Z', []],
    ['+02:00', '2024-10-27 02:30:00', '2024-10-27T00:30:00.000Z', []],
    ['-03:30', '2024-01-15 23:00:00', '2024-01-16T02:30:00.000Z', []],
    ['UTC', '2024-02-29 23:59:59', '2024-02-29T23:59:59.000Z', []],
  ])('%s has %s at %s, told: %j', (name, text, instant, codes) => {
    const zone = createTimeZone(name);
    expect(new Date(zone.toEpochMs(local(text))).toISOString()).toBe(instant);
    expect(zone.notes().map(({ code }) => code)).toEqual(['time_zone_used', ...codes]);
  });

  it('that was not given is missed, and one that is none is refused', () => {
    const none = createTimeZone(undefined);
    expect(none.toEpochMs(local('2024-01-15 10:00:00'))).toBe('no_zone');
    expect([none.missingCount(), none.notes()]).toMatchObject([1, [{ code: 'no_zone' }]]);
    expect(() => createTimeZone('Europe/Nowhere')).toThrow('is no time zone');
  });

  it('that was not used is not told', () => {
    expect(createTimeZone('Europe/Madrid').notes()).toEqual([]);
  });
});

describe('an hour that is there twice', () => {
  const minutes = (from: number, to: number, step: number) =>
    Array.from({ length: Math.floor((to - from) / step) }, (_, i) => from + i * step);
  /** What a clock in Madrid shows at minutes from 2024-10-26T23:00Z on; at 60 it is 02:00, and at 120 again. */
  const shown = (minute: number) =>
    new Date(Date.UTC(2024, 9, 27, 1, minute < 120 ? minute : minute - 60)).toISOString();
  const START_MS = Date.UTC(2024, 9, 26, 23);

  it.each<[string, readonly number[]]>([
    ['forward', minutes(0, 240, 1)],
    ['in steps', minutes(0, 240, 20)],
    ['from within', minutes(70, 200, 5)],
    ['backwards', minutes(0, 240, 1).reverse()],
    ['backwards, in steps', minutes(0, 240, 20).reverse()],
  ])('is told apart by times that go %s', (_, times) => {
    const zone = createTimeZone('Europe/Madrid');
    const instants = times.map((minute) => zone.toEpochMs(local(shown(minute))));
    expect(instants).toEqual(times.map((minute) => START_MS + minute * 60_000));
  });

  it('is told apart for each series', () => {
    const zone = createTimeZone('Europe/Madrid');
    for (const minute of minutes(0, 240, 7)) {
      for (const [series, ahead] of [
        ['a', 0],
        ['b', 90],
      ] as const)
        expect(zone.toEpochMs(local(shown(minute + ahead)), series)).toBe(START_MS + (minute + ahead) * 60_000);
    }
  });

  it('or never is the instant that Temporal says, in zones at random', () => {
    const fraction = randomFrom(testSeed());
    const zones = Intl.supportedValuesOf('timeZone');
    let [twice, never] = [0, 0];
    for (let i = 0; i < 150; i += 1) {
      const name = zones[Math.floor(fraction() * zones.length)] as string;
      const from = Temporal.Instant.fromEpochMilliseconds(Date.UTC(2000 + Math.floor(fraction() * 37), 0, 2));
      const change = from.toZonedDateTimeISO(name).getTimeZoneTransition('next');
      if (change === null) continue;
      for (let j = 0; j < 20; j += 1) {
        const plain = change.toPlainDateTime().add({ seconds: Math.floor((fraction() - 0.5) * 4 * 3_600) });
        const { year, month, day, hour, minute, second } = plain;
        const [earlier, later] = (['earlier', 'later'] as const).map((disambiguation) =>
          plain.toZonedDateTime(name, { disambiguation }),
        );
        const exists = earlier?.toPlainDateTime().equals(plain) === true;
        const told = createTimeZone(name).toEpochMs({ year, month, day, hour, minute, second });
        expect([name, plain.toString(), told]).toEqual([
          name,
          plain.toString(),
          exists ? earlier?.epochMilliseconds : 'no_time',
        ]);
        if (!exists) never += 1;
        else if (!earlier?.equals(later as Temporal.ZonedDateTime)) twice += 1;
      }
    }
    expect(Math.min(twice, never)).toBeGreaterThan(20);
  });
});
