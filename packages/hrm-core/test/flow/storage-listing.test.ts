import {
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPartLister } from '../../src/drivers/storage/directory-listing.js';
import { isPart } from '../../src/drivers/storage/directory-names.js';
import { randomFrom, testSeed } from '../support/random.js';
import { withDirectory } from '../support/temporary-directory.js';
import { watchedFileSystem } from '../support/watched-file-system.js';

/** A lister over the real file system, and how many directories it has really listed. */
function countedLister(maxNames?: number) {
  let listings = 0;
  const fileSystem = watchedFileSystem({
    before(call) {
      if (call.name === 'readdirSync') listings += 1;
      return null;
    },
  });
  return { lister: createPartLister(fileSystem, maxNames), listings: () => listings };
}

/** As if nothing had happened in it for an hour. */
function age(path: string): void {
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(path, longAgo, longAgo);
}

const partOf = (i: number) => `part-${String(i).padStart(32, '0')}.parquet`;

describe('a lister of parts', () => {
  it('is never behind, whatever comes, goes or is renamed, also in directories that are made anew', () =>
    withDirectory(async (directory) => {
      const random = randomFrom(testSeed());
      const { lister, listings } = countedLister();
      const paths = ['a', 'b', 'c'].map((name) => join(directory, name));
      const source = join(directory, 'source');
      writeFileSync(source, '');
      let steps = 0;
      for (let i = 0; i < 3_000; i += 1) {
        const path = paths[Math.floor(random() * paths.length)] as string;
        const name = join(path, partOf(Math.floor(random() * 12)));
        const what = Math.floor(random() * 6);
        try {
          if (what === 0) linkSync(source, name);
          else if (what === 1) unlinkSync(name);
          else if (what === 2) renameSync(join(path, 'compacted.parquet'), name);
          else if (what === 3) linkSync(source, join(path, 'compacted.parquet'));
          else if (what === 4) age(path);
          else if (random() < 0.5) mkdirSync(path, { recursive: true });
          else {
            for (const entry of readdirSync(path)) unlinkSync(join(path, entry));
            rmdirSync(path);
          }
          steps += 1;
        } catch {
          // What cannot be done changes nothing.
        }
        for (const each of paths) {
          let expected: string[] = [];
          try {
            expected = readdirSync(each).filter(isPart).sort();
          } catch {
            // It is not there.
          }
          expect(lister.list(each)).toEqual(expected);
        }
      }
      expect(steps).toBeGreaterThan(500);
      // It did remember some: three lists a step else.
      expect(listings()).toBeLessThan(9_000);
    }));

  it('lists a directory that has been quiet once, and one that has not each time', () =>
    withDirectory(async (directory) => {
      writeFileSync(join(directory, partOf(1)), '');
      const { lister, listings } = countedLister();
      for (let i = 0; i < 3; i += 1) lister.list(directory);
      expect(listings()).toBe(3);
      age(directory);
      for (let i = 0; i < 3; i += 1) expect(lister.list(directory)).toEqual([partOf(1)]);
      expect(listings()).toBe(4);
    }));

  it('forgets what was not asked for longest when it has too many names', () =>
    withDirectory(async (directory) => {
      const paths = ['a', 'b', 'c'].map((name) => join(directory, name));
      for (const path of paths) {
        mkdirSync(path);
        for (let i = 0; i < 4; i += 1) writeFileSync(join(path, partOf(i)), '');
        age(path);
      }
      const [a = '', b = '', c = ''] = paths;
      const { lister, listings } = countedLister(10);
      for (const path of [a, b, a, c]) lister.list(path);
      expect(listings()).toBe(3);
      lister.list(a);
      expect(listings()).toBe(3);
      lister.list(b);
      expect(listings()).toBe(4);
    }));
});
