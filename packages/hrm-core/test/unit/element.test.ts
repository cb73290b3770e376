import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DAY_MS,
  MAX_CLAIM_LETTERS,
  MAX_ELEMENT_BYTES,
  MAX_ENQUEUE_READINGS,
  MAX_RECEIVED_MS,
  MAX_TIMESTAMP_MS,
} from '../../src/limits.js';
import type { Reading } from '../../src/pure/columns.js';
import { decodeElements, encodeElements, unstorableDeadLetter } from '../../src/pure/reading/element.js';
import { queuedFrom, readingAt } from '../../src/pure/reading/queued-readings.js';
import { listOf } from '../support/queued.js';

const STAMP_MS = 1_705_312_800_000;

function claimed(bytes: Uint8Array | string, attempts = 1) {
  return { bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, stampMs: STAMP_MS, attempts };
}

const wire = { device_id: 'd', user_id: 'u', timestamp_ms: STAMP_MS, heart_rate: 70 };

const A_DAY = { maxFutureMs: DAY_MS, maxPastMs: MAX_TIMESTAMP_MS };
const NONE_AHEAD = { ...A_DAY, maxFutureMs: 0 };

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
      const elements = encodeElements(queuedFrom(readings));
      expect(elements.map((element) => element.readings).reduce((a, b) => a + b)).toBe(count);
      expect(elements.every((element) => element.readings <= 1_000)).toBe(true);
      expect(elements).toHaveLength(Math.ceil(count / 1_000));
      const decoded = decodeElements(
        elements.map((element) => claimed(element.bytes)),
        NONE_AHEAD,
      );
      expect(listOf(decoded.readings)).toEqual(readings);
      expect(decoded.rejected).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

it('writes one reading as an object, with the field order of the contract', () => {
  const [element] = encodeElements(
    queuedFrom([{ userId: 'u', deviceId: 'd', timestampMs: 1, heartRate: 70, receivedMs: 2 }]),
  );
  expect(Buffer.from(element?.bytes ?? []).toString()).toBe(
    '{"device_id":"d","user_id":"u","timestamp_ms":1,"heart_rate":70,"received_ms":2}',
  );
});

it('stamps readings of producers that left received_ms out', () => {
  const { readings } = decodeElements([claimed(JSON.stringify(wire))], A_DAY);
  expect(listOf(readings)).toEqual([
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
    const { readings, rejected } = decodeElements([claimed(bytes, 3)], A_DAY);
    expect(listOf(readings)).toEqual([]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]).toMatchObject({ stampMs: STAMP_MS, attempts: 3, reason: expect.stringMatching(why) });
    expect(Buffer.from(rejected[0]?.bytes ?? [])).toEqual(Buffer.from(claimed(bytes).bytes));
  });

  it('gives reasons that never repeat what was sent', () => {
    const secrets = ['"ana 72bpm"', '["ana","72bpm"]', '[[72]]', '{"ana":72}', 'ana 72'];
    const { rejected } = decodeElements(
      secrets.map((text) => claimed(text)),
      A_DAY,
    );
    expect(rejected).toHaveLength(6);
    for (const { reason } of rejected) expect(reason).not.toMatch(/ana|72/);
  });

  it('singles bad readings out of an array and keeps the good ones', () => {
    const bad = { ...wire, heart_rate: 0 };
    const { readings, rejected } = decodeElements([claimed(JSON.stringify([wire, bad, wire]))], A_DAY);
    expect(readings).toHaveLength(2);
    expect(rejected.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()))).toEqual([bad]);
  });

  it('makes dead letters that are refused again, however readings are nested in what was sent', () => {
    const nested = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.constantFrom(wire, { ...wire, heart_rate: 0 }, 1, null, {}),
        fc.array(tie('value'), { maxLength: 3 }),
      ),
    })).value;
    fc.assert(
      fc.property(nested, (value) => {
        const { rejected } = decodeElements([claimed(JSON.stringify(value))], A_DAY);
        const again = decodeElements(rejected, A_DAY);
        expect(again.readings).toHaveLength(0);
        expect(again.rejected).toHaveLength(rejected.length);
      }),
    );
    expect(decodeElements([claimed(JSON.stringify([[wire]]))], A_DAY).rejected).toHaveLength(1);
  });

  it('judges how old a reading is by its stamp, where nobody has accepted it', () => {
    const foreign = { ...wire, timestamp_ms: STAMP_MS - DAY_MS };
    expect(decodeElements([claimed(JSON.stringify(foreign))], NONE_AHEAD).rejected).toEqual([]);
    expect(decodeElements([claimed(JSON.stringify(foreign))], { maxFutureMs: 0, maxPastMs: DAY_MS }).rejected).toEqual(
      [],
    );
    expect(
      decodeElements([claimed(JSON.stringify(foreign))], { maxFutureMs: 0, maxPastMs: DAY_MS - 1 }).rejected,
    ).toMatchObject([{ reason: expect.stringMatching(/^invalid_reading: timestamp_ms lies too far in the past/) }]);
  });

  it('never judges a reading twice that enqueue accepted', () => {
    const late = { ...wire, timestamp_ms: STAMP_MS + 9 * DAY_MS, received_ms: STAMP_MS };
    expect(decodeElements([claimed(JSON.stringify(late))], NONE_AHEAD).rejected).toEqual([]);
    const early = { ...wire, timestamp_ms: STAMP_MS - 9 * DAY_MS, received_ms: STAMP_MS };
    expect(decodeElements([claimed(JSON.stringify(early))], { maxFutureMs: 0, maxPastMs: 0 }).rejected).toEqual([]);
  });
});

it('gives one verdict by the fast path and by the schema', () => {
  const id = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('a\u0007', 'a\ud800', 7, null, undefined));
  const number = fc.oneof(
    fc.integer({ min: 25, max: 225 }),
    fc.constantFrom(-1, 0.5, 1e300, Number.NaN, '70', null, undefined),
  );
  const time = fc.oneof(fc.constantFrom(STAMP_MS, 0, STAMP_MS + 2 * DAY_MS, Date.UTC(9999, 11, 31), 1e15), number);
  const item = fc.record({ device_id: id, user_id: id, timestamp_ms: time, heart_rate: number, received_ms: time });
  let valid = 0;
  fc.assert(
    fc.property(item, (queued) => {
      const fast = decodeElements([claimed(JSON.stringify(queued))], A_DAY);
      // The same with a device that is no plain ASCII, which the fast path leaves to the schema.
      const suffix = typeof queued.device_id === 'string' ? `${queued.device_id}é` : queued.device_id;
      const slow = decodeElements([claimed(JSON.stringify({ ...queued, device_id: suffix }))], A_DAY);
      // An empty id is the one that a suffix would mend.
      if (queued.device_id === '') return;
      expect(fast.rejected.length).toBe(slow.rejected.length);
      expect(listOf(fast.readings).map((reading) => ({ ...reading, deviceId: `${reading.deviceId}é` }))).toEqual(
        listOf(slow.readings),
      );
      valid += fast.readings.length;
    }),
    { numRuns: 10_000 },
  );
  expect(valid).toBeGreaterThan(100);
});

it('tells which element each reading came in, the bad ones left out', () => {
  const wire = { device_id: 'd', user_id: 'u', timestamp_ms: 1, heart_rate: 70, received_ms: 2 };
  const two = claimed(JSON.stringify([wire, { ...wire, heart_rate: 1 }, wire]));
  const one = claimed(JSON.stringify(wire), 4);
  const { readings, originOf } = decodeElements([claimed('no JSON'), two, claimed('[]'), one], A_DAY);
  expect(readings).toHaveLength(3);
  expect([0, 1, 2].map((row) => [two, one].indexOf(originOf(row)))).toEqual([0, 0, 1]);
});

it('makes a dead letter of a reading that is the reading, with the stamp and attempts of its element', () => {
  const origin = claimed('{"user_id":"u","device_id":"d","timestamp_ms":1,"heart_rate":70}', 4);
  const { readings } = decodeElements([origin], A_DAY);
  const deadLetter = unstorableDeadLetter(readingAt(readings, 0), origin);
  expect(deadLetter).toMatchObject({ stampMs: origin.stampMs, attempts: 4 });
  expect(listOf(decodeElements([{ ...origin, ...deadLetter, stampMs: 0 }], NONE_AHEAD).readings)).toEqual(
    listOf(readings),
  );
});

describe('bounds what a stranger makes of one claim', () => {
  const junk = (count: number) => `[${Array(count).fill(1).join()}]`;

  it('keeps an array of too many items whole, as one dead letter', () => {
    expect(decodeElements([claimed(junk(MAX_ENQUEUE_READINGS))], A_DAY).rejected).toHaveLength(MAX_ENQUEUE_READINGS);
    const bytes = Buffer.from(junk(MAX_ENQUEUE_READINGS + 1));
    const { rejected, readings } = decodeElements([claimed(bytes), claimed(JSON.stringify(wire))], A_DAY);
    expect(rejected).toMatchObject([{ reason: expect.stringMatching(/^too_many_readings/), bytes }]);
    expect(readings).toHaveLength(1);
  });

  it('does not parse an element that is too long', () => {
    const long = (size: number) => claimed(JSON.stringify(wire).padEnd(size, ' '));
    expect(decodeElements([long(MAX_ELEMENT_BYTES)], A_DAY).readings).toHaveLength(1);
    expect(decodeElements([long(MAX_ELEMENT_BYTES + 1)], A_DAY).rejected).toMatchObject([
      { reason: expect.stringMatching(/^too_large/) },
    ]);
  });

  it('looks no further once there are very many dead letters', () => {
    const elements = Array.from({ length: 30 }, () => claimed(junk(MAX_CLAIM_LETTERS / 20)));
    const { rejected, deferred } = decodeElements(elements, A_DAY);
    expect(rejected).toHaveLength(MAX_CLAIM_LETTERS);
    expect(deferred).toEqual(elements.slice(20));
  });
});

it('takes a received_ms whose minute can be stored, and no later one', () => {
  const received = (receivedMs: number) => claimed(JSON.stringify({ ...wire, received_ms: receivedMs }));
  expect(decodeElements([received(MAX_RECEIVED_MS)], A_DAY).readings).toHaveLength(1);
  expect(Math.floor(MAX_RECEIVED_MS / 60_000)).toBe(2 ** 31 - 1);
  const { rejected } = decodeElements([received(MAX_RECEIVED_MS + 1)], A_DAY);
  expect(rejected).toMatchObject([{ reason: expect.stringMatching(/received_ms/) }]);
});
