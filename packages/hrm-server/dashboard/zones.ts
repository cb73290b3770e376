/** Zones of effort, as shares of a person's maximum heart rate, and what rows come to. */
import type { UserSettings } from 'hrm-core/client';
import type { Rows } from './rows.js';

/** The zones, from the least effort on; each begins where the one before ends. */
export const ZONES = [
  { key: 'rest', share: 0 },
  { key: 'veryLight', share: 0.5 },
  { key: 'light', share: 0.6 },
  { key: 'moderate', share: 0.7 },
  { key: 'hard', share: 0.8 },
  { key: 'veryHard', share: 0.9 },
] as const;

/** Where each zone begins, bpm, with the hundredths that the API has. @param restingRate - zones are shares of the reserve above it. */
export function zoneStarts(maxRate: number, restingRate = 0): number[] {
  const reserve = maxRate - restingRate;
  return ZONES.map(({ share }) => (share === 0 ? 0 : restingRate + (Math.round(100 * share) * reserve) / 100));
}

/** The same by what a user has said, as the API has it; `null` where that says no zones. */
export function startsBy(
  { zones, maxHeartRate, birthYear, restingRate = 0 }: UserSettings,
  year: number,
): number[] | null {
  if (zones !== undefined) return [0, ...zones];
  const maxRate = maxHeartRate ?? (birthYear === undefined ? 0 : 220 - (year - birthYear));
  return maxRate <= restingRate ? null : zoneStarts(maxRate, restingRate);
}

/** What is told of a range. */
export interface Summary {
  readonly readings: number;
  /** Over the readings, in hundredths as the API has it; `null` without any. */
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** Sums rows up. */
export function summarize({ length, mean, min, max, count }: Rows): Summary {
  let readings = 0;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i += 1) {
    readings += count[i] ?? 0;
    sum += sumOf(mean[i] ?? 0, count[i] ?? 0);
    least = Math.min(least, min[i] ?? least);
    most = Math.max(most, max[i] ?? most);
  }
  if (readings === 0) return { readings, mean: null, min: null, max: null };
  return { readings, mean: Math.round((100 * sum) / readings) / 100, min: least, max: most };
}

/** Heart rates are whole, and so is their sum: of up to 100 readings it comes back, whatever the rounding of their mean took away. */
function sumOf(mean: number, count: number): number {
  return count <= 100 ? Math.round(mean * count) : mean * count;
}

/** How many rows have their mean in each zone: minutes, where rows are minutes. @param starts - where each zone begins. */
export function countZones({ length, mean }: Rows, starts: readonly number[]): number[] {
  const counts = starts.map(() => 0);
  for (let i = 0; i < length; i += 1) {
    let zone = starts.length - 1;
    while (zone > 0 && (mean[i] ?? 0) < (starts[zone] ?? 0)) zone -= 1;
    counts[zone] = (counts[zone] ?? 0) + 1;
  }
  return counts;
}
