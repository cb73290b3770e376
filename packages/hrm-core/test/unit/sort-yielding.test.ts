import { expect, it } from 'vitest';
import { byCodeUnits, sortYielding } from '../../src/sort-yielding.js';
import { randomFrom, testSeed } from '../support/random.js';

const seed = testSeed();
it.each([0, 1, 2, 4_095, 4_096, 4_097, 8_193, 30_000])(
  `sorts %d as a native sort does, seed ${seed}`,
  async (count) => {
    const random = randomFrom(seed);
    const items = Array.from({ length: count }, (_, at) => ({ key: `k${Math.floor(random() * count)}`, at }));
    let pauses = 0;
    const sorted = await sortYielding(
      items,
      (a, b) => byCodeUnits(a.key, b.key),
      async () => {
        pauses += 1;
      },
    );
    // Equal ones in their order: that a native sort keeps it is in the standard.
    expect(sorted).toEqual([...items].sort((a, b) => byCodeUnits(a.key, b.key)));
    expect(pauses).toBeGreaterThanOrEqual(Math.floor(Math.max(0, count - 1) / 4_096));
  },
);
