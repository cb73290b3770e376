import { inflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { MAX_ROLLUP_BYTES } from '../../../src/limits.js';
import { columnsFromReadings, type Reading } from '../../../src/pure/columns.js';
import { eachOfMask, wordsFor } from '../../../src/pure/device-mask.js';
import { compareOrders, type DevicePriority, mergeReadings, rankDevices } from '../../../src/pure/merge.js';
import { sayTheSame } from '../../../src/pure/rollup/compare-rollups.js';
import { joinRollups } from '../../../src/pure/rollup/join-rollups.js';
import { type Rollup, sameRollup } from '../../../src/pure/rollup/rollup.js';
import { decodeRollup } from '../../../src/pure/rollup/rollup-codec.js';
import { rollupBytes } from '../../../src/pure/rollup/rollup-size.js';
import { randomFrom, testSeed } from '../../support/random.js';
import { encodeRollup, rollUp } from '../../support/roll-up.js';

const MINUTE_MS = 60_000;

/**
 * Some minutes of devices, the first of which all have readings at the same millisecond, and others at their own; in the last minute
 * of all, nobody disagrees.
 */
function readingsOf(devices: number, minutes = 4): Reading[] {
  return Array.from({ length: devices * minutes }, (_, i) => ({
    d: i % devices,
    minute: Math.floor(i / devices),
  })).flatMap(({ d, minute }) => {
    const one = (ms: number, heartRate: number): Reading => {
      return {
        userId: 'ana',
        deviceId: `d${d}`,
        timestampMs: minute * MINUTE_MS + ms,
        heartRate,
        receivedMs: 0,
      };
    };
    const own = one(1 + d, 30 + ((d * 7 + minute) % 190));
    if (minute === minutes - 1 || (d + minute) % 3 === 2) return [own];
    // Of some minutes nobody but the best has a reading that survives.
    return minute === 0 ? [one(0, 40 + (d % 100))] : [one(0, 40 + (d % 100)), own];
  });
}

function rollupOf(readings: readonly Reading[], priority: DevicePriority = {}): Rollup {
  const rollup = rollUp(mergeReadings([columnsFromReadings(readings)]), 0, priority);
  if (rollup === null) throw new Error('there is no rollup');
  return rollup;
}

/** The devices with a surviving reading of a minute, reading by reading. */
function survivorsOf(readings: readonly Reading[], minute: number, rank: (device: string) => number): string[] {
  const best = new Map<number, string>();
  for (const { timestampMs, deviceId } of readings) {
    if (Math.floor(timestampMs / MINUTE_MS) !== minute) continue;
    const other = best.get(timestampMs);
    if (other === undefined || rank(deviceId) < rank(other)) best.set(timestampMs, deviceId);
  }
  return [...new Set(best.values())].sort();
}

const headOf = (bytes: Uint8Array) => {
  const buffer = Buffer.from(bytes);
  return JSON.parse(buffer.toString('utf8', 4, 4 + buffer.readUInt32LE(0)));
};

it.each([1, 2, 31, 32, 33, 63, 64, 65, 1_000])('keeps every value of %i devices', (devices) => {
  const readings = readingsOf(devices);
  // An order of which neither the first word nor the first device is the best.
  const priority = { [`d${devices - 1}`]: 1, [`d${Math.floor(devices / 2)}`]: 2 };
  const rollup = rollupOf(readings, priority);
  const bytes = encodeRollup(rollup);
  expect(headOf(bytes).version).toBe(3);
  const decoded = decodeRollup(bytes) as Rollup;
  expect(sameRollup(decoded, rollup)).toBe(true);
  expect(sayTheSame(decoded, rollup, { from: 0, to: 1_440 })).toBe(true);
  const places = new Map(rankDevices(rollup.devices, priority).map((d, place) => [rollup.devices[d] as string, place]));
  expect(rollup.conflicts.minute.length).toBe(devices === 1 ? 0 : 3 - (devices === 2 ? 2 : 0));
  for (const [i, minute] of decoded.conflicts.minute.entries()) {
    const survivors: string[] = [];
    eachOfMask(decoded.conflicts.devices, wordsFor(devices), i, (d) => survivors.push(decoded.devices[d] as string));
    expect(survivors.sort()).toEqual(survivorsOf(readings, minute, (device) => places.get(device) as number));
  }
});

it('tells rollups apart by a single device of any word', () => {
  const rollup = rollupOf(readingsOf(100));
  for (const word of [0, 1, 2, 3]) {
    const devices = rollup.conflicts.devices.slice();
    devices[4 + word] = (devices[4 + word] as number) ^ 4;
    const other = { ...rollup, conflicts: { ...rollup.conflicts, devices } };
    expect(sameRollup(rollup, other)).toBe(false);
    expect(sayTheSame(rollup, other, { from: 0, to: 1_440 })).toBe(false);
  }
});

it('joins windows to what all of it comes to, also where only together they have more devices than a word', () => {
  const readings = readingsOf(70, 9);
  // Each minute has devices of its own besides.
  const own = readings.filter(({ deviceId, timestampMs }) => {
    const minute = Math.floor(timestampMs / MINUTE_MS);
    return Math.floor(Number(deviceId.slice(1)) / 8) !== minute;
  });
  const priority = { d69: 1, d3: 2 };
  const parts = [own.slice(0, 90), own.slice(90, 91), own.slice(91)];
  for (const all of [own, parts.flat()]) {
    const windows = [0, 1, 4, 9].slice(0, -1).map((from, w) => {
      const to = [1, 4, 9][w] as number;
      return rollupOf(
        all.filter(({ timestampMs }) => timestampMs >= from * MINUTE_MS && timestampMs < to * MINUTE_MS),
        priority,
      );
    });
    expect(sameRollup(joinRollups(windows, priority), rollupOf(all, priority))).toBe(true);
  }
});

it('is none where it would be too large, in one piece or joined, and else is as small as it says', () => {
  const many = rollUp(mergeReadings([columnsFromReadings(readingsOf(5_000, 1))]), 0, {});
  expect(many).toBeNull();
  const window = rollupOf(readingsOf(1_000, 1));
  const windows = Array.from({ length: 200 }, () => window);
  expect(joinRollups(windows, {})).toBeNull();
  for (const devices of [33, 1_000]) {
    const rollup = rollupOf(readingsOf(devices));
    const bytes = encodeRollup(rollup);
    let at = 4 + Buffer.from(bytes).readUInt32LE(0);
    let inflated = 0;
    for (const length of headOf(bytes).columns) {
      inflated += inflateRawSync(bytes.subarray(at, at + length)).length;
      at += length;
    }
    expect(at).toBe(bytes.length);
    expect(inflated).toBeLessThanOrEqual(rollupBytes(rollup));
    expect(rollupBytes(rollup)).toBeLessThanOrEqual(MAX_ROLLUP_BYTES);
  }
});

it('skips a rollup of a later version, and refuses a cut one', () => {
  const bytes = encodeRollup(rollupOf(readingsOf(40)));
  const later = Buffer.from(bytes);
  later.write('"version":4', later.indexOf('"version":3'));
  expect(decodeRollup(later)).toBeNull();
  expect(() => decodeRollup(bytes.subarray(0, -9))).toThrow();
});

it('knows a current order without sorting', () => {
  const random = randomFrom(testSeed());
  for (let round = 0; round < 300; round += 1) {
    const devices = ['a', 'b', 'c', '__proto__', 'z'].sort().slice(0, 1 + Math.floor(random() * 5));
    const anyPriority = () => Object.fromEntries(devices.map((id) => [id, 1 + Math.floor(random() * 3)]));
    const [before, after] = [anyPriority(), round % 2 === 0 ? anyPriority() : {}];
    const order = rankDevices(devices, before);
    const isSame = order.join() === rankDevices(devices, after).join();
    expect(compareOrders(after)(devices, order), JSON.stringify({ devices, before, after })).toBe(isSame);
  }
});
