import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type HeartRateMeasurement,
  judgeMeasurement,
  parseHeartRateMeasurement,
} from '../../../src/formats/bluetooth/heart-rate-measurement.js';

const plain = { hasContact: null, energyKilojoules: null, rrIntervalsMs: [] };

/** As a view into a larger buffer, which is how radios hand it over. */
function within(bytes: Iterable<number>, before: number): Uint8Array {
  return Uint8Array.from([...Array(before).fill(0xff), ...bytes, 0xff]).subarray(before, -1);
}

describe('a Bluetooth heart rate measurement', () => {
  it.each<[string, number[], HeartRateMeasurement]>([
    ['one byte', [0x00, 72], { ...plain, heartRateBpm: 72 }],
    ['one byte of a fast heart', [0x00, 0xdc], { ...plain, heartRateBpm: 220 }],
    ['two bytes, little-endian', [0x01, 0x2c, 0x01], { ...plain, heartRateBpm: 300 }],
    ['contact not supported, its bit without meaning', [0x02, 60], { ...plain, heartRateBpm: 60 }],
    ['no contact', [0x04, 0], { ...plain, heartRateBpm: 0, hasContact: false }],
    ['contact', [0x06, 60], { ...plain, heartRateBpm: 60, hasContact: true }],
    ['energy', [0x08, 60, 0x34, 0x12], { ...plain, heartRateBpm: 60, energyKilojoules: 0x1234 }],
    ['an interval of a second', [0x10, 60, 0x00, 0x04], { ...plain, heartRateBpm: 60, rrIntervalsMs: [1000] }],
    ['flagged intervals of which there are none', [0x10, 60], { ...plain, heartRateBpm: 60 }],
    [
      'everything',
      [0x1f, 0x50, 0x00, 0x01, 0x00, 0x00, 0x02, 0x00, 0x03],
      { heartRateBpm: 80, hasContact: true, energyKilojoules: 1, rrIntervalsMs: [500, 750] },
    ],
    ['bits that are reserved', [0xe0, 60], { ...plain, heartRateBpm: 60 }],
    ['bytes behind what the flags tell', [0x00, 60, 9, 9, 9], { ...plain, heartRateBpm: 60 }],
  ])('of %s', (_, bytes, expected) => {
    for (const before of [0, 3]) expect(parseHeartRateMeasurement(within(bytes, before))).toEqual(expected);
    expect(parseHeartRateMeasurement(new DataView(Uint8Array.from(bytes).buffer))).toEqual(expected);
  });

  it.each([[[]], [[0x00]], [[0x01, 72]], [[0x08, 72, 1]], [[0x10, 72, 1]], [[0x10, 72, 1, 2, 3]]])(
    'that is cut, %j, is none',
    (bytes) => {
      expect(parseHeartRateMeasurement(within(bytes, 3))).toBeNull();
    },
  );

  it('is what was sent, whatever it has of the optional fields', () => {
    const uint16 = fc.nat(0xffff);
    const sent = fc.record({
      rate: fc.oneof(
        fc.record({ wide: fc.constant(false), bpm: fc.nat(0xff) }),
        fc.record({ wide: fc.constant(true), bpm: uint16 }),
      ),
      contact: fc.constantFrom(0, 1, 2, 3),
      energy: fc.option(uint16),
      intervals: fc.option(fc.array(uint16, { maxLength: 9 })),
      reserved: fc.nat(7),
    });
    fc.assert(
      fc.property(sent, fc.nat(5), ({ rate, contact, energy, intervals, reserved }, before) => {
        const bits = [rate.wide ? '1' : '0', contact & 1 ? '1' : '0', contact & 2 ? '1' : '0'];
        const flags = `${reserved.toString(2)}${intervals === null ? 0 : 1}${energy === null ? 0 : 1}${bits.reverse().join('')}`;
        const numbers = Buffer.alloc(2 * (intervals?.length ?? 0));
        for (const [i, interval] of (intervals ?? []).entries()) numbers.writeUInt16LE(interval, 2 * i);
        const rateBytes = rate.wide ? [rate.bpm % 256, Math.floor(rate.bpm / 256)] : [rate.bpm];
        const energyBytes = energy === null ? [] : [energy % 256, Math.floor(energy / 256)];
        const bytes = within([Number.parseInt(flags, 2), ...rateBytes, ...energyBytes, ...numbers], before);
        expect(parseHeartRateMeasurement(bytes)).toEqual({
          heartRateBpm: rate.bpm,
          hasContact: contact < 2 ? null : contact === 3,
          energyKilojoules: energy,
          rrIntervalsMs: (intervals ?? []).map((interval) => (interval * 125) / 128),
        });
      }),
    );
  });

  it('is judged, or is none, for any bytes, and a message that was cut is never longer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.nat(24), (bytes, length) => {
        const whole = parseHeartRateMeasurement(bytes);
        const cut = parseHeartRateMeasurement(bytes.subarray(0, length));
        if (whole === null || cut === null) return;
        expect(cut).toEqual({ ...whole, rrIntervalsMs: whole.rrIntervalsMs.slice(0, cut.rrIntervalsMs.length) });
        const reason = judgeMeasurement(whole);
        const isRate = whole.heartRateBpm >= 30 && whole.heartRateBpm <= 220 && whole.hasContact !== false;
        expect(reason === null).toBe(isRate);
      }),
    );
  });

  it.each([
    [{ heartRateBpm: 72, hasContact: true }, null],
    [{ heartRateBpm: 30, hasContact: null }, null],
    [{ heartRateBpm: 220, hasContact: null }, null],
    [{ heartRateBpm: 72, hasContact: false }, 'no_contact'],
    [{ heartRateBpm: 0, hasContact: null }, 'no_contact'],
    [{ heartRateBpm: 29, hasContact: true }, 'too_low'],
    [{ heartRateBpm: 221, hasContact: true }, 'too_high'],
    [{ heartRateBpm: 255, hasContact: null }, 'absent'],
  ])('%j is dropped as %s', (measured, reason) => {
    expect(judgeMeasurement({ ...plain, ...measured })).toBe(reason);
  });
});
