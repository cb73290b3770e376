import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  dateStartMs,
  datesOf,
  hashInName,
  isContentName,
  isNamedAfter,
  partitionDate,
  partName,
  partNameOf,
  sliceName,
  supersededName,
  userDirectory,
} from '../../src/pure/partition.js';

describe('datesOf', () => {
  const DAY_MS = 86_400_000;
  const ms = Date.UTC(2024, 1, 28);

  it.each([
    ['a millisecond', [ms, ms + 1], ['20240228']],
    ['a whole day', [ms, ms + DAY_MS], ['20240228']],
    ['a millisecond more', [ms, ms + DAY_MS + 1], ['20240228', '20240229']],
    ['over the end of a month', [ms + DAY_MS - 1, ms + 2 * DAY_MS + 1], ['20240228', '20240229', '20240301']],
    ['nothing', [ms, ms], []],
    ['nothing in the midst of a day', [ms + 1, ms + 1], []],
    ['more than the most', [ms, ms + 3 * DAY_MS + 1], []],
  ] as const)('gives the dates of %s', (_, [fromMs, toMs], dates) => {
    expect(datesOf({ fromMs, toMs }, 3)).toEqual(dates);
  });
});

describe('userDirectory', () => {
  it.each([
    ['ana', 'ana'],
    ['Ana.B-2_c', 'Ana.B-2_c'],
    ['2022484408', '2022484408'],
    ['_shared', '%5Fshared'],
    ['.', '%2E'],
    ['..', '%2E.'],
    ['../../etc', '%2E.%2F..%2Fetc'],
    ['-rf', '%2Drf'],
    ['a/b', 'a%2Fb'],
    ['a\\b', 'a%5Cb'],
    ['a b', 'a%20b'],
    ['50%', '50%25'],
    ['ñ', '%C3%B1'],
    ['😀', '%F0%9F%98%80'],
    ['~', '%7E'],
  ])('%s is %s', (userId, directory) => {
    expect(userDirectory(userId)).toBe(directory);
  });

  it('cuts a result over 200 bytes to 135 and the SHA-256', () => {
    const userId = '😀'.repeat(20);
    const sha = createHash('sha256').update(userId, 'utf8').digest('hex');
    expect(userDirectory(userId)).toBe(`${'%F0%9F%98%80'.repeat(20).slice(0, 135)}~${sha}`);
    expect(userDirectory(userId)).toHaveLength(200);
    expect(userDirectory('😀'.repeat(16))).toHaveLength(192);
  });

  it('is one harmless path segment for any id, and tells ids apart', () => {
    const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 });
    fc.assert(
      fc.property(id, id, (a, b) => {
        const directory = userDirectory(a);
        expect(directory).toMatch(/^[A-Za-z0-9%][A-Za-z0-9_.%~-]*$/);
        expect(directory.length).toBeLessThanOrEqual(200);
        expect(path.dirname(path.resolve('/data/20240115', directory))).toBe('/data/20240115');
        expect(userDirectory(b) === directory).toBe(a === b);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('dates are UTC', () => {
  expect(partitionDate(Date.UTC(2024, 0, 15, 23, 59, 59, 999))).toBe('20240115');
  expect(partitionDate(Date.UTC(2024, 0, 16))).toBe('20240116');
  expect(partitionDate(0)).toBe('19700101');
});

it('knows a date from eight digits', () => {
  expect(dateStartMs('20240229')).toBe(Date.UTC(2024, 1, 29));
  for (const text of ['20230229', '20241301', '2024011', '202401155', '19691231', 'abcdefgh', '']) {
    expect(dateStartMs(text)).toBeNull();
  }
});

it('names a part by its bytes', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  expect(partName(bytes)).toBe(partName(new Uint8Array([1, 2, 3])));
  expect(partName(bytes)).not.toBe(partName(new Uint8Array([1, 2, 4])));
  expect(partName(bytes)).toMatch(/^part-[0-9a-f]{32}\.parquet$/);
});

describe('a name with the hash of its bytes', () => {
  const sha256 = createHash('sha256').update('some bytes').digest('hex');
  const own = [partNameOf(sha256), supersededName(sha256, '0b8f-1'), supersededName(sha256, randomUUID())];

  it('is that of a part, and of a superseded compacted file', () => {
    for (const name of own) {
      expect(hashInName(name)).toBe(sha256.slice(0, 32));
      expect(isNamedAfter(name, sha256)).toBe(true);
      expect(
        isNamedAfter(
          name,
          sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
        ),
      ).toBe(false);
      expect([name, sliceName(name, 'ana')].map(isContentName)).toEqual([true, true]);
    }
    expect(new Set(own).size).toBe(3);
  });

  it.each([
    'compacted.parquet',
    'part-export.parquet',
    supersededName(null, randomUUID()),
    `part-old-${sha256.slice(0, 32)}.parquet`,
    `part-${sha256}.parquet`,
    `part-${sha256.slice(0, 31)}.parquet`,
    `part-${sha256.slice(0, 32).toUpperCase()}.parquet`,
    `part-${sha256.slice(0, 32)}-1.parquet`,
    `part-${sha256.slice(0, 32)}.parquet\n`,
    `xpart-${sha256.slice(0, 32)}.parquet`,
  ])('is no other: %s', (name) => {
    expect(hashInName(name)).toBeNull();
    expect([name, sliceName(name, 'ana')].map(isContentName)).toEqual([false, false]);
  });
});
