import { expect, it } from 'vitest';
import { isDelivered } from '../../src/pure/live-cursor.js';

it('tells what was delivered: entries before, and readings of the same up to it', () => {
  const after = { cursor: 'b', index: 1 };
  const positions = ['a', 'b', 'c'].flatMap((cursor) => [0, 1, 2].map((index) => ({ cursor, index })));
  const delivered = positions.filter((position) => isDelivered(position, after));
  expect(delivered.map(({ cursor, index }) => cursor + index)).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
  expect(isDelivered({ cursor: 'b', index: 0 }, { cursor: 'b', index: -1 })).toBe(false);
});
