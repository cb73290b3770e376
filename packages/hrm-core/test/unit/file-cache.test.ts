import { expect, it } from 'vitest';
import { cacheOf } from '../../src/flow/files/file-cache.js';
import type { Storage } from '../../src/index.js';
import { MAX_CACHE_BYTES } from '../../src/limits.js';

it('holds at most its bytes, and forgets what was not used for longest', () => {
  const cache = cacheOf({} as Storage);
  const percent = MAX_CACHE_BYTES / 100;
  cache.set('a', 1, 40 * percent);
  cache.set('b', 2, 40 * percent);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3, 40 * percent);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  // A value that is set again counts once; one that is larger than the cache is not kept, and drives out nothing.
  cache.set('a', 4, 60 * percent);
  expect([cache.get('a'), cache.get('c')]).toEqual([4, 3]);
  cache.set('d', 5, 101 * percent);
  expect([cache.get('a'), cache.get('c'), cache.get('d')]).toEqual([4, 3, undefined]);
  cache.set('a', 6, 101 * percent);
  expect([cache.get('a'), cache.get('c')]).toEqual([undefined, 3]);
});
