/** The axes of a chart of heart rates: where they end, and what they mark. */
import { DAY_MS, MINUTE_MS } from '../../limits.js';

/** A mark on the axis of time. */
export interface TimeTick {
  readonly atMs: number;
  readonly label: string;
}

const HOUR_MS = 60 * MINUTE_MS;

/** Steps of the axis of time that people count in. Above them it counts in months. */
const TIME_STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 7, 14].map((count) => count * DAY_MS),
];

const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60];

/** Steps of the axis of bpm. */
const RATE_STEPS_BPM = [1, 2, 5, 10, 20, 25, 50];

/** The first millisecond of a Monday: weeks begin there. */
const MONDAY_MS = 4 * DAY_MS;

/**
 * The marks of an axis of time, UTC, at whole minutes, hours, days or months; at most `maxTicks`, if that is at least 1.
 * Labels have at most ten characters.
 */
export function timeTicks(fromMs: number, toMs: number, maxTicks: number): readonly TimeTick[] {
  const step = TIME_STEPS_MS.find((stepMs) => (toMs - fromMs) / stepMs <= maxTicks);
  if (step === undefined) return monthTicks(fromMs, toMs, maxTicks);
  const origin = step % (7 * DAY_MS) === 0 ? MONDAY_MS : 0;
  const ticks: TimeTick[] = [];
  for (let atMs = Math.ceil((fromMs - origin) / step) * step + origin; atMs < toMs; atMs += step) {
    const iso = new Date(atMs).toISOString();
    ticks.push({ atMs, label: atMs % DAY_MS === 0 ? iso.slice(5, 10) : iso.slice(11, 16) });
  }
  return ticks;
}

function monthTicks(fromMs: number, toMs: number, maxTicks: number): readonly TimeTick[] {
  const from = new Date(fromMs);
  const months = (toMs - fromMs) / (30.4 * DAY_MS);
  const step = MONTH_STEPS.find((count) => months / count <= maxTicks) ?? 120;
  const ticks: TimeTick[] = [];
  const first = Math.ceil((from.getUTCFullYear() * 12 + from.getUTCMonth()) / step) * step;
  for (let month = first; ; month += step) {
    const atMs = Date.UTC(Math.floor(month / 12), month % 12);
    if (atMs >= toMs) return ticks;
    if (atMs >= fromMs) ticks.push({ atMs, label: new Date(atMs).toISOString().slice(0, 7) });
  }
}

/** The bpm that an axis spans and marks: at most `maxTicks` marks, which are multiples of a step, and so are its ends. */
export function rateAxis(min: number, max: number, maxTicks: number) {
  const from = Math.min(min, max - 10);
  const step = RATE_STEPS_BPM.find((bpm) => Math.ceil(max / bpm) - Math.floor(from / bpm) < maxTicks) ?? 100;
  const [low, high] = [Math.floor(from / step) * step, Math.ceil(max / step) * step];
  const ticks = Array.from({ length: (high - low) / step + 1 }, (_, i) => low + i * step);
  return { low, high, ticks };
}
