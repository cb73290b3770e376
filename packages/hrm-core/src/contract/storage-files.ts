/** The storage suite: parts and snapshots. */
import assert from 'node:assert/strict';
import { isHrmError } from '../errors.js';
import {
  bytesOf,
  contentsOf,
  partition,
  plainName,
  rejectsWith,
  removeAllBut,
  replaceBy,
  type StorageCases,
  textOrGone,
  withSnapshot,
} from './storage-support.js';

/** A part is published once, whole. */
export const publishCases: StorageCases = [
  [
    'a part is written once, and then exists, whichever handle publishes it',
    async ({ storage, another }) => {
      assert.equal(await storage.publish(partition, 'part-a.parquet', bytesOf('a')), 'written');
      assert.equal(await storage.publish(partition, 'part-a.parquet', bytesOf('a')), 'exists');
      assert.equal(await (await another()).publish(partition, 'part-a.parquet', bytesOf('a')), 'exists');
      assert.deepEqual(await contentsOf(storage), { 'part-a.parquet': 'a' });
    },
  ],
  [
    'other bytes under a name are damage, and give way to the right ones',
    async ({ storage }) => {
      for (const damaged of ['torn', '', 'wrong', 'longer than the right one']) {
        const name = `part-${damaged.length}.parquet`;
        await storage.publish(partition, name, bytesOf(damaged));
        assert.equal(await storage.publish(partition, name, bytesOf('right')), 'written');
        assert.equal(await storage.publish(partition, name, bytesOf('right')), 'exists');
        assert.equal((await contentsOf(storage))[name], 'right');
      }
      assert.equal(Object.keys(await contentsOf(storage)).length, 4, 'what was set aside is no file of the partition');
    },
  ],
  [
    '64 publishes at once, of one name and of many, over two handles',
    async ({ storage, another }) => {
      const handles = [storage, await another()];
      const outcomes = await Promise.all(
        Array.from({ length: 64 }, (_, index) => {
          const handle = handles[index % 2] ?? storage;
          // 32 names, each published by both handles at once.
          const name = `part-${index >> 1}.parquet`;
          return handle.publish({ ...partition, directory: `user${(index % 8) >> 1}` }, name, bytesOf(name));
        }),
      );
      assert.equal(outcomes.filter((outcome) => outcome === 'written').length, 32);
      assert.equal(outcomes.filter((outcome) => outcome === 'exists').length, 32);
      for (let user = 0; user < 4; user++) {
        const contents = await contentsOf(storage, { ...partition, directory: `user${user}` });
        assert.equal(Object.keys(contents).length, 8);
        for (const [name, text] of Object.entries(contents)) assert.equal(text, name);
      }
    },
  ],
  [
    'a large file and an empty one come back as they were',
    async ({ storage }) => {
      const large = new Uint8Array(20 * 1024 * 1024 + 7).map((_, index) => (index * 31 + (index >> 13)) & 255);
      await storage.publish(partition, 'part-large.parquet', large);
      await storage.publish(partition, 'part-none.parquet', new Uint8Array());
      await withSnapshot(storage, partition, async ({ files }) => {
        assert.deepEqual(
          files.map((file) => file.byteLength),
          [large.length, 0],
        );
        const [file] = files;
        assert.ok(file);
        assert.equal(Buffer.compare(Buffer.from(await file.read(0, large.length)), large), 0);
        const slice = await file.read(8191, 1_000_000);
        assert.equal(slice.byteLength, 1_000_000 - 8191, 'the buffer is the range and no more');
        assert.equal(Buffer.compare(Buffer.from(slice), large.subarray(8191, 1_000_000)), 0);
        assert.equal((await file.read(5, 5)).byteLength, 0);
      });
    },
  ],
  [
    'a publish that is aborted before it begins writes nothing',
    async ({ storage }) => {
      const publish = storage.publish(partition, 'part-a.parquet', bytesOf('a'), { signal: AbortSignal.abort() });
      await rejectsWith(publish, 'closed');
      assert.deepEqual(await contentsOf(storage), {});
    },
  ],
  [
    'names that are no names are refused, and reach nothing outside',
    async ({ storage }) => {
      for (const name of ['../part-a.parquet', 'part-a', 'part-/../../a.parquet', 'compacted.parquet', '', 'part-\0']) {
        await rejectsWith(storage.publish(partition, name, bytesOf('a')), 'internal');
        await rejectsWith(storage.remove(partition, [name]), 'internal');
      }
      for (const directory of ['..', '.', '', '.tmp', 'a/b', '../ana', '_other', 'a\0', 'Zoë']) {
        await rejectsWith(storage.publish({ ...partition, directory }, 'part-a.parquet', bytesOf('a')), 'internal');
        await rejectsWith(storage.snapshot({ ...partition, directory }), 'internal');
      }
      for (const date of ['..', '2024-01-15', '2024011', '', '/']) {
        await rejectsWith(storage.publish({ ...partition, date }, 'part-a.parquet', bytesOf('a')), 'internal');
      }
    },
  ],
];

/** Versions tell files apart, without a look into them. */
export const versionCases: StorageCases = [
  [
    'versions are those of a snapshot, and change with every file that comes, is replaced or goes',
    async ({ storage, another }) => {
      const seen = new Set<string>();
      async function look(): Promise<void> {
        const versions = await (await another()).versions(partition);
        await withSnapshot(storage, partition, async ({ files }) => {
          assert.deepEqual(
            versions.map(({ name, version }) => [name, version]),
            files.map(({ name, version }) => [name, version]),
          );
        });
        const text = JSON.stringify(versions.map(({ name, version }) => [name, version]));
        assert.ok(!seen.has(text), `${text} was seen before`);
        seen.add(text);
        assert.deepEqual(await storage.versions(partition), versions, 'and stay what they are');
        const state = await storage.state([partition]);
        assert.ok(state === null || !seen.has(state), 'so does the state, where it tells');
        if (state !== null) seen.add(state);
      }
      await look();
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await look();
      await storage.publish(partition, 'part-b.parquet', bytesOf('b'));
      await look();
      await replaceBy(storage, 'one', 'part-old-1.parquet');
      await look();
      await replaceBy(storage, 'two', 'part-old-2.parquet');
      await look();
      await storage.remove(partition, ['part-a.parquet']);
      await look();
      await storage.publish(partition, 'part-c.parquet', bytesOf('c'));
      await look();
      // The name of a part that is no hash of its bytes may be given again, to others.
      await storage.remove(partition, ['part-c.parquet']);
      await storage.publish(partition, 'part-c.parquet', bytesOf('others'));
      await look();
    },
  ],
];

/** A partition is measured by what is there, and one that is not there is nothing. */
export const sizeCases: StorageCases = [
  [
    'the size is that of the files of a snapshot',
    async ({ storage }) => {
      async function look(hasCompacted: boolean): Promise<void> {
        const [size] = await storage.sizes([partition]);
        assert.ok(size !== undefined);
        const { files, bytes, compactedBytes } = size;
        await withSnapshot(storage, partition, async (snapshot) => {
          const sizes = snapshot.files.map(({ byteLength }) => byteLength);
          assert.deepEqual(
            { files, bytes },
            { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
          );
          assert.equal(compactedBytes, hasCompacted ? sizes[0] : null);
        });
      }
      await look(false);
      assert.equal(await storage.state([partition]), null);
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await storage.publish(partition, 'part-b.parquet', bytesOf('some more'));
      await look(false);
      await replaceBy(storage, 'compacted', 'part-old-1.parquet');
      await look(true);
      await storage.remove(partition, ['part-a.parquet']);
      await look(true);
    },
  ],
  [
    'the sizes of many partitions are those of each, in the order that they are asked for',
    async ({ storage }) => {
      const directories = ['b', 'a', 'a%2F', '_shared', 'c', 'a-b', 'B', 'd', 'aa'];
      const partitions = directories.map((directory) => ({ date: '20240115', directory }));
      for (const [i, each] of partitions.entries()) {
        if (each.directory === 'c') continue;
        for (let n = 0; n <= i; n += 1) await storage.publish(each, `part-${n}.parquet`, bytesOf('x'.repeat(n)));
      }
      const sizes = await storage.sizes([...partitions, { date: '20240116', directory: 'a' }]);
      const expected = directories.map((directory, i) => (directory === 'c' ? 0 : i + 1));
      assert.deepEqual(
        sizes.map(({ files }) => files),
        [...expected, 0],
      );
      assert.deepEqual(
        sizes.map(({ bytes }) => bytes),
        [...expected.map((files) => (files * Math.max(0, files - 1)) / 2), 0],
      );
    },
  ],
];

/** A snapshot is whole, and stays what it was. */
export const snapshotCases: StorageCases = [
  [
    'a part that is known may stay unopened: it is listed, and reading it gives its bytes or says that it is gone',
    async ({ storage }) => {
      const [hashed, other, named] = [
        `part-${'a'.repeat(32)}.parquet`,
        `part-${'b'.repeat(32)}.parquet`,
        'part-c.parquet',
      ];
      await storage.publish(partition, hashed, bytesOf('a'));
      await storage.publish(partition, other, bytesOf('b'));
      await storage.publish(partition, named, bytesOf('d'));
      await replaceBy(storage, 'c', 'part-old-1.parquet');
      const snapshot = await storage.snapshot(partition, { isKnown: (name) => name !== other });
      try {
        const names = snapshot.files.map(({ name }) => plainName(name));
        assert.deepEqual(names, ['compacted.parquet', hashed, other, named]);
        const [compacted, known, unknown, byHand] = snapshot.files;
        assert.equal(known?.version, hashed);
        // A name that is no hash may be given again: it is opened, whatever is known of it.
        for (const [file, text] of [
          [compacted, 'c'],
          [unknown, 'b'],
          [byHand, 'd'],
        ] as const) {
          assert.equal(Buffer.from((await file?.read(0, 1)) ?? new ArrayBuffer(0)).toString(), text);
        }
        const bytes = await known?.read(0, 1).catch((error: unknown) => error);
        if (bytes instanceof ArrayBuffer) assert.equal(Buffer.from(bytes).toString(), 'a');
        else assert.ok(isHrmError(bytes) && bytes.code === 'file_gone');
      } finally {
        await snapshot.close();
      }
    },
  ],
  [
    'a partition that does not exist has no files',
    async ({ storage }) => {
      await withSnapshot(storage, partition, async (snapshot) => {
        assert.deepEqual(snapshot.files, []);
        assert.deepEqual(snapshot.partition, partition);
      });
    },
  ],
  [
    'a snapshot lists the compacted file first, then parts by name, with length and age',
    async ({ storage }) => {
      for (const name of ['part-b.parquet', 'part-Z.parquet', 'part-a.parquet', 'part-10.parquet']) {
        await storage.publish(partition, name, bytesOf(name));
      }
      await replaceBy(storage, 'compacted', 'part-old-1.parquet');
      await withSnapshot(storage, partition, async ({ files }) => {
        assert.deepEqual(
          files.map((file) => plainName(file.name)),
          ['compacted.parquet', 'part-10.parquet', 'part-Z.parquet', 'part-a.parquet', 'part-b.parquet'],
        );
        for (const file of files) {
          assert.ok(file.ageMs >= 0 && file.ageMs < 60_000, `${file.name} is ${file.ageMs} ms old`);
          assert.equal(file.byteLength, plainName(file.name) === 'compacted.parquet' ? 9 : file.name.length);
        }
      });
    },
  ],
  [
    'a snapshot stays what it was while files are published, replaced and removed, or says that they are gone',
    async ({ storage, another }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await replaceBy(storage, 'first', 'part-old-1.parquet');
      const snapshot = await storage.snapshot(partition);
      try {
        const other = await another();
        await replaceBy(other, 'second', 'part-old-2.parquet');
        await removeAllBut(other, 'second');
        await other.publish(partition, 'part-b.parquet', bytesOf('b'));
        const texts = await Promise.all(snapshot.files.map(textOrGone));
        assert.equal(texts.length, 2);
        for (const [i, text] of ['first', 'a'].entries())
          assert.ok([text, 'file_gone'].includes(texts[i] ?? ''), texts[i]);
        assert.deepEqual(await contentsOf(other), { 'compacted.parquet': 'second', 'part-b.parquet': 'b' });
      } finally {
        await snapshot.close();
      }
    },
  ],
  [
    'reading past the end is damage, reading after close is closed, and closing twice is nothing',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('abc'));
      const snapshot = await storage.snapshot(partition);
      const [file] = snapshot.files;
      assert.ok(file);
      const error = await rejectsWith(file.read(0, 4), 'data');
      assert.equal(error.code, 'file_damaged');
      assert.match(error.message, /part-a\.parquet/);
      const last = file.read(0, 3);
      await snapshot.close();
      assert.equal(Buffer.from(await last).toString(), 'abc', 'a read under way is finished first');
      await rejectsWith(file.read(0, 1), 'closed');
      await snapshot.close();
    },
  ],
];
