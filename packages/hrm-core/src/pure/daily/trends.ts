/** Days that a trend's mean is of, and how many of them have a resting rate at least. */
const TRENDS = [
  { days: 7, needed: 4 },
  { days: 28, needed: 14 },
] as const;

/** Days before the first that the trends of it look at. */
export const DAYS_BEFORE = 27;

/** Means of resting rates; `null` where too few days have one. */
export interface Trends {
  /** Of a day and the 6 before it, bpm. */
  readonly restingMean7: number | null;
  /** Of a day and the 27 before it, bpm. */
  readonly restingMean28: number | null;
}

/**
 * The trends up to a day.
 * @param resting - of days, counted from anywhere: their resting rates in hundredths of a bpm.
 */
export function trendsOf(resting: ReadonlyMap<number, number>, day: number): Trends {
  const [restingMean7, restingMean28] = TRENDS.map(({ days, needed }) => {
    let [sum, count] = [0, 0];
    for (let at = day - days + 1; at <= day; at += 1) {
      const value = resting.get(at);
      if (value === undefined) continue;
      sum += value;
      count += 1;
    }
    return count < needed ? null : Math.round(sum / count) / 100;
  });
  return { restingMean7: restingMean7 ?? null, restingMean28: restingMean28 ?? null };
}
