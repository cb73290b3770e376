import { meanOf } from '../answer/row-table.js';

/** What zones of effort are made of. */
export interface ZoneInput {
  /** The highest heart rate that the user reaches, bpm. */
  readonly maxHeartRate?: number | undefined;
  /** In place of it: the maximum is taken as 220 minus the age that is reached in a day's year. */
  readonly birthYear?: number | undefined;
  /** Zones are shares of the reserve between this and the maximum then, and not of the maximum; bpm. */
  readonly restingRate?: number | undefined;
  /** In place of all that: the lower bounds of the five zones, bpm, ascending. */
  readonly zones?: readonly number[] | undefined;
}

/** The lower bounds of the zones, as shares; what is below the first is no effort. */
const ZONE_SHARES = [0.5, 0.6, 0.7, 0.8, 0.9] as const;

/**
 * The lower bounds of the five zones in a year, bpm of two decimals, ascending; `null` where there is neither a maximum nor an age, and where nothing is between
 * the resting rate and the maximum.
 * @see Fox, Naughton, Haskell (1971), for 220 minus age; Karvonen, Kentala, Mustala (1957), for the reserve.
 */
export function zoneBounds(
  { maxHeartRate, birthYear, restingRate, zones }: ZoneInput,
  year: number,
): readonly number[] | null {
  if (zones !== undefined) return zones;
  if (maxHeartRate === undefined && birthYear === undefined) return null;
  const highest = maxHeartRate ?? 220 - (year - Number(birthYear));
  const lowest = restingRate ?? 0;
  // Of who would be older than people get.
  if (highest <= lowest) return null;
  // Hundredths of a share are whole, so that no bound is off by a rounding.
  return ZONE_SHARES.map((share) => meanOf(100 * lowest + (highest - lowest) * Math.round(100 * share), 100));
}
