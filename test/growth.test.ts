/** The measure that the parsers are held to finds what it is to find, and nothing else. */
import { expect, it } from 'vitest';
import { growthFaults } from './support/growth.js';

it('tells a parser that looks at each character again for each other', async () => {
  const pattern = /T[^ ]*!/;
  const faults = await growthFaults((text) => pattern.test(text));
  expect(faults.map((fault) => fault.split(':')[0])).toEqual(['letters T', 'rows of CSV']);
});

it('tells a parser that copies what it has for each piece', async () => {
  const faults = await growthFaults(
    (text) => {
      let held = Buffer.alloc(0);
      for (let at = 0; at < text.length; at += 2) held = Buffer.concat([held, Buffer.from(text.slice(at, at + 2))]);
    },
    { longest: 16_384 },
  );
  expect(faults.length).toBeGreaterThan(30);
});

it('bears with n log n, and with a parser that throws', async () => {
  expect(await growthFaults((text) => [...text].map((one, i) => `${one}${i}`).sort())).toEqual([]);
  expect(await growthFaults((text) => JSON.parse(text))).toEqual([]);
});
