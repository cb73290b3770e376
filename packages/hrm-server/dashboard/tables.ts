/** Tables of figures, which scroll sideways where they are wider than the page. */
import { make } from './dom.js';

/** A row: what it is of, then its figures. */
export type TableRow = readonly [name: Node | string, ...cells: readonly string[]];

/** @param label - of the place that scrolls. @param heads - of the columns; empty: of a column that says by itself what it has. */
export function makeTable(label: string, heads: readonly string[], rows: readonly TableRow[]): HTMLElement {
  const head = heads.map((name) => (name === '' ? make('td', {}) : make('th', { scope: 'col' }, name)));
  const body = rows.map(([name, ...cells]) =>
    make('tr', {}, make('th', { scope: 'row' }, name), ...cells.map((cell) => make('td', {}, cell))),
  );
  const table = make('table', {}, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...body));
  return make('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label }, table);
}
