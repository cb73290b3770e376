/** The controls above the chart: they show a view, and ask for another one. */
import { type FixedInterval, INTERVAL_MS } from 'hrm-core/client';
import { browserZone, readMoment, toLocalInput } from './clocks.js';
import { find, make } from './dom.js';
import { userZone } from './profile.js';
import { isIn, type Preset, rangeAround, shiftRange } from './range.js';
import { keepMaxRate, readMaxRate, readRecentUsers } from './remembered.js';
import { texts } from './texts/texts.js';
import type { View } from './view.js';

type OnChange = (to: Partial<View>) => void;

/** Shows a view in the controls. @param users - all that there are for us, where that is known. */
export function showControls(
  { userId, range, interval, isLive, resolve = 'reading', zone }: View,
  users: readonly string[] | null,
): void {
  const offered = users ?? readRecentUsers();
  const user = find('user', HTMLInputElement);
  // What is typed and not shown yet stays.
  if (userId !== '' && (document.activeElement !== user || user.value === '')) user.value = userId;
  find('users', HTMLDataListElement).replaceChildren(...offered.map((value) => make('option', { value })));
  setUnlessTyped('from', toLocalInput(range.fromMs));
  setUnlessTyped('to', toLocalInput(range.toMs));
  find('interval', HTMLSelectElement).value = interval;
  find('resolve', HTMLSelectElement).value = resolve;
  showZoneChoice(zone);
  find('live', HTMLButtonElement).setAttribute('aria-pressed', String(isLive));
  setUnlessTyped('max-rate', String(readMaxRate()));
  for (const button of presetButtons()) {
    button.setAttribute('aria-pressed', String(button.dataset.preset === range.preset));
  }
}

/** Listens to the controls. @param onMaxRate - the maximum heart rate is another. */
export function bindControls(view: () => View, onView: OnChange, onMaxRate: () => void): void {
  /** Who has typed another user means it, whatever control is used. */
  function onChange(to: Partial<View>): void {
    const typed = find('user', HTMLInputElement).value;
    onView(typed === '' || typed === view().userId ? to : { userId: typed, ...to });
  }
  find('controls', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    onChange({ userId: find('user', HTMLInputElement).value });
  });
  for (const button of presetButtons()) {
    const preset = button.dataset.preset as Exclude<Preset, 'custom'>;
    button.addEventListener('click', () => {
      const { range } = view();
      const nowMs = Date.now();
      // A shorter range of one that has today in it is today's.
      const atMs = isIn(range, nowMs) ? nowMs : range.fromMs;
      onChange({ range: rangeAround(preset, atMs) });
    });
  }
  onClick('previous', () => onChange({ range: shiftRange(view().range, -1) }));
  onClick('next', () => onChange({ range: shiftRange(view().range, 1) }));
  onClick('today', () => onChange({ range: rangeAround('day', Date.now()) }));
  onClick('live', () => {
    const { isLive, range } = view();
    const nowMs = Date.now();
    const isNow = isIn(range, nowMs);
    onChange({ isLive: !isLive, ...(isLive || isNow ? {} : { range: rangeAround('day', nowMs) }) });
  });
  onClick('more', () => {
    const more = find('more', HTMLButtonElement);
    more.setAttribute('aria-expanded', String(more.getAttribute('aria-expanded') !== 'true'));
  });
  find('interval', HTMLSelectElement).addEventListener('change', ({ target }) => {
    const { value } = target as HTMLSelectElement;
    onChange({ interval: Object.hasOwn(INTERVAL_MS, value) ? (value as FixedInterval) : 'auto' });
  });
  find('resolve', HTMLSelectElement).addEventListener('change', ({ target }) => {
    onChange({ resolve: (target as HTMLSelectElement).value === 'device' ? 'device' : 'reading' });
  });
  find('zone', HTMLSelectElement).addEventListener('change', ({ target }) => {
    onChange({ zone: (target as HTMLSelectElement).value === 'browser' ? 'browser' : undefined });
  });
  for (const id of ['from', 'to']) find(id, HTMLInputElement).addEventListener('change', () => readDates(onChange));
  find('max-rate', HTMLInputElement).addEventListener('change', ({ target }) => {
    const field = target as HTMLInputElement;
    keepMaxRate(field.valueAsNumber);
    field.value = String(readMaxRate());
    onMaxRate();
  });
}

/** Whose clocks can be shown: a user's without a time zone are the browser's. */
function showZoneChoice(zone: View['zone']): void {
  const own = userZone();
  const hasOwn = own !== undefined && own !== browserZone;
  const options = [
    ...(hasOwn ? [make('option', { value: 'user' }, texts.chart.zoneOfUser(own))] : []),
    make('option', { value: 'browser' }, texts.chart.zoneOfBrowser(browserZone)),
  ];
  const select = find('zone', HTMLSelectElement);
  select.replaceChildren(...options);
  select.value = hasOwn && zone === undefined ? 'user' : 'browser';
}

/** Takes the two fields as a range, if they are one; the later field is told when they are not. */
function readDates(onChange: OnChange): void {
  const to = find('to', HTMLInputElement);
  const [fromMs, toMs] = [readMoment(find('from', HTMLInputElement).value), readMoment(to.value)];
  const isRange = fromMs >= 0 && fromMs < toMs;
  to.setCustomValidity(isRange ? '' : texts.chart.endFirst);
  if (isRange) onChange({ range: { preset: 'custom', fromMs, toMs } });
  else to.reportValidity();
}

/** Half of a number or a date is not for a live view to write over. */
function setUnlessTyped(id: string, value: string): void {
  const field = find(id, HTMLInputElement);
  if (document.activeElement !== field) field.value = value;
}

function presetButtons(): HTMLButtonElement[] {
  return [...find('presets', HTMLElement).querySelectorAll('button')];
}

function onClick(id: string, action: () => void): void {
  find(id, HTMLButtonElement).addEventListener('click', action);
}
