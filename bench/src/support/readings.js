/** Made-up readings: heart rates that wander as real ones do, so that delta encoding meets what it would meet. */

import { seededRandom } from 'hrm-core/contract';

/** @typedef {import('hrm-core').Reading} Reading */
/** @typedef {import('hrm-core').WireReading} WireReading */

/** The day that generated readings start on, epoch ms: long over, so that compaction takes it whole. */
export const START_MS = Date.UTC(2024, 0, 1);

export const DAY_MS = 86_400_000;

/**
 * One device's readings at a steady pace; each is received two seconds after it was measured.
 * @param {{ userId: string, deviceId?: string, startMs?: number, stepMs?: number, count: number }} series
 * @returns {Reading[]}
 */
export function makeReadings({ userId, deviceId = 'watch-1', startMs = START_MS, stepMs = 1_000, count }) {
  const random = seededRandom(startMs / 1_000 + deviceId.length);
  let heartRate = 72;
  return Array.from({ length: count }, (_, i) => {
    heartRate = Math.min(180, Math.max(45, heartRate + Math.floor(random() * 5) - 2));
    const timestampMs = startMs + i * stepMs;
    return { userId, deviceId, timestampMs, heartRate, receivedMs: timestampMs + 2_000 };
  });
}

/**
 * A reading as a client sends it, about 110 bytes of JSON.
 * @param {Reading} reading
 * @returns {WireReading}
 */
export function toWire({ userId, deviceId, timestampMs, heartRate }) {
  return {
    user_id: userId,
    device_id: deviceId,
    timestamp: new Date(timestampMs).toISOString(),
    heart_rate: heartRate,
  };
}

/**
 * What a queue element holds of a reading.
 * @param {Reading} reading
 */
export function toElement({ userId, deviceId, timestampMs, heartRate, receivedMs }) {
  const ids = { device_id: deviceId, user_id: userId };
  return { ...ids, timestamp_ms: timestampMs, heart_rate: heartRate, received_ms: receivedMs };
}
