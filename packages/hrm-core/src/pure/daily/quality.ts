/** How much a day's figures are worth. */
export type DayQuality = 'good' | 'partial' | 'sparse';

/** Shares of a day's minutes that have readings, at least. */
const GOOD_SHARE = 0.75;
const PARTIAL_SHARE = 0.25;

/** Of a good day the longest gap, minutes: a night that is missing changes a resting rate. */
const GOOD_GAP_MINUTES = 240;

/**
 * Judges a day by what there is of it.
 * @param minutes - with readings.
 * @param length - of the day, minutes.
 */
export function qualityOf(minutes: number, length: number, longestGapMinutes: number): DayQuality {
  if (minutes >= GOOD_SHARE * length && longestGapMinutes <= GOOD_GAP_MINUTES) return 'good';
  return minutes >= PARTIAL_SHARE * length ? 'partial' : 'sparse';
}
