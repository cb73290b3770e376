/** What the messages of a file say of heart rates. The numbers are those of the published FIT profile. */
import type { PieceGatherer } from '../../gather-pieces.js';
import { type FitClock, fitTimeMs } from './clock.js';
import { type Definition, fieldValue } from './definition.js';
import { fitDeviceId } from './device.js';
import { createStrapBeats } from './strap-beats.js';

const MESSAGE = {
  fileId: 0,
  session: 18,
  lap: 19,
  record: 20,
  deviceInfo: 23,
  monitoring: 55,
  hr: 132,
  monitoringHrData: 211,
  hsaHeartRateData: 308,
} as const;

const TIMESTAMP = 253;

/** Fields that hold averages, maxima and resting rates. */
const SUMMARIES: Readonly<Record<number, readonly number[]>> = {
  [MESSAGE.session]: [16, 17],
  [MESSAGE.lap]: [15, 16],
  [MESSAGE.monitoringHrData]: [0, 1],
};

const ANT_HEART_RATE = 120;
const BLE_HEART_RATE = 1;
const SOURCE_BLE = 3;

/** Takes the messages of a file and of those that are chained to it. */
export interface FitMessages {
  /**
   * @param start - of the message, behind its header.
   * @param compressed - the 5 bits of its header, where it has them.
   */
  take(bytes: Uint8Array, start: number, definition: Definition, clock: FitClock, compressed: number | undefined): void;
}

/** Begins without a device. */
export function createFitMessages(gatherer: PieceGatherer): FitMessages {
  let deviceId = 'fit';
  let strapId: string | null = null;
  let fixedStrapId: string | null = null;
  const beats = createStrapBeats(gatherer);

  function takeValue(value: number | undefined, seconds: number | undefined): void {
    if (value === undefined) gatherer.drop('absent');
    else gatherer.add(deviceId, fitTimeMs(seconds), value);
  }

  function takeSnapshot(bytes: Uint8Array, start: number, definition: Definition, seconds: number | undefined): void {
    const rates = definition.fields.get(2);
    if (rates === undefined) return;
    // A value for each part of the interval; or, where there are more values than seconds, the interval lies between two.
    const interval = fieldValue(bytes, start, definition, 0, 2) ?? rates.size;
    const step = interval >= rates.size ? interval / rates.size : Math.max(1, interval);
    for (let i = 0; i < rates.size; i += 1) {
      const value = bytes[start + rates.at + i] as number;
      if (value === 0xff) gatherer.drop('absent');
      else gatherer.add(deviceId, fitTimeMs(seconds) + i * step * 1000, value);
    }
  }

  function takeDeviceInfo(bytes: Uint8Array, start: number, definition: Definition): void {
    const type = fieldValue(bytes, start, definition, 1, 1);
    const isBle = fieldValue(bytes, start, definition, 25, 1) === SOURCE_BLE;
    if (isBle ? type !== BLE_HEART_RATE : type !== ANT_HEART_RATE) return;
    const maker = fieldValue(bytes, start, definition, 2, 2);
    const serial = fieldValue(bytes, start, definition, 3, 4);
    const product = fieldValue(bytes, start, definition, 4, 2);
    const id = fitDeviceId({ maker, product, serial }, '');
    if (id !== '') strapId = id;
  }

  return {
    take(bytes, start, definition, clock, compressed) {
      const { message, fields } = definition;
      const stamp = fieldValue(bytes, start, definition, TIMESTAMP, 4);
      if (stamp !== undefined) clock.setTimestamp(stamp);
      const seconds = stamp ?? (compressed === undefined ? undefined : clock.fromCompressed(compressed));
      if (message === MESSAGE.record) {
        if (fields.has(3)) takeValue(fieldValue(bytes, start, definition, 3, 1), seconds);
      } else if (message === MESSAGE.monitoring) {
        if (!fields.has(27)) return;
        const low = fieldValue(bytes, start, definition, 26, 2);
        takeValue(fieldValue(bytes, start, definition, 27, 1), low === undefined ? seconds : clock.from16Bits(low));
      } else if (message === MESSAGE.hr) {
        // The strap of a file is one, whatever is said of it later.
        fixedStrapId ??= strapId ?? `${deviceId} strap`;
        beats.take(bytes, start, definition, fixedStrapId);
      } else if (message === MESSAGE.hsaHeartRateData) takeSnapshot(bytes, start, definition, seconds);
      else if (message === MESSAGE.deviceInfo) takeDeviceInfo(bytes, start, definition);
      else if (message === MESSAGE.fileId) {
        const maker = fieldValue(bytes, start, definition, 1, 2);
        const product = fieldValue(bytes, start, definition, 2, 2);
        deviceId = fitDeviceId({ maker, product, serial: fieldValue(bytes, start, definition, 3, 4) }, deviceId);
      } else {
        for (const field of SUMMARIES[message] ?? []) {
          const value = fieldValue(bytes, start, definition, field, 1);
          if (value !== undefined && value !== 0) gatherer.drop('summary');
        }
      }
    },
  };
}
