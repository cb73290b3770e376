/** Two stretches of days against each other, in figures and in words. */
import type { DayFigures } from 'hrm-core/client';
import { make } from '../dom.js';
import { describeMinutes } from '../range.js';
import { makeTable, type TableRow } from '../tables.js';
import { rateText, texts } from '../texts/texts.js';
import { bpmText, type Day } from './words.js';

const words = texts.days;

/** The zones of moderate effort and more. */
const MODERATE = 3;

/** What days come to together; `null` where there is nothing to tell it by. */
export interface Together {
  readonly days: number;
  readonly restingRate: number | null;
  /** Of all readings. */
  readonly mean: number | null;
  /** A day with readings has so many minutes of them, and of moderate effort or more, in the mean. */
  readonly minutes: number | null;
  readonly effortMinutes: number | null;
}

/** Takes days together. */
export function together(days: readonly Day[]): Together {
  const known = days.flatMap(({ figures }) => figures ?? []);
  const readings = sumOf(known, ({ count }) => count);
  const resting = known.flatMap(({ restingRate }) => restingRate ?? []);
  const effort = ({ zones }: DayFigures) => sumOf(zones?.slice(MODERATE) ?? [], ({ minutes }) => minutes);
  return {
    days: known.length,
    restingRate: ratio(
      resting.reduce((sum, rate) => sum + rate, 0),
      resting.length,
    ),
    mean: ratio(
      sumOf(known, ({ mean, count }) => mean * count),
      readings,
    ),
    minutes: ratio(
      sumOf(known, ({ minutes }) => minutes),
      known.length,
    ),
    effortMinutes: ratio(sumOf(known, effort), known.length),
  };
}

function sumOf<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0);
}

function ratio(sum: number, count: number): number | null {
  return count === 0 ? null : sum / count;
}

/** @param names - of the two stretches, the one before last. */
export function comparisonOf(
  now: Together,
  before: Together,
  names: readonly [string, string],
): readonly HTMLElement[] {
  const minutesText = (minutes: number | null) => (minutes === null ? '–' : describeMinutes(Math.round(minutes)));
  const figures = [
    [words.resting, now.restingRate, before.restingRate, bpmText, words.rateDifference],
    [texts.chart.mean, now.mean, before.mean, bpmText, words.rateDifference],
    [words.timeWithReadings, now.minutes, before.minutes, minutesText, words.timeDifference],
    [words.effort, now.effortMinutes, before.effortMinutes, minutesText, words.timeDifference],
  ] as const;
  const rows = figures.map(
    ([name, value, other, text, difference]): TableRow => [
      name,
      text(value),
      text(other),
      value === null || other === null ? '–' : inWords(value, other, difference),
    ],
  );
  const table = makeTable(words.comparison, ['', ...names, words.difference], rows);
  return [make('p', { class: 'muted' }, words.dayByDay(now.days, before.days)), table];
}

/** By what is shown: what looks equal is. */
function inWords(
  value: number,
  other: number,
  difference: typeof words.rateDifference | typeof words.timeDifference,
): string {
  if (difference === words.timeDifference) {
    const minutes = Math.round(value) - Math.round(other);
    return minutes === 0 ? words.same : words.timeDifference(describeMinutes(Math.abs(minutes)), minutes > 0);
  }
  const tenths = Math.round(10 * value) - Math.round(10 * other);
  return tenths === 0 ? words.same : words.rateDifference(rateText(Math.abs(tenths) / 10), tenths > 0);
}
