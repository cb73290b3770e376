import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/pure/nearest.js';
import { bytesText } from '../../src/words.js';

describe('nearest', () => {
  it.each([
    ['qurey', 'query'],
    ['query', 'query'],
    ['drian', 'drain'],
    ['comp', 'compact'],
    ['x', undefined],
    ['', undefined],
    ['zzzzz', undefined],
  ])('of %j is %j', (given, meant) => {
    expect(nearest(given, ['serve', 'drain', 'compact', 'query'])).toBe(meant);
  });
});

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [1_234_567_890, '1.2 GB'],
  ])('%i is %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));
});
