/**
 * Readings that are accepted and perhaps not stored yet, as rows: added to what is stored until that has them too. The same
 * reading again, after a break or from a retry, changes nothing.
 */
import { type DeviceReading, INTERVAL_MS, type Resolve } from 'hrm-core/client';
import { type Range, rowStart } from './range.js';
import type { Rows } from './rows.js';

/** A reading as it was accepted. */
export type LiveReading = DeviceReading & { readonly deviceId: string; readonly rank?: number | null };

/** The latest readings. */
export interface LiveRows {
  add(reading: LiveReading): void;
  /** The newest by its own timestamp, of the device that counts then; `null`: none is held. */
  newest(): Pick<Held, 'deviceId' | 'atMs' | 'heartRate'> | null;
  /** Stored rows of a range, with those replaced or added that are known better here; of one device, if it is given. */
  over(
    stored: Rows,
    intervalMs: number,
    range: Pick<Range, 'fromMs' | 'toMs'>,
    deviceId?: string,
    resolve?: Resolve,
  ): Rows;
}

/** Readings that are held: some hours of a few devices, or minutes of a flood. */
const MAX_HELD = 20_000;

/** A reading that is held. */
interface Held {
  readonly deviceId: string;
  readonly atMs: number;
  readonly heartRate: number;
}

export function createLiveRows(): LiveRows {
  const held = new Map<string, Held>();
  const ranks = new Map<string, number>();
  /** Those without a rank come after all others. */
  function isBetter(a: Held, b: Held): boolean {
    const [left, right] = [a, b].map(({ deviceId }) => ranks.get(deviceId) ?? Number.POSITIVE_INFINITY);
    return left === right ? isBefore(a.deviceId, b.deviceId) : (left ?? 0) < (right ?? 0);
  }
  return {
    add({ deviceId, timestamp, heartRate, rank }) {
      const atMs = Date.parse(timestamp);
      const key = `${atMs} ${deviceId}`;
      const greatest = Math.max(heartRate, held.get(key)?.heartRate ?? 0);
      // What is stored does not say the rank of its device, what is heard does.
      if (rank != null) ranks.set(deviceId, rank);
      held.set(key, { deviceId, atMs, heartRate: greatest });
      const [oldest] = held.size > MAX_HELD ? held.keys() : [];
      if (oldest !== undefined) held.delete(oldest);
    },
    newest() {
      let newest: Held | null = null;
      for (const one of held.values()) {
        if (newest === null || one.atMs > newest.atMs || (one.atMs === newest.atMs && isBetter(one, newest)))
          newest = one;
      }
      return newest;
    },
    over(stored, intervalMs, { fromMs, toMs }, deviceId, resolve = 'reading') {
      const rows = new Map<number, Held[]>();
      const inRange = [...held.values()].filter((one) => one.atMs >= fromMs && one.atMs < toMs);
      const isByMinute = resolve === 'device' && deviceId === undefined;
      const counting = deviceId === undefined ? bestOf(inRange, isByMinute ? INTERVAL_MS['1m'] : 1, isBetter) : inRange;
      for (const one of counting) {
        if (deviceId !== undefined && one.deviceId !== deviceId) continue;
        const startMs = rowStart(one.atMs, intervalMs);
        const row = rows.get(startMs);
        if (row === undefined) rows.set(startMs, [one]);
        else row.push(one);
      }
      const heard = isByMinute && intervalMs === INTERVAL_MS['1m'] ? heardOf(inRange) : null;
      return rows.size === 0 ? stored : mergeRows(stored, rows, heard);
    },
  };
}

/** Of devices in the same milliseconds, so many of them, those of the one that counts. */
function bestOf(readings: readonly Held[], widthMs: number, isBetter: (a: Held, b: Held) => boolean): readonly Held[] {
  const best = new Map<number, Held>();
  const placeOf = ({ atMs }: Held) => Math.floor(atMs / widthMs);
  for (const one of readings) {
    const other = best.get(placeOf(one));
    if (other === undefined || isBetter(one, other)) best.set(placeOf(one), one);
  }
  return readings.filter((one) => best.get(placeOf(one))?.deviceId === one.deviceId);
}

/** By code points, which is the order of UTF-8 bytes; that of `<` is another beyond the basic plane. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [a, b].map((id) => Array.from(id, (character) => character.codePointAt(0) ?? 0));
  const at = left?.findIndex((point, i) => point !== right?.[i]) ?? -1;
  return at < 0 ? a.length < b.length : (left?.[at] ?? 0) < (right?.[at] ?? -1);
}

/** Of each minute the devices that were heard, whether they count or not. */
function heardOf(readings: readonly Held[]): ReadonlyMap<number, ReadonlySet<string>> {
  const heard = new Map<number, Set<string>>();
  for (const { atMs, deviceId } of readings) {
    const startMs = Math.floor(atMs / INTERVAL_MS['1m']) * INTERVAL_MS['1m'];
    heard.set(startMs, (heard.get(startMs) ?? new Set()).add(deviceId));
  }
  return heard;
}

/**
 * Of a row in both, the one with more readings. Where a minute is one device's, and these have other devices, the live one: if the stored
 * one's was heard too, it is worse.
 */
function mergeRows(
  stored: Rows,
  live: ReadonlyMap<number, readonly Held[]>,
  heard: ReadonlyMap<number, ReadonlySet<string>> | null,
): Rows {
  function isStoredKept(at: number, startMs: number, readings: readonly Held[]): boolean {
    const [first] = readings;
    const ids = stored.deviceSets[stored.deviceSet[at] ?? 0] ?? [];
    if (heard === null || first === undefined || ids.includes(first.deviceId))
      return (stored.count[at] ?? 0) >= readings.length;
    return !ids.every((id) => heard.get(startMs)?.has(id));
  }

  const places = new Map<number, number>();
  for (let i = 0; i < stored.length; i += 1) places.set(stored.startMs[i] ?? 0, i);
  const starts = [...new Set([...places.keys(), ...live.keys()])].sort((a, b) => a - b);
  const deviceSets = stored.deviceSets.map((ids) => [...ids]);
  const table = starts.map((startMs) => {
    const at = places.get(startMs);
    const readings = live.get(startMs) ?? [];
    if (at !== undefined && isStoredKept(at, startMs, readings)) {
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
