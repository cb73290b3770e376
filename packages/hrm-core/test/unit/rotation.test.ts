import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRotation } from '../../src/pure/rotation.js';

it('gives everybody a turn before anybody has another, and to each what is oldest', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 50 }), (owners) => {
      const line = createRotation<{ owner: string; i: number }>();
      for (const [i, owner] of owners.entries()) line.add(owner, { owner, i });
      const left = new Map<string, number[]>();
      for (const [i, owner] of owners.entries()) left.set(owner, [...(left.get(owner) ?? []), i]);
      while (left.size > 0) {
        expect(line.owners).toBe(left.size);
        const round = Array.from({ length: left.size }, () => line.next());
        expect(round.map((item) => item?.owner)).toEqual([...left.keys()]);
        for (const item of round) {
          const own = left.get(item?.owner ?? '') ?? [];
          expect(item?.i).toBe(own.shift());
          if (own.length === 0) left.delete(item?.owner ?? '');
        }
      }
      expect(line.next()).toBeUndefined();
    }),
  );
});

it('skips who may not now, who keeps the place', () => {
  const line = createRotation<number>();
  for (const [owner, item] of [
    ['a', 1],
    ['a', 2],
    ['b', 3],
  ] as const)
    line.add(owner, item);
  expect(line.nextOf((owner) => owner !== 'a')).toBe(3);
  expect(line.nextOf(() => false)).toBeUndefined();
  expect([line.next(), line.next(), line.owners]).toEqual([1, 2, 0]);
});
