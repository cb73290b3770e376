import { describe, expect, it } from 'vitest';
import { createTimeZone } from '../../../src/formats/judge/time-zone.js';

function local(text: string) {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/\D/).map(Number);
  return { year, month, day, hour, minute, second };
}

describe('a time zone', () => {
  it.each([
    ['Europe/Madrid', '2024-01-15 10:00:00', '2024-01-15T09:00:00.000Z', []],
    ['Europe/Madrid', '2024-07-15 10:00:00', '2024-07-15T08:00:00.000Z', []],
    ['Europe/Madrid', '2024-03-31 01:59:59', '2024-03-31T00:59:59.000Z', []],
    ['Europe/Madrid', '2024-03-31 02:30:00', '2024-03-31T01:30:00.000Z', ['skipped_time']],
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

  it('that was not given is asked for, and one that is none is refused', () => {
    expect(() => createTimeZone(undefined).toEpochMs(local('2024-01-15 10:00:00'))).toThrow('--time-zone');
    expect(() => createTimeZone('Europe/Nowhere')).toThrow('is no time zone');
  });

  it('that was not used is not told', () => {
    expect(createTimeZone('Europe/Madrid').notes()).toEqual([]);
  });
});
