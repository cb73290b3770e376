/** Days side by side: a bar of the resting rate, and one of the time in zones. On a phone they stand one below the other. */
import { INTERVAL_MS } from 'hrm-core/client';
import { createFormat } from '../clocks.js';
import { make } from '../dom.js';
import { rateText, texts } from '../texts/texts.js';
import { segmentsOf } from './figures.js';
import { rove } from './roving.js';
import { type Day, describeDay } from './words.js';

/** Bars begin at the least rate that a reading can have. */
export const FIRST_BPM = 30;

const WEEKDAY = createFormat({ weekday: 'short' });
const DAY = createFormat({ day: 'numeric' });

/** @param others - the days that these are compared with, by their place in the range. @param hrefOf - of a day. */
export function barsOf(
  days: readonly Day[],
  others: readonly Day[],
  hrefOf: (day: Day) => string,
): readonly HTMLElement[] {
  const rates = [...days, ...others].flatMap(({ figures }) => figures?.restingRate ?? []);
  const most = rates.reduce((high, rate) => Math.max(high, rate), FIRST_BPM + 30);
  const share = (rate: number) => `${(100 * (rate - FIRST_BPM)) / (most - FIRST_BPM)}%`;
  const links = days.map((day, at) => linkOf(day, others[at], share, hrefOf(day)));
  rove(links, links.find((_, at) => days[at]?.figures !== null) ?? links[0]);
  const heads = make(
    'li',
    { class: 'heads', 'aria-hidden': 'true' },
    make('span', {}),
    make('span', {}, texts.days.resting),
    make('span', {}, texts.days.timeInZones),
  );
  const list = make('ol', { class: days.length > 7 ? 'bars many' : 'bars' }, heads);
  list.append(...links.map((link) => make('li', {}, link)));
  return [list];
}

function linkOf(day: Day, other: Day | undefined, share: (rate: number) => string, href: string): HTMLElement {
  const { range, figures } = day;
  const rest = make('span', { class: 'track' });
  if (figures?.restingRate != null) {
    const bar = make('span', { class: 'piece' });
    bar.style.setProperty('--size', share(figures.restingRate));
    rest.append(bar, make('span', { class: 'value' }, rateText(figures.restingRate, 0)));
  }
  if (other?.figures?.restingRate != null) {
    const mark = make('span', { class: 'mark' });
    mark.style.setProperty('--size', share(other.figures.restingRate));
    rest.append(mark);
  }
  const zones = make('span', { class: 'track' });
  const lengthMinutes = (range.toMs - range.fromMs) / INTERVAL_MS['1m'];
  if (figures?.zones != null) zones.append(...segmentsOf(figures.zones, lengthMinutes));
  const date = make(
    'span',
    { class: 'date' },
    `${WEEKDAY().format(range.fromMs)} `,
    make('b', {}, DAY().format(range.fromMs)),
  );
  const title = describeDay(day);
  // What is seen must be in what is said: axe's label-content-name-mismatch.
  const said = make('span', { class: 'visually-hidden' }, title);
  return make('a', { href, title, class: figures === null && 'empty-day' }, date, rest, zones, said);
}
