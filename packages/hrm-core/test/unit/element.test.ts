import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../src/limits.js';
import type { Reading } from '../../src/pure/columns.js';
import { decodeElements, encodeElements } from '../../src/pure/element.js';

const STAMP_MS = 1_705_312_800_000;

function claimed(bytes: Uint8Array | string, attempts = 1) {
  return { bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, stampMs: STAMP_MS, attempts };
}

const wire = { device_id: 'd', user_id: 'u', timestamp_ms: STAMP_MS, heart_rate: 70 };

it('decodes what it encoded, in elements of at most 1,000', () => {
  const anyReading = fc.record({
    userId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
    deviceId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
    timestampMs: fc.integer({ min: 0, max: STAMP_MS }),
    heartRate: fc.integer({ min: 30, max: 220 }),
    receivedMs: fc.integer({ min: 0, max: STAMP_MS }),
  });
  fc.assert(
    fc.property(anyReading, fc.integer({ min: 1, max: 2_500 }), (one, count) => {
      const readings: Reading[] = Array.from({ length: count }, (_, i) => ({ ...one, timestampMs: i }));
      const elements = encodeElements(readings);
      expect(elements.map((element) => element.readings).reduce((a, b) => a + b)).toBe(count);
      expect(elements.every((element) => element.readings <= 1_000)).toBe(true);
      expect(elements).toHaveLength(Math.ceil(count / 1_000));
      const decoded = decodeElements(
        elements.map((element) => claimed(element.bytes)),
        0,
      );
      expect(decoded).toEqual({ readings, rejected: [] });
    }),
    { numRuns: 30 },
  );
});

it('writes one reading as an object, with the field order of the contract', () => {
  const [element] = encodeElements([{ userId: 'u', deviceId: 'd', timestampMs: 1, heartRate: 70, receivedMs: 2 }]);
  expect(Buffer.from(element?.bytes ?? []).toString()).toBe(
    '{"device_id":"d","user_id":"u","timestamp_ms":1,"heart_rate":70,"received_ms":2}',
  );
});

it('stamps readings of producers that left received_ms out', () => {
  const { readings } = decodeElements([claimed(JSON.stringify(wire))], DAY_MS);
  expect(readings).toEqual([
    { userId: 'u', deviceId: 'd', timestampMs: STAMP_MS, heartRate: 70, receivedMs: STAMP_MS },
  ]);
});

describe('what cannot be stored', () => {
  it.each([
    ['not JSON', '{"a":', /^not_json/],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), /^not_json/],
    ['nothing', '', /^not_json/],
    ['a number', '7', /^invalid_reading/],
    ['null', 'null', /^invalid_reading/],
    ['no user', JSON.stringify({ ...wire, user_id: undefined }), /user_id/],
    ['75.5 bpm', JSON.stringify({ ...wire, heart_rate: 75.5 }), /heart_rate/],
    ['221 bpm', JSON.stringify({ ...wire, heart_rate: 221 }), /heart_rate/],
    ['a string of bpm', JSON.stringify({ ...wire, heart_rate: '70' }), /heart_rate/],
    ['a time before 1970', JSON.stringify({ ...wire, timestamp_ms: -1 }), /timestamp_ms/],
    ['a time of the year 10000', JSON.stringify({ ...wire, timestamp_ms: Date.UTC(10_000, 0, 1) }), /timestamp_ms/],
    ['a time two days ahead', JSON.stringify({ ...wire, timestamp_ms: STAMP_MS + 2 * DAY_MS }), /future/],
    ['a nonsensical received_ms', JSON.stringify({ ...wire, received_ms: 1e300 }), /received_ms/],
  ])('%s', (_, bytes, why) => {
    const { readings, rejected } = decodeElements([claimed(bytes, 3)], DAY_MS);
    expect(readings).toEqual([]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]).toMatchObject({ stampMs: STAMP_MS, attempts: 3, reason: expect.stringMatching(why) });
    expect(Buffer.from(rejected[0]?.bytes ?? [])).toEqual(Buffer.from(claimed(bytes).bytes));
  });

  it('singles bad readings out of an array and keeps the good ones', () => {
    const bad = { ...wire, heart_rate: 0 };
    const { readings, rejected } = decodeElements([claimed(JSON.stringify([wire, bad, wire]))], DAY_MS);
    expect(readings).toHaveLength(2);
    expect(rejected.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()))).toEqual([bad]);
  });

  it('never judges a reading twice that enqueue accepted', () => {
    const late = { ...wire, timestamp_ms: STAMP_MS + 9 * DAY_MS, received_ms: STAMP_MS };
    expect(decodeElements([claimed(JSON.stringify(late))], 0).rejected).toEqual([]);
  });
});
