/** Linear in hostile input: what the pages read, with every shape of `test/support/hostile-shapes.ts`. */
import { expect, it } from 'vitest';
import { type Feed, growthFaults } from '../../../../test/support/growth.js';
import { formatFact, nameOf } from '../../dashboard/facts.js';
import { readView, writeView } from '../../dashboard/view.js';

const PARSERS: readonly (readonly [name: string, feed: Feed])[] = [
  ['an address', (text) => writeView(readView(`#${text}`, 0))],
  [
    'the parts of an address',
    (text) => writeView(readView(`#user=${text}&from=${text}&range=custom&to=${text}&device=${text}`, 0)),
  ],
  ['a fact', (text) => [nameOf(text), formatFact('lastDate', text), formatFact('endedAt', text)]],
];

it.each(PARSERS.map(([name, feed]) => ({ name, feed })))('$name', async ({ feed }) => {
  expect(await growthFaults(feed)).toEqual([]);
});
