import { describe, expect, it } from 'vitest';
import { isHrmError } from '../../../src/errors.js';
import { parseQuestion, type QuestionInput } from '../../../src/pure/answer/question.js';

const RULES = { naiveTimestamps: 'reject', wireNames: false } as const;
const GOOD: QuestionInput = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };

function faults(change: Record<string, unknown>, wireNames = false): Record<string, string> {
  try {
    parseQuestion({ ...GOOD, ...change } as QuestionInput, { ...RULES, wireNames });
  } catch (error) {
    if (!isHrmError(error)) throw error;
    expect(error).toMatchObject({ kind: 'invalid', code: 'invalid_query' });
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

it('takes ISO strings, Dates and epoch milliseconds alike', () => {
  const fromMs = Date.UTC(2024, 0, 15);
  const toMs = Date.UTC(2024, 0, 16);
  const grid = expect.objectContaining({ interval: '1m', zone: null, isWithinDays: true });
  const expected = { userId: 'ana', deviceId: undefined, fromMs, toMs, grid, priority: {}, resolve: 'reading' };
  expect(parseQuestion(GOOD, RULES)).toEqual(expected);
  expect(parseQuestion({ ...GOOD, start: new Date(fromMs), end: toMs }, RULES)).toEqual(expected);
});

it('takes an end in the future, and an empty range', () => {
  expect(faults({ end: '2033-01-01T00:00:00Z' })).toEqual({});
  expect(faults({ end: GOOD.start })).toEqual({});
});

describe('faults', () => {
  it.each([
    ['a missing user', { userId: undefined }, '/userId', /string/],
    ['a user too long', { userId: 'x'.repeat(129) }, '/userId', /1 to 128/],
    ['an empty device', { deviceId: '' }, '/deviceId', /1 to 128/],
    ['a missing start', { start: undefined }, '/start', /missing/],
    ['a missing end', { end: undefined }, '/end', /missing/],
    ['an invalid Date', { end: new Date(Number.NaN) }, '/end', /timestamp/],
    ['NaN', { start: Number.NaN }, '/start', /timestamp/],
    ['half a millisecond', { start: 0.5 }, '/start', /timestamp/],
    ['before 1970', { start: -1 }, '/start', /1970/],
    ['the year 10000', { end: Date.UTC(10_000, 0, 1) }, '/end', /timestamp/],
    ['start after end', { start: '2024-01-17T00:00:00Z' }, '/start', /after end/],
    ['more than 3,660 days', { start: '2010-01-01T00:00:00Z', end: '2024-01-01T00:00:00Z' }, '/end', /3660/],
    ['an unknown interval', { interval: '1min' }, '/interval', /1m, 5m, 15m, 1h, 1d/],
    ['a time zone that is none', { timeZone: 'Europe/Nowhere' }, '/timeZone', /time zone/],
    ['an interval of Object.prototype', { interval: 'constructor' }, '/interval', /one of/],
    ['a way to resolve devices that is none', { resolve: 'minute' }, '/resolve', /reading, device/],
    ['a rank of zero', { priority: { a: 0 } }, '/priority', /ranks/],
    ['a rank that is text', { priority: { a: '1' } }, '/priority', /ranks/],
    ['a rank of a name of Object.prototype', { priority: { constructor: 0.5 } }, '/priority', /ranks/],
    ['a Map, of which nothing would be taken', { priority: new Map([['a', 1]]) }, '/priority', /ranks/],
  ])('%s', (_, change, path, why) => {
    const found = faults(change);
    expect(Object.keys(found)).toEqual([path]);
    expect(found[path]).toMatch(why);
  });

  it('come all at once, in the spelling of the wire where that is asked', () => {
    expect(Object.keys(faults({ userId: 1, deviceId: 2, start: 'x', end: 'y', interval: 'z' }, true))).toEqual([
      '/user_id',
      '/device_id',
      '/start',
      '/end',
      '/interval',
    ]);
  });
});

it('has nothing to resolve of one device', () => {
  expect(parseQuestion({ ...GOOD, resolve: 'device' }, RULES).resolve).toBe('device');
  expect(parseQuestion({ ...GOOD, resolve: 'device', deviceId: 'watch' }, RULES).resolve).toBe('reading');
});

it('accepts exactly 3,660 days', () => {
  expect(faults({ start: 0, end: 3_660 * 86_400_000 })).toEqual({});
  expect(Object.keys(faults({ start: 0, end: 3_660 * 86_400_000 + 1 }))).toEqual(['/end']);
});
