import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sortRows } from '../../src/pure/sort-rows.js';

it('sorts ascending and stably, as the built-in sort does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 200 }), (values) => {
      const key = Float64Array.from(values);
      const rows = Uint32Array.from(values, (_, i) => i);
      const expected = [...rows].sort((a, b) => (values[a] as number) - (values[b] as number) || a - b);
      sortRows(rows, key, new Uint32Array(values.length + 3));
      expect([...rows]).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});
