import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTimestamp, parseTimestamp } from '../../src/pure/reading/timestamp.js';

function ms(text: string, naive: 'reject' | 'utc' = 'reject'): number | string {
  const parsed = parseTimestamp(text, naive);
  return 'fault' in parsed ? parsed.fault : parsed.timestampMs;
}

describe('what is accepted', () => {
  it.each([
    ['2024-01-15T10:00:00Z', 1705312800000],
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T00:00:00.000+00:00', 0],
    ['1969-12-31T23:30:00-01:00', 1_800_000],
    ['2024-01-15T11:00:00+01:00', 1705312800000],
    ['2024-01-15T09:30:00-00:30', 1705312800000],
    ['2024-01-15T10:00:00.5Z', 1705312800500],
    ['2024-01-15T10:00:00.0999Z', 1705312800099],
    ['2024-01-15T10:00:00.123456789123Z', 1705312800123],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['9999-12-31T23:59:59.999Z', Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
  ])('%s', (text, expected) => {
    expect(ms(text)).toBe(expected);
  });

  it('agrees with Date on every instant it can print, whatever the offset', () => {
    const instant = fc.integer({ min: 86_400_000, max: Date.UTC(9999, 11, 30) });
    fc.assert(
      fc.property(instant, fc.integer({ min: -1439, max: 1439 }), (epochMs, offset) => {
        const local = new Date(epochMs + offset * 60_000).toISOString().slice(0, -1);
        const clock = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const suffix = clock.map((n) => String(n).padStart(2, '0')).join(':');
        expect(ms(`${local}${offset < 0 ? '-' : '+'}${suffix}`)).toBe(epochMs);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what is refused, and the words that say why', () => {
  it.each([
    ['2024-01-15T10:00:00', /offset is missing/],
    ['2024-01-15T10:00:60Z', /leap seconds/],
    ['2016-12-31T23:59:60Z', /leap seconds/],
    ['2024-01-15T24:00:00Z', /hour/],
    ['2024-01-15T25:00:00Z', /hour/],
    ['2024-01-15T10:60:00Z', /minute/],
    ['2023-02-29T10:00:00Z', /of the calendar/],
    ['2024-13-01T10:00:00Z', /of the calendar/],
    ['2024-00-10T10:00:00Z', /of the calendar/],
    ['2024-01-00T10:00:00Z', /of the calendar/],
    ['99999-01-01T00:00:00Z', /four digits/],
    ['1969-12-31T23:59:59.999Z', /before 1970/],
    ['1970-01-01T00:30:00+01:00', /before 1970/],
    ['0070-01-01T00:00:00Z', /before 1970/],
    ['0070-01-01T00:00:00+00:00', /before 1970/],
    ['9999-12-31T23:59:59-01:00', /year 10000/],
    ['2024-01-15T10:00:00+24:00', /offset/],
    ['2024-01-15T10:00:00+01:60', /offset/],
    ['2024-01-15T10:00:00 01:00', /%2B/],
    ['2024-01-15T10:00:00.25 01:00', /%2B/],
    ['2024-01-15 10:00:00Z', /a T belongs/],
    ['2024-01-15 10:00:00', /a T belongs/],
    ['2024-01-15  10:00', /a T belongs/],
    ['2024-01-15 noon', /form/],
    ['2024-01-15T10:00Z', /form/],
    ['2024-01-15T10:00:00.Z', /form/],
    ['2024-01-15t10:00:00z', /form/],
    ['20240115T100000Z', /form/],
    ['１２３４-01-15T10:00:00Z', /form/],
    ['', /form/],
    ['now', /form/],
  ])('%s', (text, why) => {
    expect(ms(text)).toMatch(why);
  });
});

describe('the length of a timestamp', () => {
  it('is bounded: what is longer is not read', () => {
    const longest = `2024-01-15T10:00:00.${'1'.repeat(79)}Z`;
    expect(ms(longest)).toBe(1705312800111);
    expect(ms(longest.replace('.', '.0'))).toMatch(/at most 100 characters/);
  });

  it.each(['T', '1', ' ', 'T ', '1-', '2024-01-15T', '2024-01-15T10:00:00.'])(
    'costs nothing: %s, a million times',
    (s) => {
      expect(ms(s.repeat(2 ** 20))).toMatch(/at most 100 characters/);
    },
  );
});

it('takes a missing offset as UTC only where that is set', () => {
  expect(ms('2024-01-15T10:00:00', 'utc')).toBe(1705312800000);
  expect(ms('2024-01-15T10:00:00.25', 'utc')).toBe(1705312800250);
  expect(ms('2024-01-15 10:00:00', 'utc')).toMatch(/a T belongs/);
});

it('formats to the second in UTC', () => {
  expect(formatTimestamp(1705312800000)).toBe('2024-01-15T10:00:00Z');
  expect(formatTimestamp(0)).toBe('1970-01-01T00:00:00Z');
});

it('gives one verdict by the fast path and by the regular expression', () => {
  // An offset of zero says the same as Z, and never takes the fast path.
  const number = (width: number, max: number) =>
    fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 0, max }).map((n) => String(n).padStart(width, '0')) },
      { weight: 1, arbitrary: fc.constantFrom('x'.repeat(width), '-1'.padEnd(width, '0'), ' 1'.padEnd(width, '0')) },
    );
  const fraction = fc.constantFrom('', '.000', '.007', '.999', '.5', '.1234', '.', '.00x', ',000');
  const parts = fc.tuple(
    fc.oneof(fc.integer({ min: 1965, max: 2105 }).map(String), number(4, 9_999)),
    number(2, 14),
    number(2, 33),
    number(2, 26),
    number(2, 62),
    number(2, 62),
    fraction,
  );
  let valid = 0;
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, second, rest]) => {
      const text = `${year}-${month}-${day}T${hour}:${minute}:${second}${rest}`;
      const fast = parseTimestamp(`${text}Z`, 'reject');
      const slow = parseTimestamp(`${text}+00:00`, 'reject');
      expect('timestampMs' in fast, text).toBe('timestampMs' in slow);
      if ('timestampMs' in fast) expect(fast).toEqual(slow);
      if ('timestampMs' in fast) valid += 1;
    }),
    { numRuns: 20_000 },
  );
  expect(valid).toBeGreaterThan(1_000);
});
