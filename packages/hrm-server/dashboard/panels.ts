/** What is said of a range beside the chart: the summary, the zones, the table. */
import { find, make } from './dom.js';
import { describeMinutes, describeMoment } from './range.js';
import type { Rows } from './rows.js';
import { countText, rateText, texts } from './texts/texts.js';
import { countZones, type Summary, ZONES } from './zones.js';

const words = texts.chart;

/** Shows mean, minimum, maximum and how many readings they are of. @param deviceId - `null`: of all devices. */
export function showSummary({ mean, min, max, readings }: Summary, deviceId: string | null): void {
  find('summary-title', HTMLElement).textContent = words.summaryOf(deviceId ?? words.ofAllDevices);
  const rate = (value: number | null, digits: 0 | 1 = 0) =>
    value === null ? ['–'] : [rateText(value, digits), make('small', {}, ` ${texts.shared.bpm}`)];
  const tiles: [string, (Node | string)[]][] = [
    [words.mean, rate(mean, 1)],
    [words.least, rate(min)],
    [words.greatest, rate(max)],
    [words.readings, [countText(readings)]],
  ];
  const tile = ([name, value]: (typeof tiles)[number]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, ...value));
  find('summary', HTMLElement).replaceChildren(...tiles.map(tile));
}

/** Says nothing beside the chart. */
export function clearPanels(): void {
  find('summary-title', HTMLElement).textContent = words.summary;
  for (const id of ['summary', 'zones', 'table-body']) find(id, HTMLElement).replaceChildren();
  find('table', HTMLDetailsElement).ontoggle = null;
}

/** Shows minutes in zones. */
export function showZones(minutes: Rows, starts: readonly number[]): void {
  const counts = countZones(minutes, starts);
  const most = Math.max(1, ...counts);
  const rows = [...ZONES.entries()].reverse().map(([zone, { key }]) => {
    const swatch = make('span', { class: 'swatch', 'aria-hidden': 'true' });
    const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
    const count = counts[zone] ?? 0;
    swatch.style.background = `var(--zone-${zone})`;
    bar.style.background = `var(--zone-${zone})`;
    bar.style.width = `${(100 * count) / most}%`;
    bar.hidden = count === 0;
    // Between whole beats a mean may lie; limits are told in whole ones.
    const [from = 0, to] = starts.slice(zone, zone + 2).map(Math.ceil);
    const limits = to === undefined ? words.from(from) : zone === 0 ? words.below(to) : words.fromTo(from, to - 1);
    return make(
      'tr',
      {},
      make('th', { scope: 'row' }, swatch, texts.zones[key]),
      make('td', {}, limits),
      make('td', {}, describeMinutes(count)),
      make('td', { class: 'zone-bar' }, bar),
    );
  });
  const head = make(
    'tr',
    {},
    ...[words.zone, texts.shared.bpm, words.time].map((name) => make('th', { scope: 'col' }, name)),
    make('td', { class: 'zone-bar' }),
  );
  find('zones', HTMLElement).replaceChildren(make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows)));
}

/** Says why there are no zones, and lets somebody ask for them. */
export function offerZones(onAsk: () => void): void {
  const button = make('button', { type: 'button' }, words.count);
  button.addEventListener('click', () => {
    button.disabled = true;
    button.textContent = words.counting;
    onAsk();
  });
  const about = make('p', { class: 'muted' }, `${words.zonesTakeTime} `);
  find('zones', HTMLElement).replaceChildren(about, button);
}

const PAGE_ROWS = 100;

/** Shows rows as a table, a page at a time. */
export function showTable(rows: Rows, intervalMs: number, title: string, firstRow = 0): void {
  const place = find('table-body', HTMLElement);
  const last = Math.min(rows.length, firstRow + PAGE_ROWS);
  const body = Array.from({ length: last - firstRow }, (_, i) => tableRow(rows, firstRow + i, intervalMs));
  const columns = [words.beginning, words.mean, words.least, words.greatest, words.readings, words.devices];
  const head = make(
    'tr',
    {},
    ...columns.map((name) => make('th', { scope: 'col', class: name === words.devices && 'text' }, name)),
  );
  const caption = make(
    'caption',
    {},
    rows.length === 0
      ? `${title}: ${words.noReadings}`
      : `${title}: ${words.rows(countText(firstRow + 1), countText(last), countText(rows.length))}`,
  );
  const table = make('table', {}, caption, make('thead', {}, head), make('tbody', {}, ...body));
  const page = (name: string, to: number, isThere: boolean) => {
    const button = make('button', { type: 'button', disabled: !isThere }, name);
    button.addEventListener('click', () => {
      showTable(rows, intervalMs, title, to);
      place.focus();
    });
    return button;
  };
  const pager = make(
    'div',
    { class: 'pager' },
    page(words.earlier, firstRow - PAGE_ROWS, firstRow > 0),
    page(words.later, last, last < rows.length),
  );
  place.tabIndex = -1;
  place.replaceChildren(
    make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.rowsName }, table),
    ...(rows.length > PAGE_ROWS ? [pager] : []),
  );
}

function tableRow(rows: Rows, i: number, intervalMs: number): HTMLTableRowElement {
  const devices = rows.deviceSets[rows.deviceSet[i] ?? 0] ?? [];
  return make(
    'tr',
    {},
    make('th', { scope: 'row' }, describeMoment(rows.startMs[i] ?? 0, intervalMs)),
    ...[rows.mean, rows.min, rows.max, rows.count].map((column, at) =>
      make('td', {}, rateText(column[i] ?? 0, at === 0 ? 1 : 0)),
    ),
    make('td', { class: 'text' }, devices.join(', ')),
  );
}
