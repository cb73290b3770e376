import * as nodeFileSystem from 'node:fs';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type DirectoryEntry,
  type DirectoryFileSystem,
  openDirectoryStorage,
} from '../../src/drivers/storage/directory/directory.js';
import { createLister } from '../../src/drivers/storage/directory/listing.js';
import { isPart } from '../../src/drivers/storage/names.js';
import { latest } from '../../src/index.js';
import { randomFrom, testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';
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
  return { lister: createLister(fileSystem, maxNames), listings: () => listings };
}

let ages = 0;

/** As if nothing had happened in it for an hour; never twice the same time, which would hide what happened in between. */
function age(path: string): void {
  ages += 1;
  const longAgo = new Date(Date.now() - 3_600_000 - ages * 1_000);
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
          expect(lister.parts(each)).toEqual(expected);
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
      for (let i = 0; i < 3; i += 1) lister.parts(directory);
      expect(listings()).toBe(3);
      age(directory);
      for (let i = 0; i < 3; i += 1) expect(lister.parts(directory)).toEqual([partOf(1)]);
      expect(listings()).toBe(4);
    }));

  it('lists a large directory in pieces, with turns for others, as another is listed at once', () =>
    withDirectory(async (directory) => {
      for (let i = 5_000; i > 0; i -= 1) writeFileSync(join(directory, partOf(i)), '');
      writeFileSync(join(directory, 'other'), '');
      age(directory);
      const { lister, listings } = countedLister();
      let turns = 0;
      const listed = lister.parts(directory, async () => {
        turns += 1;
      });
      expect(listed).toBeInstanceOf(Promise);
      expect(await listed).toEqual(readdirSync(directory).filter(isPart).sort());
      expect(turns).toBeGreaterThan(0);
      // It is remembered then, and nothing was listed in one piece.
      expect(lister.parts(directory)).toHaveLength(5_000);
      expect(listings()).toBe(0);
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
      for (const path of [a, b, a, c]) lister.parts(path);
      expect(listings()).toBe(3);
      lister.parts(a);
      expect(listings()).toBe(3);
      lister.parts(b);
      expect(listings()).toBe(4);
    }));
});

it('a listing of a day of very many users gives others a turn after each thousand', () =>
  withDirectory(async (data) => {
    for (let i = 0; i < 6_000; i += 1) mkdirSync(join(data, '20240115', `user-${i}`), { recursive: true });
    let [atOnce, most, isDone] = [0, 0, false];
    const counted = (entry: DirectoryEntry): DirectoryEntry => ({
      name: entry.name,
      isDirectory() {
        atOnce += 1;
        most = Math.max(most, atOnce);
        return entry.isDirectory();
      },
    });
    const fileSystem: DirectoryFileSystem = {
      ...nodeFileSystem,
      readdir: (path, options, callback) =>
        nodeFileSystem.readdir(path, options, (error, entries) => callback(error, entries?.map(counted))),
      opendir: (path, options, callback) =>
        nodeFileSystem.opendir(path, options, (error, directory) =>
          callback(error, {
            read: (each) => directory.read((failed, entry) => each(failed, entry === null ? null : counted(entry))),
            close: (closed) => directory.close(closed),
          }),
        ),
    };
    const storage = await openDirectoryStorage({ directory: data, readOnly: true, fileSystem });
    function turn(): void {
      atOnce = 0;
      if (!isDone) setImmediate(turn);
    }
    turn();
    let found = 0;
    for await (const { date } of storage.partitions({})) found += date === '20240115' ? 1 : 0;
    isDone = true;
    await storage.close();
    expect(found).toBe(6_000);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2_048);
  }, MEMORY_DIRECTORY));

describe('a listing of one user’s dates', () => {
  it('is never behind, whatever dates come and go', () =>
    withDirectory(async (data) => {
      const random = randomFrom(testSeed());
      const storage = await openDirectoryStorage({ directory: data });
      const directories = ['_shared', 'ana'];
      const all = Array.from({ length: 40 }, (_, i) => String(20240101 + i));
      for (let i = 0; i < 400; i += 1) {
        const date = all[Math.floor(random() * all.length)] as string;
        const path = join(data, date, ['_shared', 'ana', 'bob'][Math.floor(random() * 3)] as string);
        if (random() < 0.6) mkdirSync(path, { recursive: true });
        else rmSync(random() < 0.5 ? path : join(data, date), { recursive: true, force: true });
        if (random() < 0.7) age(data);
        const found: string[] = [];
        for await (const partition of storage.partitions({ directories })) {
          found.push(`${partition.date}/${partition.directory}`);
        }
        const there = all.flatMap((each) => directories.map((name) => `${each}/${name}`));
        expect(found).toEqual(there.filter((name) => existsSync(join(data, name))));
      }
      await storage.close();
    }, MEMORY_DIRECTORY));

  it('takes two looks at most a date that has none of it, none by an error, and lists the dates once', () =>
    withDirectory(async (data) => {
      const dates = Array.from({ length: 2_000 }, (_, i) => new Date(i * 86_400_000).toISOString().slice(0, 10));
      for (const date of dates) mkdirSync(join(data, date.replaceAll('-', ''), 'bob'), { recursive: true });
      const count = { looks: 0, errors: 0, listings: 0 };
      const fileSystem = watchedFileSystem({
        before(call) {
          if (call.name === 'opendir' && call.path === data) count.listings += 1;
          return null;
        },
        after(call, error) {
          if (call.name === 'lstatSync') count.looks += 1;
          if (call.name === 'lstatSync' && error) count.errors += 1;
        },
      });
      const storage = await openDirectoryStorage({ directory: data, readOnly: true, fileSystem });
      for (const name of [...dates.map((date) => date.replaceAll('-', '')), '.']) age(join(data, name));
      for (let i = 0; i < 3; i += 1) expect((await latest({ storage }, { userId: 'ana' })).devices).toEqual([]);
      await storage.close();
      expect(count.errors).toBe(0);
      expect(count.listings).toBe(1);
      // The others are of the directory itself, and of what tells that it is the store.
      expect(count.looks).toBeLessThan(3 * (2 * dates.length + 10));
    }, MEMORY_DIRECTORY));
});
