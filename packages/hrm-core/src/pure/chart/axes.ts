/** The axes of a chart of heart rates: where they end, and what they mark. */
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { firstAt, UTC, type Zone } from '../time/time-zone.js';

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
 * The marks of an axis of time, at whole minutes, hours, days or months of a zone's clocks; at most `maxTicks`, and one for each time that
 * they are set, if that is at least 1. Labels have at most ten characters.
 * @param zone - `null`: UTC.
 */
export function timeTicks(fromMs: number, toMs: number, maxTicks: number, zone: Zone | null): readonly TimeTick[] {
  const step = TIME_STEPS_MS.find((stepMs) => (toMs - fromMs) / stepMs <= maxTicks);
  const ticks: TimeTick[] = [];
  for (const clockMs of step === undefined ? monthClocks(fromMs, toMs, maxTicks) : stepClocks(fromMs, toMs, step)) {
    const atMs = firstAt(zone ?? UTC, clockMs);
    const iso = new Date(clockMs).toISOString();
    const label = step === undefined ? iso.slice(0, 7) : clockMs % DAY_MS === 0 ? iso.slice(5, 10) : iso.slice(11, 16);
    // The clocks may skip a time; of a day that they skip the beginning of, there is a beginning all the same.
    const isShown = clockMs % DAY_MS === 0 || atMs + (zone ?? UTC).spanAt(atMs).offsetMs === clockMs;
    if (isShown && atMs >= fromMs && atMs < toMs && atMs !== ticks.at(-1)?.atMs) ticks.push({ atMs, label });
  }
  return ticks;
}

/** Times of the clock, as if it were UTC: of any zone that are within a range. */
function* stepClocks(fromMs: number, toMs: number, step: number): Generator<number> {
  const origin = step % (7 * DAY_MS) === 0 ? MONDAY_MS : 0;
  const first = Math.ceil((fromMs - DAY_MS - origin) / step) * step + origin;
  for (let clockMs = first; clockMs < toMs + DAY_MS; clockMs += step) yield clockMs;
}

function* monthClocks(fromMs: number, toMs: number, maxTicks: number): Generator<number> {
  const from = new Date(fromMs - DAY_MS);
  const months = (toMs - fromMs) / (30.4 * DAY_MS);
  const step = MONTH_STEPS.find((count) => months / count <= maxTicks) ?? 120;
  const first = Math.ceil((from.getUTCFullYear() * 12 + from.getUTCMonth()) / step) * step;
  for (let month = first; ; month += step) {
    const clockMs = Date.UTC(Math.floor(month / 12), month % 12);
    if (clockMs >= toMs + DAY_MS) return;
    yield clockMs;
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
