/**
 * The rules of the contract, stated as naively as possible and apart from the code under test: objects, strings and
 * loops, no sorting tricks, no typed arrays, nothing imported from src.
 */
import { zonedEnd, zonedStart, zonedText } from './zone-oracle.js';

export interface OracleReading {
  userId: string;
  deviceId: string;
  timestampMs: number;
  heartRate: number;
  receivedMs: number;
}

export interface OracleQuestion {
  userId: string;
  deviceId?: string | undefined;
  fromMs: number;
  toMs: number;
  intervalMs: number;
  /** With one, rows are of this zone's clocks, and `intervalMs` does not matter. */
  timeZone?: string | undefined;
  interval?: string | undefined;
  priority: Record<string, number>;
  /** `device`: a minute is that of its best device. */
  resolve?: string | undefined;
}

export interface OracleRow {
  timestamp: string;
  end?: string;
  heartRate: number;
  min: number;
  max: number;
  count: number;
  deviceIds: string[];
}

export function oracleAnswer(readings: readonly OracleReading[], question: OracleQuestion): OracleRow[] {
  const atInstant = new Map<number, OracleReading>();
  const counted: OracleReading[] = [];
  if (question.resolve === 'device' && question.deviceId === undefined)
    counted.push(...ofBestDevices(readings, question));
  for (const reading of survivorsOf(readings, question.userId)) {
    if (reading.timestampMs < question.fromMs || reading.timestampMs >= question.toMs) continue;
    if (question.resolve === 'device' && question.deviceId === undefined) continue;
    if (question.deviceId !== undefined) {
      if (reading.deviceId === question.deviceId) counted.push(reading);
      continue;
    }
    const other = atInstant.get(reading.timestampMs);
    if (other === undefined || preferred(reading.deviceId, other.deviceId, question.priority)) {
      atInstant.set(reading.timestampMs, reading);
    }
  }
  for (const reading of atInstant.values()) counted.push(reading);
  const buckets = new Map<number, OracleReading[]>();
  for (const reading of counted) {
    const start = startOf(reading.timestampMs, question);
    const bucket = buckets.get(start);
    if (bucket === undefined) buckets.set(start, [reading]);
    else bucket.push(reading);
  }
  return [...buckets.keys()]
    .sort((a, b) => a - b)
    .map((start) => {
      const row = rowOf(start, buckets.get(start) ?? []);
      const { timeZone, interval = '1m' } = question;
      if (timeZone === undefined) return row;
      const end = zonedText(zonedEnd(start, interval, timeZone), timeZone);
      return { ...row, timestamp: zonedText(start, timeZone), end };
    });
}

/** The readings of the best device of each minute, as far as the minute is asked for. */
function ofBestDevices(readings: readonly OracleReading[], question: OracleQuestion): OracleReading[] {
  const asked = survivorsOf(readings, question.userId).filter(
    ({ timestampMs }) => timestampMs >= question.fromMs && timestampMs < question.toMs,
  );
  const best = new Map<number, string>();
  for (const reading of asked) {
    const other = best.get(minuteOf(reading));
    if (other === undefined || preferred(reading.deviceId, other, question.priority))
      best.set(minuteOf(reading), reading.deviceId);
  }
  return asked.filter((reading) => best.get(minuteOf(reading)) === reading.deviceId);
}

function minuteOf({ timestampMs }: OracleReading): number {
  return Math.floor(timestampMs / 60_000);
}

function startOf(timestampMs: number, { intervalMs, interval = '1m', timeZone }: OracleQuestion): number {
  if (timeZone !== undefined) return zonedStart(timestampMs, interval, timeZone);
  if (interval === '1w' || interval === '1mo') return zonedStart(timestampMs, interval, 'UTC');
  return timestampMs - (timestampMs % intervalMs);
}

/** Rule 1. */
function survivorsOf(readings: readonly OracleReading[], userId: string): OracleReading[] {
  const survivors = new Map<string, OracleReading>();
  for (const reading of readings) {
    if (reading.userId !== userId) continue;
    const key = JSON.stringify([reading.deviceId, reading.timestampMs]);
    const other = survivors.get(key);
    if (other === undefined || beats(reading, other)) survivors.set(key, reading);
  }
  return [...survivors.values()];
}

/** What a user's devices are, with their first and last readings, and which of the last ones counts. */
export function oracleDevices(readings: readonly OracleReading[], userId: string, priority: Record<string, number>) {
  const survivors = survivorsOf(readings, userId).sort((a, b) => a.timestampMs - b.timestampMs);
  const shown = ({ timestampMs, heartRate }: OracleReading) => {
    return { timestamp: new Date(timestampMs).toISOString().replace('.000Z', 'Z'), heartRate };
  };
  const ids = [...new Set(survivors.map(({ deviceId }) => deviceId))];
  ids.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const devices = ids.map((deviceId) => {
    const own = survivors.filter((reading) => reading.deviceId === deviceId) as [OracleReading, ...OracleReading[]];
    return { deviceId, first: shown(own[0]), last: shown(own[own.length - 1] as OracleReading) };
  });
  let latest: OracleReading | null = null;
  for (const reading of survivors) {
    const isLater = latest === null || reading.timestampMs > latest.timestampMs;
    if (isLater || preferred(reading.deviceId, (latest as OracleReading).deviceId, priority)) latest = reading;
  }
  return {
    devices,
    latest: {
      latest: latest === null ? null : { deviceId: latest.deviceId, ...shown(latest) },
      devices: devices.map(({ deviceId, last }) => ({ deviceId, ...last })),
    },
  };
}

function beats(reading: OracleReading, other: OracleReading): boolean {
  const minute = Math.floor(reading.receivedMs / 60_000);
  const otherMinute = Math.floor(other.receivedMs / 60_000);
  return minute === otherMinute ? reading.heartRate > other.heartRate : minute > otherMinute;
}

function preferred(device: string, other: string, priority: Record<string, number>): boolean {
  const ranks = new Map(Object.entries(priority));
  const rank = ranks.get(device) ?? 1e15;
  const otherRank = ranks.get(other) ?? 1e15;
  return rank === otherRank ? Buffer.compare(Buffer.from(device), Buffer.from(other)) < 0 : rank < otherRank;
}

function rowOf(start: number, readings: readonly OracleReading[]): OracleRow {
  let sum = 0;
  for (const reading of readings) sum += reading.heartRate;
  const devices = [...new Set(readings.map((reading) => reading.deviceId))];
  return {
    timestamp: new Date(start).toISOString().replace('.000Z', 'Z'),
    heartRate: Math.round((100 * sum) / readings.length) / 100,
    min: Math.min(...readings.map((reading) => reading.heartRate)),
    max: Math.max(...readings.map((reading) => reading.heartRate)),
    count: readings.length,
    deviceIds: devices.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  };
}
