/** Linear in hostile input: what the pages read, with every shape of `test/support/hostile-shapes.ts`. */
import { expect, it } from 'vitest';
import { type Feed, growthFaults } from '../../../../test/support/growth.js';
import { formatFact, nameOf } from '../../dashboard/facts.js';
import { createEventParser } from '../../dashboard/live.js';
import { createRowReader } from '../../dashboard/rows.js';
import { readView, writeView } from '../../dashboard/view.js';

function readRows(text: string, pieceBytes: number): void {
  const bytes = new TextEncoder().encode(text);
  const reader = createRowReader();
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  reader.rows();
}

function readEvents(text: string, pieceLength: number): void {
  const parser = createEventParser(() => undefined);
  for (let at = 0; at < text.length; at += pieceLength) parser(text.slice(at, at + pieceLength));
}

const PARSERS: readonly (readonly [name: string, feed: Feed])[] = [
  ['an address', (text) => writeView(readView(`#${text}`, 0))],
  [
    'the parts of an address',
    (text) => writeView(readView(`#user=${text}&from=${text}&range=custom&to=${text}&device=${text}`, 0)),
  ],
  ['rows', (text) => readRows(`header\n${text}`, 65_536)],
  ['rows in small pieces', (text) => readRows(`header\n${text}`, 16)],
  ['the devices of a row', (text) => readRows(`header\n2024-01-15T10:00:00Z,72,70,81,12,"${text}"\n`, 65_536)],
  ['the numbers of a row', (text) => readRows(`header\n2024-01-15T10:00:00Z,${text},${text},1,1,"[]"\n`, 65_536)],
  ['events', (text) => readEvents(text, 65_536)],
  ['events in small pieces', (text) => readEvents(text, 16)],
  ['a fact', (text) => [nameOf(text), formatFact('last_date', text), formatFact('ended_at', text)]],
];

it.each(PARSERS.map(([name, feed]) => ({ name, feed })))('$name', async ({ feed }) => {
  expect(await growthFaults(feed)).toEqual([]);
});
