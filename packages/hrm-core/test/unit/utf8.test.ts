import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareUtf8 } from '../../src/pure/utf8.js';

it('orders as the UTF-8 bytes do', () => {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
    { numRuns: 5_000 },
  );
});

it('puts an emoji after U+FF5E, where JavaScript puts it before', () => {
  expect('😀' < '～').toBe(true);
  expect(compareUtf8('😀', '～')).toBeGreaterThan(0);
  expect(compareUtf8('a😀', 'a～')).toBeGreaterThan(0);
  expect(compareUtf8('😀', '😁')).toBeLessThan(0);
});
