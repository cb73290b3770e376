/**
 * The Bluetooth characteristic Heart Rate Measurement (0x2A37): the bytes of a notification, and the heart rate in them.
 * @see Bluetooth SIG, Heart Rate Service 1.0, 3.1: a byte of flags, the heart rate in one or two bytes, the energy expended in two if
 *   flagged, and R-R intervals in two bytes each, in 1/1024 s; everything little-endian.
 */
import type { DropReason } from '../file-format.js';
import { heartRateFault } from '../judge/judge.js';

/** What a notification says. */
export interface HeartRateMeasurement {
  /** As it was sent: 0 to 65,535; {@link judgeMeasurement} says whether it is a heart rate. */
  readonly heartRateBpm: number;
  /** Whether the sensor touches the skin; `null` where it cannot tell. */
  readonly hasContact: boolean | null;
  /** Since it was reset, kilojoules, 0 to 65,535; `null` where it is not sent. */
  readonly energyKilojoules: number | null;
  /** Times between beats, the oldest first, milliseconds; often several, or none. */
  readonly rrIntervalsMs: readonly number[];
}

const RATE_IS_UINT16 = 0x01;
const CONTACT_DETECTED = 0x02;
const CONTACT_SUPPORTED = 0x04;
const HAS_ENERGY = 0x08;
const HAS_RR_INTERVALS = 0x10;

/** "None", of devices that count the rate in one byte. */
const NO_RATE = 0xff;

/**
 * Parses a notification.
 * @param bytes - as a radio gives them: an array, or a view of a larger buffer.
 * @returns `null` for bytes that are too few for what their flags say, or that end within an interval.
 */
export function parseHeartRateMeasurement(bytes: ArrayBufferView): HeartRateMeasurement | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength === 0) return null;
  const flags = view.getUint8(0);
  const isWide = (flags & RATE_IS_UINT16) !== 0;
  const energyAt = isWide ? 3 : 2;
  const hasEnergy = (flags & HAS_ENERGY) !== 0;
  const intervalsAt = energyAt + (hasEnergy ? 2 : 0);
  if (view.byteLength < intervalsAt) return null;
  const rrIntervalsMs: number[] = [];
  if ((flags & HAS_RR_INTERVALS) !== 0) {
    if ((view.byteLength - intervalsAt) % 2 !== 0) return null;
    for (let at = intervalsAt; at < view.byteLength; at += 2)
      rrIntervalsMs.push((view.getUint16(at, true) * 1000) / 1024);
  }
  return {
    heartRateBpm: isWide ? view.getUint16(1, true) : view.getUint8(1),
    hasContact: (flags & CONTACT_SUPPORTED) === 0 ? null : (flags & CONTACT_DETECTED) !== 0,
    energyKilojoules: hasEnergy ? view.getUint16(energyAt, true) : null,
    rrIntervalsMs,
  };
}

/**
 * Whether a notification has a heart rate, by the rule for all files: whole, 30 to 220 bpm. Off the skin a device sends zeros or its last
 * value: that is none.
 * @returns the reason why it is none, or `null`.
 */
export function judgeMeasurement({ heartRateBpm, hasContact }: HeartRateMeasurement): DropReason | null {
  if (hasContact === false) return 'no_contact';
  return heartRateBpm === NO_RATE ? 'absent' : heartRateFault(heartRateBpm);
}
