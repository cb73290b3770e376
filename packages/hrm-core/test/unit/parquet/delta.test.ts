/** Differences read back by hyparquet are the values, in either layout, and as they would be read by hand. */
import fc from 'fast-check';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { expect, it } from 'vitest';
import { encodeDelta } from '../../../src/parquet/delta.js';
import { testSeed } from '../../support/random.js';

const LAYOUTS = ['tight', 'aligned'] as const;

function unpacked(bytes: Uint8Array<ArrayBuffer>, count: number): number[] {
  const output = new BigInt64Array(count);
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  deltaBinaryUnpack(reader, count, output);
  expect(reader.offset).toBeLessThanOrEqual(bytes.length);
  return Array.from(output, Number);
}

/** Walks of which each takes steps of its own size, and jumps. */
const walk = fc
  .tuple(
    fc.integer({ min: 1, max: 3_000 }),
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  )
  .map(([count, bits, jumps, from]) => {
    let seed = from;
    const random = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    let value = 0;
    return Float64Array.from({ length: count }, () => {
      value += Math.floor((random() - 0.5) * 2 ** bits);
      if (random() < jumps / 1_000) value += Math.floor((random() - 0.5) * 2 ** 50);
      value = Math.max(-(2 ** 52), Math.min(2 ** 52, value));
      return value;
    });
  });

it('gives back what was put in', () => {
  fc.assert(
    fc.property(walk, (values) => {
      for (const layout of LAYOUTS)
        expect(unpacked(encodeDelta(values, layout).bytes, values.length)).toEqual(Array.from(values));
    }),
    { seed: Math.floor(Number(testSeed())), numRuns: 100 },
  );
});

it('packs by widths that divide a byte, or are bytes, where it is aligned', () => {
  const widths = new Set<number>();
  for (let bits = 0; bits <= 30; bits += 1) {
    const values = Float64Array.from({ length: 1_025 }, (_, i) => (i % 2) * (2 ** bits - 1));
    const { bytes, widestBits } = encodeDelta(values, 'aligned');
    widths.add(widestBits);
    expect(unpacked(bytes, values.length)).toEqual(Array.from(values));
  }
  expect([...widths]).toEqual([0, 2, 4, 8, 16, 24, 32]);
});
