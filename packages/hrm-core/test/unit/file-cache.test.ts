import { expect, it } from 'vitest';
import { createFileCache } from '../../src/flow/files/file-cache.js';

it('holds at most its bytes, and forgets what was not used for longest', () => {
  const cache = createFileCache(100);
  cache.set('a', 1, 40);
  cache.set('b', 2, 40);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3, 40);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  // A value that is set again counts once; one that is larger than the cache is not kept, and drives out nothing.
  cache.set('a', 4, 60);
  expect([cache.get('a'), cache.get('c')]).toEqual([4, 3]);
  cache.set('d', 5, 101);
  expect([cache.get('a'), cache.get('c'), cache.get('d')]).toEqual([4, 3, undefined]);
  cache.set('a', 6, 101);
  expect([cache.get('a'), cache.get('c')]).toEqual([undefined, 3]);
});
