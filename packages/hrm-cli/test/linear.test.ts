/** Linear in hostile input: what the command line reads and shows, with every shape of `test/support/hostile-shapes.ts`. */
import { visibleText } from 'hrm-core/process';
import { expect, it } from 'vitest';
import { type Feed, growthFaults } from '../../../test/support/growth.js';
import { visibleId } from '../src/output/output.js';

const PARSERS: readonly (readonly [name: string, feed: Feed])[] = [
  ['a text that is shown', (text) => [visibleText(text), visibleId(text)]],
];

it.each(PARSERS.map(([name, feed]) => ({ name, feed })))('$name', async ({ feed }) => {
  expect(await growthFaults(feed)).toEqual([]);
});
