/**
 * Readings that are accepted and perhaps not stored yet, as rows: added to what is stored until that has them too. The same
 * reading again, after a break or from a retry, changes nothing.
 */
import type { DeviceReading } from 'hrm-core/client';
import type { Range } from './range.js';
import type { Rows } from './rows.js';

/** A reading as it was accepted. */
export type LiveReading = DeviceReading & { readonly deviceId: string; readonly rank?: number | null };

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
  /** Infinity: after all others. */
  readonly rank: number;
}

export function createLiveRows(): LiveRows {
  const held = new Map<string, Held>();
  return {
    add({ deviceId, timestamp, heartRate, rank }) {
      const atMs = Date.parse(timestamp);
      const key = `${atMs} ${deviceId}`;
      const greatest = Math.max(heartRate, held.get(key)?.heartRate ?? 0);
      held.set(key, { deviceId, atMs, heartRate: greatest, rank: rank ?? Number.POSITIVE_INFINITY });
      const [oldest] = held.size > MAX_HELD ? held.keys() : [];
      if (oldest !== undefined) held.delete(oldest);
    },
    over(stored, intervalMs, { fromMs, toMs }, deviceId) {
      const rows = new Map<number, Held[]>();
      const counting = deviceId === undefined ? bestOf(held.values()) : held.values();
      for (const one of counting) {
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

/** Of devices at the same millisecond the one that counts. */
function bestOf(readings: Iterable<Held>): Iterable<Held> {
  const best = new Map<number, Held>();
  for (const one of readings) {
    const other = best.get(one.atMs);
    if (other === undefined || isBetter(one, other)) best.set(one.atMs, one);
  }
  return best.values();
}

function isBetter(a: Held, b: Held): boolean {
  return a.rank === b.rank ? isBefore(a.deviceId, b.deviceId) : a.rank < b.rank;
}

/** By code points, which is the order of UTF-8 bytes; that of `<` is another beyond the basic plane. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [a, b].map((id) => Array.from(id, (character) => character.codePointAt(0) ?? 0));
  const at = left?.findIndex((point, i) => point !== right?.[i]) ?? -1;
  return at < 0 ? a.length < b.length : (left?.[at] ?? 0) < (right?.[at] ?? -1);
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
