/**
 * Readings that are accepted and perhaps not stored yet, as rows: added to what is stored until that has them too. The same
 * reading again, after a break or from a retry, changes nothing.
 */
import type { DeviceReading } from 'hrm-core/client';
import type { Range } from './range.js';
import type { Rows } from './rows.js';

/** A reading as it was accepted. */
export type LiveReading = DeviceReading & { readonly deviceId: string };

/** The latest readings. */
export interface LiveRows {
  add(reading: LiveReading): void;
  /** Stored rows of a range, with those replaced or added that are known better here; of one device, if it is given. */
  over(stored: Rows, intervalMs: number, range: Pick<Range, 'fromMs' | 'toMs'>, deviceId?: string): Rows;
}

/** Readings that are held: some hours of a few devices, or minutes of a flood. */
const MAX_HELD = 20_000;

interface Held {
  readonly deviceId: string;
  readonly atMs: number;
  readonly heartRate: number;
}

export function createLiveRows(): LiveRows {
  const held = new Map<string, Held>();
  return {
    add({ deviceId, timestamp, heartRate }) {
      const atMs = Date.parse(timestamp);
      const key = `${atMs} ${deviceId}`;
      held.set(key, { deviceId, atMs, heartRate: Math.max(heartRate, held.get(key)?.heartRate ?? 0) });
      const [oldest] = held.size > MAX_HELD ? held.keys() : [];
      if (oldest !== undefined) held.delete(oldest);
    },
    over(stored, intervalMs, { fromMs, toMs }, deviceId) {
      const rows = new Map<number, Held[]>();
      for (const one of held.values()) {
        if (deviceId !== undefined && one.deviceId !== deviceId) continue;
        if (one.atMs < fromMs || one.atMs >= toMs) continue;
        const startMs = Math.floor(one.atMs / intervalMs) * intervalMs;
        const row = rows.get(startMs);
        if (row === undefined) rows.set(startMs, [one]);
        else row.push(one);
      }
      return rows.size === 0 ? stored : mergeRows(stored, rows);
    },
  };
}

/** Of a row in both, the one with more readings. */
function mergeRows(stored: Rows, live: ReadonlyMap<number, readonly Held[]>): Rows {
  const places = new Map<number, number>();
  for (let i = 0; i < stored.length; i += 1) places.set(stored.startMs[i] ?? 0, i);
  const starts = [...new Set([...places.keys(), ...live.keys()])].sort((a, b) => a - b);
  const deviceSets = stored.deviceSets.map((ids) => [...ids]);
  const table = starts.map((startMs) => {
    const at = places.get(startMs);
    const readings = live.get(startMs) ?? [];
    if (at !== undefined && (stored.count[at] ?? 0) >= readings.length) {
      const [mean = 0, min = 0, max = 0] = [stored.mean[at], stored.min[at], stored.max[at]];
      return { mean, min, max, count: stored.count[at] ?? 0, deviceSet: stored.deviceSet[at] ?? 0 };
    }
    const rates = readings.map(({ heartRate }) => heartRate);
    const deviceSet = deviceSets.push([...new Set(readings.map(({ deviceId }) => deviceId))].sort()) - 1;
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    // Not by spreading them into one call: an interval may have more readings than a call takes arguments.
    const min = rates.reduce((low, rate) => Math.min(low, rate), Number.POSITIVE_INFINITY);
    const max = rates.reduce((high, rate) => Math.max(high, rate), Number.NEGATIVE_INFINITY);
    return { mean, min, max, count: rates.length, deviceSet };
  });
  return {
    length: starts.length,
    startMs: Float64Array.from(starts),
    mean: Float64Array.from(table, ({ mean }) => mean),
    min: Int16Array.from(table, ({ min }) => min),
    max: Int16Array.from(table, ({ max }) => max),
    count: Uint32Array.from(table, ({ count }) => count),
    deviceSet: Uint32Array.from(table, ({ deviceSet }) => deviceSet),
    deviceSets,
  };
}
