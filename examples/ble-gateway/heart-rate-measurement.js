/**
 * The Bluetooth characteristic Heart Rate Measurement (0x2A37): its bytes as what they mean.
 * @see Bluetooth SIG, Heart Rate Service 1.0, 3.1: a byte of flags, the heart rate in one or two bytes, the energy expended
 *   in two if flagged, and R-R intervals in two bytes each, in 1/1024 s; everything little-endian.
 */

const RATE_IS_UINT16 = 0x01;
const CONTACT_DETECTED = 0x02;
const CONTACT_SUPPORTED = 0x04;
const HAS_ENERGY = 0x08;
const HAS_RR_INTERVALS = 0x10;

/**
 * Parses a notification.
 * @param {Uint8Array} bytes - as the stack gives them.
 * @returns {{ heartRateBpm: number, hasContact: boolean | null, energyKilojoules: number | null, rrIntervalsMs: number[] }}
 *   `hasContact` is null where the sensor cannot tell.
 * @throws {RangeError} for bytes that are too few for what their flags say, or are half an interval.
 */
export function parseHeartRateMeasurement(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(0);
  let at = 1;
  const take16 = () => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  const heartRateBpm = flags & RATE_IS_UINT16 ? take16() : view.getUint8(at++);
  const energyKilojoules = flags & HAS_ENERGY ? take16() : null;
  const rrIntervalsMs = [];
  while (flags & HAS_RR_INTERVALS && at < bytes.byteLength) rrIntervalsMs.push((take16() * 1000) / 1024);
  return {
    heartRateBpm,
    hasContact: flags & CONTACT_SUPPORTED ? (flags & CONTACT_DETECTED) !== 0 : null,
    energyKilojoules,
    rrIntervalsMs,
  };
}
