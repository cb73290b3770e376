/** The measure that the parsers are held to finds what it is to find, and nothing else. */
import { expect, it } from 'vitest';
import { growthFaults } from './support/growth.js';

/** The shapes that are found, each with both ends. */
function shapesOf(faults: readonly string[]): string[] {
  return faults.map((fault) => fault.slice(0, fault.lastIndexOf(': ')));
}

it('tells an expression that looks at each character again for each other', async () => {
  const pattern = /T[^ ]*;/;
  const faults = await growthFaults((text) => pattern.test(text), { longest: 8_192 });
  expect(shapesOf(faults)).toEqual(['letters T', 'letters T"!']);
});

it('tells a loop in a loop', async () => {
  const faults = await growthFaults(
    (text) => {
      let steps = 0;
      if (!text.startsWith('aa')) return;
      for (let i = 0; i < text.length; i += 1) for (let j = 0; j < text.length; j += 1) steps += text.charCodeAt(j);
      return steps;
    },
    { longest: 8_192 },
  );
  expect(shapesOf(faults)).toEqual(['letters', 'letters"!']);
});

it('bears with n log n, and with a parser that throws', async () => {
  expect(await growthFaults((text) => [...text].map((one, i) => `${one}${i}`).sort())).toEqual([]);
  expect(await growthFaults((text) => JSON.parse(text))).toEqual([]);
});
