import { expect, it } from 'vitest';
import { columnsFromReadings } from '../../../src/pure/columns.js';
import { encodeReadings } from '../../support/whole-files.js';

const READING = { userId: 'ana', deviceId: 'watch', timestampMs: 1_705_312_800_000, heartRate: 70, receivedMs: 0 };

it('says that the readings are at fault for whatever in them it cannot encode', () => {
  const good = columnsFromReadings([READING]);
  for (const wrong of [
    { devices: [] },
    { users: [7 as unknown as string] },
    { heartRate: null as unknown as Int32Array },
  ]) {
    expect(() => encodeReadings({ ...good, ...wrong })).toThrow(
      expect.objectContaining({ kind: 'data', code: 'unstorable_readings', cause: expect.any(Error) }),
    );
  }
});

it('does not take the machine’s want of memory for theirs', () => {
  const columns = {
    ...columnsFromReadings([READING]),
    get heartRate(): Int32Array {
      return new Int32Array(new ArrayBuffer(2 ** 50));
    },
  };
  expect(() => encodeReadings(columns)).toThrow(RangeError);
});
