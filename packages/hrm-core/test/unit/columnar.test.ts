import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnarReadings, decodeColumnar, encodeColumnar, isColumnar } from '../../src/pure/reading/columnar.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { naiveColumns, resealed, type WireRow } from '../support/naive-columns.js';
import { listOf } from '../support/queued.js';
import { randomFrom, testSeed } from '../support/random.js';

const anyId = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.constantFrom('watch', '\ufeffana', '\ufffd', '😀'.repeat(64), 'é'.repeat(128), '__proto__'),
);
const anyReading = fc.record({
  userId: anyId,
  deviceId: anyId,
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.integer({ min: 0, max: 9_000 })),
  heartRate: fc.integer({ min: 30, max: 220 }),
  receivedMs: fc.oneof(fc.constantFrom(0, 128_849_018_879_999), fc.integer({ min: 0, max: 1_705_312_800_000 })),
});

function wireOf(rows: ReturnType<typeof listOf>): WireRow[] {
  return rows.map(({ userId, deviceId, timestampMs, heartRate, receivedMs }) => ({
    device_id: deviceId,
    user_id: userId,
    timestamp_ms: timestampMs,
    heart_rate: heartRate,
    received_ms: receivedMs,
  }));
}

function decoded(bytes: Uint8Array): WireRow[] | null {
  const columns = decodeColumnar(bytes);
  return 'fault' in columns ? null : wireOf(listOf(columns));
}

it('holds what it was made of, and reads as the reference says', () => {
  fc.assert(
    fc.property(fc.array(anyReading, { minLength: 1, maxLength: 60 }), fc.nat(), fc.nat(), (readings, a, b) => {
      const from = a % readings.length;
      const to = from + 1 + (b % (readings.length - from));
      const bytes = encodeColumnar(queuedFrom(readings), from, to);
      expect(isColumnar(bytes)).toBe(true);
      expect(columnarReadings(bytes)).toBe(to - from);
      expect(decoded(bytes)).toEqual(wireOf(readings.slice(from, to)));
      expect(naiveColumns(bytes)).toEqual(wireOf(readings.slice(from, to)));
    }),
    { numRuns: 300 },
  );
});

const SERIES = Array.from({ length: 1_000 }, (_, i) => ({
  userId: 'ana',
  deviceId: 'watch',
  timestampMs: 1_705_312_800_000 + i * 1_000,
  heartRate: 60 + (i % 9),
  receivedMs: 1_705_316_400_250,
}));

it('is of few bytes, and of the bytes that the reference shows', () => {
  expect(encodeColumnar(queuedFrom(SERIES), 0, 1_000).length).toBeLessThan(3_100);
  const many = SERIES.map((reading, i) => ({ ...reading, userId: `user-${1_000_000 + (i % 100)}` }));
  expect(encodeColumnar(queuedFrom(many), 0, 1_000).length).toBeLessThan(8_000);
  const two = encodeColumnar(queuedFrom(SERIES.slice(0, 2)), 0, 2);
  const parts = ['8948524d', '01', '0200', '7a3cc70c8d01', '01', '0300616e61', '01', '05007761746368', '020000'];
  parts.push('80b482c9a163', 'd00f', '3c3d', '0200', '29f2af1a');
  expect(Buffer.from(two).toString('hex')).toBe(parts.join(''));
});

describe('bytes of strangers', () => {
  const seed = testSeed();
  it(`are read as the reference says, or refused, seed ${seed}`, () => {
    const random = randomFrom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const makes = fc.sample(fc.array(anyReading, { minLength: 1, maxLength: 5 }), { numRuns: 200, seed });
    let [good, refused] = [0, 0];
    for (const readings of makes) {
      const whole = Buffer.from(encodeColumnar(queuedFrom(readings), 0, readings.length));
      for (let change = 0; change < 50; change += 1) {
        let bytes: Buffer = Buffer.from(whole);
        for (let i = 0; i <= below(3); i += 1) {
          const at = 4 + below(bytes.length - 4);
          const kind = below(4);
          if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
          else if (kind === 1)
            bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(below(256)), bytes.subarray(at)]);
          else bytes[at] = kind === 2 ? below(256) : (bytes[at] as number) ^ (1 << below(8));
        }
        const isSealed = random() < 0.8 && bytes.length > 4;
        if (isSealed) bytes = resealed(bytes);
        const expected = naiveColumns(bytes);
        expect(decoded(bytes), bytes.toString('hex')).toEqual(expected);
        if (expected === null) refused += 1;
        else good += 1;
      }
    }
    expect(Math.min(good, refused)).toBeGreaterThan(500);
  });

  it('are refused where a byte is missing, or any bit is another', () => {
    const bytes = Buffer.from(encodeColumnar(queuedFrom(SERIES.slice(0, 5)), 0, 5));
    for (let at = 0; at < bytes.length; at += 1) {
      expect(decodeColumnar(bytes.subarray(0, at))).toMatchObject({ fault: expect.stringMatching(/^damaged: /) });
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        expect(decodeColumnar(flipped)).toHaveProperty('fault');
      }
    }
  });

  it('of a later version are refused with what to do, and may say how many they are', () => {
    const later = Buffer.from(encodeColumnar(queuedFrom(SERIES), 0, 1_000));
    later[4] = 2;
    expect(decodeColumnar(resealed(later))).toEqual({
      fault: 'unknown_version: the element has version 2 of the columnar form: upgrade the consumers',
    });
    expect(columnarReadings(later)).toBe(1_000);
  });
});
