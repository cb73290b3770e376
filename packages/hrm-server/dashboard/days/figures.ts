/** The figures of one day. */
import type { DayFigures } from 'hrm-core/client';
import { make } from '../dom.js';
import { describeMinutes } from '../range.js';
import { rateText, texts } from '../texts/texts.js';
import { nameOfZone } from './words.js';

const words = texts.days;

/** The figures of a day, then its time in zones. @param lengthMinutes - of the day, whose clocks may have been set. */
export function figuresOf(day: DayFigures, lengthMinutes: number): readonly HTMLElement[] {
  const rate = (bpm: number | null, digits: 0 | 1) =>
    bpm === null ? ['–'] : [rateText(bpm, digits), make('small', {}, ` ${texts.shared.bpm}`)];
  const trend =
    day.restingMean7 === null
      ? []
      : [make('small', { class: 'more-of-it' }, ` ${words.sevenDays(rateText(day.restingMean7))}`)];
  const tiles: readonly (readonly [string, readonly (Node | string)[]])[] = [
    [words.resting, [...rate(day.restingRate, 1), ...trend]],
    [texts.chart.mean, rate(day.mean, 1)],
    [texts.chart.least, rate(day.min, 0)],
    [texts.chart.greatest, rate(day.max, 0)],
    [
      words.timeWithReadings,
      [describeMinutes(day.minutes), make('small', { class: 'more-of-it' }, ` ${words.qualities[day.quality]}`)],
    ],
    [words.longestGap, [describeMinutes(day.longestGapMinutes)]],
  ];
  const list = make(
    'dl',
    { class: 'tiles figures' },
    ...tiles.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, ...value))),
  );
  return [list, ...(day.zones === null ? [] : zonesOf(day.zones, lengthMinutes))];
}

function zonesOf(zones: NonNullable<DayFigures['zones']>, lengthMinutes: number): readonly HTMLElement[] {
  const strip = make('div', { class: 'strip', 'aria-hidden': 'true' }, ...segmentsOf(zones, lengthMinutes));
  const items = zones.flatMap(({ minutes }, zone) => {
    if (minutes === 0) return [];
    const swatch = make('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = `var(--zone-${zone})`;
    return [make('li', {}, swatch, `${nameOfZone(zone)} ${describeMinutes(minutes)}`)];
  });
  return [strip, make('ul', { class: 'legend', 'aria-label': texts.chart.minutesInZones }, ...items)];
}

/** A piece for each zone, as long as its share of a day. */
export function segmentsOf(zones: NonNullable<DayFigures['zones']>, lengthMinutes: number): readonly HTMLElement[] {
  return zones.flatMap(({ minutes }, zone) => {
    if (minutes === 0) return [];
    const piece = make('span', { class: 'piece' });
    piece.style.setProperty('--size', `${(100 * minutes) / lengthMinutes}%`);
    piece.style.background = `var(--zone-${zone})`;
    return [piece];
  });
}
