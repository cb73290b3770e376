import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReadings, type ReadingRules } from '../../src/pure/reading/reading.js';

const NOW_MS = 1_705_312_800_000;
const RULES: ReadingRules = { naiveTimestamps: 'reject', latestMs: NOW_MS + 1_000, wireOnly: false };
const GOOD = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };

function faults(input: unknown, rules = RULES): Record<string, string> {
  const parsed = parseReadings(input, rules, NOW_MS);
  return 'faults' in parsed ? Object.fromEntries(parsed.faults.map(({ path, message }) => [path, message])) : {};
}

it('takes one reading or many, ignores other fields, stamps them', () => {
  const expected = { userId: 'ana', deviceId: 'watch', timestampMs: NOW_MS, heartRate: 72, receivedMs: NOW_MS + 5 };
  expect(parseReadings({ ...GOOD, mood: 'calm' }, RULES, NOW_MS + 5)).toEqual({ readings: [expected] });
  expect(parseReadings([GOOD, GOOD], RULES, NOW_MS + 5)).toEqual({ readings: [expected, expected] });
});

it('takes camelCase from JavaScript, and from a wire never', () => {
  const camel = { userId: 'ana', deviceId: 'watch', timestamp: GOOD.timestamp, heartRate: 72 };
  expect(parseReadings(camel, RULES, NOW_MS)).toEqual(parseReadings(GOOD, RULES, NOW_MS));
  expect(Object.keys(faults([{ ...camel, heartRate: 10 }]))).toEqual(['/0/heartRate']);
  expect(Object.keys(faults(camel, { ...RULES, wireOnly: true }))).toEqual(['/user_id', '/device_id', '/heart_rate']);
});

it('takes what is as old as the rules allow, and says which setting it is', () => {
  const rules = { ...RULES, earliestMs: NOW_MS };
  expect(faults(GOOD, rules)).toEqual({});
  const early = { ...GOOD, timestamp: '2024-01-15T09:59:59.999Z' };
  for (const input of [early, { ...early, user_id: 'añа' }]) {
    expect(faults(input, rules)).toEqual({ '/timestamp': expect.stringMatching(/far in the past.*HRM_MAX_PAST_MS/) });
    expect(faults(input)).toEqual({});
  }
});

describe('faults', () => {
  it.each([
    ['29 bpm', { heart_rate: 29 }, '/heart_rate', /30 to 220/],
    ['221 bpm', { heart_rate: 221 }, '/heart_rate', /30 to 220/],
    ['75.5 bpm', { heart_rate: 75.5 }, '/heart_rate', /integer/],
    ['NaN', { heart_rate: Number.NaN }, '/heart_rate', /integer/],
    ['text', { heart_rate: '72' }, '/heart_rate', /integer/],
    ['no bpm', { heart_rate: undefined }, '/heart_rate', /30 to 220/],
    ['an id that is null', { user_id: null }, '/user_id', /string/],
    ['an empty id', { user_id: '' }, '/user_id', /1 to 128/],
    ['129 characters', { device_id: 'x'.repeat(129) }, '/device_id', /1 to 128/],
    ['a number as id', { user_id: 7 }, '/user_id', /string/],
    ['a control character', { user_id: 'a\u0000b' }, '/user_id', /control/],
    ['a C1 control character', { user_id: 'a\u0085b' }, '/user_id', /control/],
    ['a lone surrogate', { device_id: 'a\ud800' }, '/device_id', /surrogate/],
    ['a naive time', { timestamp: '2024-01-15T10:00:00' }, '/timestamp', /offset/],
    ['a time too far ahead', { timestamp: '2024-01-15T10:00:02Z' }, '/timestamp', /future/],
    ['epoch milliseconds', { timestamp: NOW_MS }, '/timestamp', /string/],
  ])('%s', (_, change, path, why) => {
    const found = faults({ ...GOOD, ...change });
    expect(Object.keys(found)).toEqual([path]);
    expect(found[path]).toMatch(why);
  });

  it('of something that is no object', () => {
    for (const input of [null, 7, 'x', true, undefined]) expect(Object.keys(faults(input))).toEqual(['']);
    expect(Object.keys(faults([null, GOOD, 'x']))).toEqual(['/0', '/2']);
    expect(faults([[GOOD], []])).toEqual({
      '/0': 'must be an object with user_id, device_id, timestamp and heart_rate',
      '/1': 'must be an object with user_id, device_id, timestamp and heart_rate',
    });
  });

  it('say of a field that is not there that it is missing', () => {
    const [, ...found] = Object.entries(faults([{ user_id: 'ana' }, 3]));
    expect(faults([GOOD, { user_id: 'ana' }])).toEqual({
      '/1/device_id': 'is missing',
      '/1/timestamp': 'is missing',
      '/1/heart_rate': 'is missing',
    });
    expect(found.at(-1)).toEqual(['/1', 'must be an object with user_id, device_id, timestamp and heart_rate']);
  });

  it('are all counted, and the first 100 listed', () => {
    const parsed = parseReadings(
      Array.from({ length: 90 }, () => ({})),
      RULES,
      NOW_MS,
    );
    expect(parsed).toMatchObject({ faultCount: 360 });
    expect('faults' in parsed && parsed.faults.length).toBe(100);
  });

  it('are one for each value, whatever is wrong with it', () => {
    const anything = fc.oneof(
      fc.constantFrom<unknown>(
        300.5,
        -0.5,
        Number.POSITIVE_INFINITY,
        '',
        'T'.repeat(300),
        `\ud800\u0007${'x'.repeat(200)}`,
        null,
        undefined,
        [],
      ),
      fc.anything(),
      fc.double(),
      fc.string({ unit: 'binary', maxLength: 300 }),
    );
    const item = fc.record({ user_id: anything, device_id: anything, timestamp: anything, heart_rate: anything });
    fc.assert(
      fc.property(fc.array(fc.oneof(item, anything), { maxLength: 3 }), (items) => {
        const parsed = parseReadings(items, RULES, NOW_MS);
        if ('readings' in parsed) return;
        expect(new Set(parsed.faults.map(({ path }) => path)).size).toBe(parsed.faultCount);
        for (const { path } of parsed.faults)
          expect(path).toMatch(/^\/\d(\/(user_id|device_id|timestamp|heart_rate|userId|deviceId|heartRate))?$/);
      }),
      { numRuns: 1_000 },
    );
    expect(parseReadings({ ...GOOD, heart_rate: 300.5 }, RULES, NOW_MS)).toMatchObject({ faultCount: 1 });
  });

  it('never repeat the value', () => {
    const secret = { user_id: 'secret\u0007', device_id: 'secret\ud800', timestamp: 'secret', heart_rate: 'secret' };
    expect(JSON.stringify(faults(secret))).not.toContain('secret');
  });
});

it('accepts 128 characters of any kind but control', () => {
  expect(faults({ ...GOOD, user_id: '😀'.repeat(64), device_id: '../../etc' })).toEqual({});
});

it('gives one verdict by the fast path and by the schema', () => {
  const value = fc.oneof(
    fc.constantFrom(30, 220, 29, 221, 75.5, -0, 1e9, Number.NaN, Number.POSITIVE_INFINITY, '70', null),
    fc.integer({ min: 25, max: 225 }),
  );
  const id = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 130 }),
    fc.string({ maxLength: 130 }),
    fc.constantFrom('', 'x'.repeat(128), 'x'.repeat(129), 'a\ud800', '\u007f', 7, null),
  );
  const timestamp = fc.oneof(
    fc.constantFrom(GOOD.timestamp, '2024-01-15T10:00:01.000Z', '2024-01-15T10:00:01.001Z', 'x', true, null, undefined),
    fc.date({ noInvalidDate: true, min: new Date(-1e12), max: new Date(2e12) }).map((date) => date.toISOString()),
  );
  const item = fc.record({ user_id: id, device_id: id, timestamp, heart_rate: value });
  fc.assert(
    fc.property(item, (reading) => {
      const fast = parseReadings(reading, RULES, NOW_MS);
      // The same through the schema alone: a getter-free copy under camelCase names never takes the fast path.
      const { user_id: userId, device_id: deviceId, timestamp: time, heart_rate: heartRate } = reading;
      const slow = parseReadings({ userId, deviceId, timestamp: time, heartRate }, RULES, NOW_MS);
      expect('readings' in fast).toBe('readings' in slow);
      if ('readings' in fast) expect(fast).toEqual(slow);
    }),
    { numRuns: 5_000 },
  );
});
