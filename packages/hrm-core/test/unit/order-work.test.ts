import { describe, expect, it } from 'vitest';
import { orderWork, takeTurns } from '../../src/pure/order-work.js';
import { randomFrom } from '../support/random.js';

/** Nobody waits here. */
const GIVE = async () => undefined;

describe('the order of a run', () => {
  const candidates = [
    { partition: 'ana-1', directory: 'ana', files: 100 },
    { partition: 'ana-2', directory: 'ana', files: 90 },
    { partition: 'ben-1', directory: 'ben', files: 3 },
    { partition: 'shared', directory: '_shared', files: 1 },
    { partition: 'cem-1', directory: 'cem', files: 30 },
  ];

  it('is of every user what is needed most before the second of anybody, and shared parts are apart', async () => {
    const { shared, others } = await orderWork(candidates, () => 0.5, GIVE);
    expect(shared).toEqual(['shared']);
    expect(others).toEqual(['ana-1', 'cem-1', 'ben-1', 'ana-2']);
  });

  it('differs between compacters among alike ones', async () => {
    const alike = Array.from({ length: 100 }, (_, i) => ({ partition: i, directory: `user-${i}`, files: 2 }));
    const orders = await Promise.all([1, 2].map((seed) => orderWork(alike, randomFrom(seed), GIVE)));
    const [first, second] = orders.map(({ others }) => others);
    expect([...(first ?? [])].sort((a, b) => a - b)).toEqual(alike.map((_, i) => i));
    expect(first).not.toEqual(second);
  });

  it('begins with the shared parts of the dates that have many, then of the oldest, and not in the same order twice', async () => {
    const dates = Array.from({ length: 100 }, (_, i) => ({
      partition: i,
      directory: '_shared',
      files: i === 70 ? 9 : 1,
    }));
    const orders = await Promise.all([1, 2].map((seed) => orderWork(dates, randomFrom(seed), GIVE)));
    for (const { shared } of orders) {
      expect(shared[0]).toBe(70);
      expect(Math.max(...shared.slice(1, 17))).toBeLessThan(16);
      expect(Math.max(...shared.slice(1, 49))).toBeLessThan(48);
    }
    expect(orders[0]?.shared).not.toEqual(orders[1]?.shared);
  });
});

describe('turns', () => {
  it('are taken by shared parts and others for as long each', () => {
    const turns = takeTurns({ shared: ['big', 'small'], others: ['a', 'b', 'c', 'd', 'e'] });
    const taken: string[] = [];
    let pieces = 0;
    for (let next = turns.next(); next !== null; next = turns.next()) {
      const isBig = next.partition === 'big';
      taken.push(next.partition);
      pieces += isBig ? 1 : 0;
      next.done(isBig ? 20 : 10, isBig && pieces < 4);
    }
    expect(taken).toEqual(['big', 'a', 'b', 'small', 'c', 'big', 'd', 'e', 'big', 'big']);
    expect(turns.left()).toBe(0);
  });

  it('of several at once are of the others, and of the shared parts of one date', () => {
    const turns = takeTurns({ shared: ['big', 'small'], others: ['a', 'b'] });
    const [first, ...more] = Array.from({ length: 5 }, () => turns.next());
    expect([first, ...more].map((turn) => turn?.partition)).toEqual(['big', 'a', 'b', undefined, undefined]);
    first?.done(10, true);
    expect(turns.left()).toBe(2);
    expect(turns.next()?.partition).toBe('small');
    expect(turns.next()).toBe(null);
  });
});
