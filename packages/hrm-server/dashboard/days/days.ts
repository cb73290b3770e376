/** The days of a range in figures: one day, a week or a month as bars, a year as a calendar, and what they are compared with. */
import type { DayFigures } from 'hrm-core/client';
import { INTERVAL_MS } from 'hrm-core/client';
import { timeZone, toDate } from '../clocks.js';
import { find, make } from '../dom.js';
import { loadDays } from '../load.js';
import { askedMaxRate } from '../profile.js';
import { daysOf, describeRange, type Range, shiftRange, yearBefore } from '../range.js';
import { texts } from '../texts/texts.js';
import { type Comparison, type View, writeView } from '../view.js';
import { barsOf, FIRST_BPM } from './bars.js';
import { calendarOf } from './calendar.js';
import { comparisonOf, together } from './compare.js';
import { figuresOf } from './figures.js';
import type { Day } from './words.js';

const words = texts.days;

/** The card of the days. */
export interface Days {
  /** Asks for the days of a view, and shows them. @throws as `loadDays`. */
  load(view: View, signal: AbortSignal): Promise<void>;
  /** Nothing of anybody is left. */
  clear(): void;
}

/** @param onChange - somebody wants to compare with something else, or to see other colours. */
export function createDays(onChange: (to: Partial<View>) => void): Days {
  const card = find('days', HTMLElement);
  const compare = find('compare', HTMLSelectElement);
  const colour = find('colour', HTMLSelectElement);
  compare.addEventListener('change', () =>
    onChange({ compare: compare.value === 'none' ? undefined : (compare.value as Comparison) }),
  );
  colour.addEventListener('change', () => onChange({ colour: colour.value === 'mean' ? 'mean' : undefined }));

  function show(view: View, days: readonly Day[], others: readonly Day[], otherRange: Range | null): void {
    const { preset, fromMs, toMs } = view.range;
    const hrefOf = ({ range }: Day) => writeView({ ...view, range, isLive: false, interval: 'auto' });
    find('days-title', HTMLElement).textContent =
      preset === 'day' ? words.dayTitle : words.titles(describeRange(view.range));
    find('days-controls', HTMLElement).hidden = preset === 'day';
    find('colour-field', HTMLElement).hidden = preset !== 'year';
    compare.value = view.compare ?? 'none';
    colour.value = view.colour ?? 'resting';
    const [only] = days;
    const body =
      preset === 'year'
        ? calendarOf(days, view.colour, hrefOf)
        : preset !== 'day'
          ? barsOf(days, others, hrefOf)
          : only?.figures == null
            ? [make('p', { class: 'muted' }, words.noneToday)]
            : figuresOf(only.figures, (toMs - fromMs) / INTERVAL_MS['1m']);
    find('days-body', HTMLElement).replaceChildren(...body);
    const names = otherRange === null ? null : ([describeRange(view.range), describeRange(otherRange)] as const);
    const compared = names === null ? [] : comparisonOf(together(days), together(others), names);
    find('comparison', HTMLElement).replaceChildren(...compared);
    find('days-note', HTMLElement).textContent = noteOf(preset);
    card.dataset.preset = preset;
    card.hidden = false;
  }

  function clear(): void {
    card.hidden = true;
    for (const id of ['days-body', 'comparison']) find(id, HTMLElement).replaceChildren();
  }

  return {
    async load(view, signal) {
      const { userId, range, resolve } = view;
      if (range.preset === 'custom') {
        clear();
        return;
      }
      const maxRate = askedMaxRate();
      const otherRange = range.preset === 'day' ? null : rangeOf(view.compare, range);
      const [found, before] = await Promise.all(
        [range, otherRange].map((one) =>
          one === null ? [] : loadDays({ userId, range: one, resolve }, maxRate, signal),
        ),
      );
      // Days that cannot be asked for are nothing to show.
      if (found == null) clear();
      else show(view, fill(range, found), otherRange === null ? [] : fill(otherRange, before ?? []), otherRange);
    },
    clear,
  };
}

/** What a range is compared with; `null`: nothing. */
function rangeOf(compare: Comparison | undefined, range: Range): Range | null {
  if (compare === undefined || range.preset === 'custom') return null;
  return compare === 'before' ? shiftRange(range, -1) : yearBefore(range);
}

/** All days of a range, those without readings too. */
function fill(range: Range, found: readonly DayFigures[]): readonly Day[] {
  const byDate = new Map(found.map((figures) => [figures.date, figures]));
  return daysOf(range).map((day) => ({ range: day, figures: byDate.get(toDate(day.fromMs)) ?? null }));
}

function noteOf(preset: Range['preset']): string {
  const how = preset === 'week' || preset === 'month' ? `${words.howBars(FIRST_BPM)} ` : '';
  return `${how}${words.about(timeZone())}`;
}
