/** A year as a calendar: a cell a day, the darker the higher its heart rate. */
import { createFormat, dateAt } from '../clocks.js';
import { make } from '../dom.js';
import { locale, rateText, texts } from '../texts/texts.js';
import type { View } from '../view.js';
import { rove } from './roving.js';
import { type Day, describeDay } from './words.js';

const MONTH = createFormat({ month: 'long' });
const WEEKDAY = new Intl.DateTimeFormat(locale, { weekday: 'narrow', timeZone: 'UTC' });
const LEVELS = 5;
const WEEK_DAYS = 7;

/** @param days - of a year. @param hrefOf - of a day. */
export function calendarOf(
  days: readonly Day[],
  colour: View['colour'],
  hrefOf: (day: Day) => string,
): readonly HTMLElement[] {
  const rateOf = ({ figures }: Day) => (colour === 'mean' ? figures?.mean : figures?.restingRate) ?? null;
  const rates = days.flatMap((day) => rateOf(day) ?? []);
  const least = rates.reduce((low, rate) => Math.min(low, rate), Number.POSITIVE_INFINITY);
  const most = rates.reduce((high, rate) => Math.max(high, rate), Number.NEGATIVE_INFINITY);
  const levelOf = (rate: number) =>
    most === least ? 0 : Math.min(LEVELS - 1, Math.floor((LEVELS * (rate - least)) / (most - least)));
  const links = days.map((day) => {
    const rate = rateOf(day);
    const text = describeDay(day);
    const kind = rate === null ? (day.figures === null ? 'empty-day' : 'level-none') : `level-${levelOf(rate)}`;
    const date = String(dateAt(day.range.fromMs).getUTCDate());
    return make('a', { href: hrefOf(day), class: `cell ${kind}`, 'aria-label': text, title: text }, date);
  });
  rove(links, links.find((_, at) => days[at]?.figures !== null) ?? links[0], true);
  const months = make('div', { class: 'months' });
  let cells: HTMLElement | undefined;
  for (const [at, day] of days.entries()) {
    const date = dateAt(day.range.fromMs);
    const cell = links[at] as HTMLElement;
    if (cells === undefined || date.getUTCDate() === 1) {
      cells = make('div', { class: 'cells' }, ...weekdays());
      months.append(make('section', {}, make('h3', {}, MONTH().format(day.range.fromMs)), cells));
      cell.style.gridColumnStart = String(1 + ((date.getUTCDay() + 6) % WEEK_DAYS));
    }
    cells.append(cell);
  }
  return [months, ...(rates.length === 0 ? [] : [scaleOf(least, most)])];
}

/** From Monday on. */
function weekdays(): readonly HTMLElement[] {
  return Array.from({ length: WEEK_DAYS }, (_, at) =>
    make('span', { class: 'muted small', 'aria-hidden': 'true' }, WEEKDAY.format(Date.UTC(2024, 0, 1 + at))),
  );
}

function scaleOf(least: number, most: number): HTMLElement {
  const steps = Array.from({ length: LEVELS }, (_, level) =>
    make('span', { class: `cell level-${level}`, 'aria-hidden': 'true' }),
  );
  return make('p', { class: 'scale muted' }, rateText(least), ...steps, `${rateText(most)} ${texts.shared.bpm}`);
}
