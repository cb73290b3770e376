/** The storage suite: replacing, removing, listing, closing. */
import assert from 'node:assert/strict';
import type { Storage } from '../ports/storage.js';
import { assertSpace } from './space.js';
import {
  bytesOf,
  contentsOf,
  partition,
  pathsOf,
  rejectsWith,
  removeAllBut,
  replaceBy,
  type StorageCases,
} from './storage-support.js';

/** A replacement is of the file it was made from, or a conflict. */
export const replaceCases: StorageCases = [
  [
    'nothing that it stored itself is in the way',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      for await (const obstacle of storage.obstacles({})) assert.fail(JSON.stringify(obstacle));
    },
  ],
  [
    'every handle on it tells the same identity',
    async ({ storage, another }) => {
      const identity = await storage.identity();
      assert.match(identity ?? '', /^.{1,128}$/);
      assert.equal(await (await another()).identity(), identity);
    },
  ],
  [
    'the first compacted file, the next one, and the removal of what they replace',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      assert.equal(await replaceBy(storage, 'one', 'part-old-1.parquet'), 'replaced');
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'one', 'part-a.parquet': 'a' });
      assert.equal(await replaceBy(storage, 'two', 'part-old-2.parquet'), 'replaced');
      assert.ok(Object.values(await contentsOf(storage)).includes('two'));
      await removeAllBut(storage, 'two', ['part-never.parquet']);
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'two' });
      await removeAllBut(storage, 'two', ['part-never.parquet']);
      await storage.remove({ ...partition, directory: 'nobody' }, ['part-a.parquet']);
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'two' });
    },
  ],
  [
    'a replacement made from a stale snapshot is a conflict or stands beside the winner, and loses nothing',
    async ({ storage, another }) => {
      await replaceBy(storage, 'one', 'part-old-1.parquet');
      const stale = await storage.snapshot(partition);
      let outcome: string;
      try {
        assert.equal(await replaceBy(await another(), 'two', 'part-old-2.parquet'), 'replaced');
        const late = { snapshot: stale, supersededName: 'part-old-3.parquet', bytes: bytesOf('late') };
        outcome = await storage.replace(late);
      } finally {
        await stale.close();
      }
      const texts = Object.values(await contentsOf(storage));
      assert.ok(texts.includes('two'), 'the winner is stored, under whichever name');
      assert.equal(texts.includes('late'), outcome === 'replaced');
    },
  ],
  [
    'a first compacted file that somebody else was faster with is a conflict or stands beside it',
    async ({ storage, another }) => {
      const empty = await storage.snapshot(partition);
      let outcome: string;
      try {
        await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
        assert.equal(await replaceBy(await another(), 'fast', 'part-old-1.parquet'), 'replaced');
        const late = { snapshot: empty, supersededName: 'part-old-2.parquet', bytes: bytesOf('late') };
        outcome = await storage.replace(late);
      } finally {
        await empty.close();
      }
      const texts = Object.values(await contentsOf(storage)).sort();
      assert.deepEqual(texts, ['a', 'fast', ...(outcome === 'replaced' ? ['late'] : [])]);
    },
  ],
  [
    'of eight replacements made from one state at once, each that succeeds is there, and nothing is lost',
    async ({ storage, another }) => {
      const handles = [storage, await another()];
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await replaceBy(storage, 'zero', 'part-old-0.parquet');
      const tries = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const handle = handles[index % 2] ?? storage;
          return { handle, text: `try-${index}`, snapshot: await handle.snapshot(partition) };
        }),
      );
      const outcomes = await Promise.all(
        tries.map(({ handle, text, snapshot }) =>
          handle.replace({ snapshot, supersededName: `part-old-${text}.parquet`, bytes: bytesOf(text) }),
        ),
      );
      for (const { snapshot } of tries) await snapshot.close();
      const winners = tries.filter((_, index) => outcomes[index] === 'replaced').map(({ text }) => text);
      const texts = Object.values(await contentsOf(storage));
      for (const kept of ['a', ...winners]) assert.ok(texts.includes(kept), `${kept} is gone`);
      // A driver that replaces in place keeps no old file, but only a winner may end it.
      assert.ok(texts.includes('zero') || winners.length > 0);
      for (const text of texts) assert.ok(['zero', 'a', ...winners].includes(text), `${text} has lost`);
    },
  ],
  [
    "a user's first file may be a compacted one",
    async ({ storage }) => {
      assert.equal(await replaceBy(storage, 'home', 'part-old-1.parquet'), 'replaced');
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'home' });
    },
  ],
];

const hostile = ['%2E%2E', 'a%2Fb', 'B', 'a', '%00', 'a~', `${'x'.repeat(135)}~${'0'.repeat(64)}`, '%5Fshared', '0'];

/** Listing, opening, closing. */
export const listingCases: StorageCases = [
  [
    'partitions come by date, then directory, inclusive bounds, and without `_shared`',
    async ({ storage, traits }) => {
      const { isInByteOrder = true } = traits;
      // Of an order of the storage's own only that of dates is asked for.
      async function listed(range: Parameters<Storage['partitions']>[0]): Promise<string[]> {
        const paths = await pathsOf(storage, range);
        if (isInByteOrder) return paths;
        const dates = paths.map((path) => path.slice(0, 8));
        assert.deepEqual(dates, [...dates].sort());
        return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }
      for (const date of ['20240116', '20231231', '20240115']) {
        for (const directory of [...hostile, '_shared']) {
          await storage.publish({ date, directory }, 'part-a.parquet', bytesOf(directory));
        }
      }
      const sorted = [...hostile].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      const all = ['20231231', '20240115', '20240116'].flatMap((date) => sorted.map((name) => `${date}/${name}`));
      assert.deepEqual(await listed({}), all);
      assert.deepEqual(await listed({ fromDate: '20240115', toDate: '20240115' }), all.slice(9, 18));
      assert.deepEqual(await listed({ fromDate: '20240101' }), all.slice(9));
      assert.deepEqual(await listed({ toDate: '20240115' }), all.slice(0, 18));
      assert.deepEqual(await pathsOf(storage, { fromDate: '20240117' }), []);
      const ofOne = { fromDate: '20240115', directories: ['%2E%2E'] };
      assert.deepEqual(await pathsOf(storage, ofOne), ['20240115/%2E%2E', '20240116/%2E%2E']);
      assert.deepEqual(await pathsOf(storage, { directories: ['_shared'], toDate: '20231231' }), ['20231231/_shared']);
      assert.deepEqual(await pathsOf(storage, { directories: ['nobody'] }), []);
      const ofSeveral = { fromDate: '20240116', directories: ['_shared', 'nobody', '%2E%2E'] };
      assert.deepEqual(await pathsOf(storage, ofSeveral), ['20240116/_shared', '20240116/%2E%2E']);
      for (const directory of hostile) {
        const contents = await contentsOf(storage, { date: '20240115', directory });
        assert.deepEqual(contents, { 'part-a.parquet': directory });
      }
    },
  ],
  [
    'what was published to is dirty until a visit cleans it, and again when it is published to',
    async ({ storage, another, traits }) => {
      const { tellsUnchanged = true } = traits;
      const shared = { ...partition, directory: '_shared' };
      const dirty = () => pathsOf(storage, { dirty: true });
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await storage.publish(shared, 'part-a.parquet', bytesOf('a'));
      assert.deepEqual(await dirty(), ['20240115/_shared', '20240115/ana']);
      assert.deepEqual(await pathsOf(storage, { dirty: true, directories: ['ana'] }), ['20240115/ana']);
      assert.deepEqual(await pathsOf(storage, { dirty: true, fromDate: '20240116' }), []);
      const visit = await storage.visit(partition);
      assert.equal(visit.changed, true);
      assert.equal((await dirty()).length, 2, 'a visit that does not settle leaves it dirty');
      const again = await (await another()).visit(partition);
      assert.equal(again.changed, !tellsUnchanged, 'nothing was published since');
      await again.markClean();
      assert.deepEqual(await dirty(), ['20240115/_shared']);
      await visit.markClean();
      assert.equal(await storage.publish(partition, 'part-a.parquet', bytesOf('a')), 'exists');
      assert.equal((await dirty()).length, 2);
      const third = await storage.visit(partition);
      await storage.publish(partition, 'part-b.parquet', bytesOf('b'));
      await third.markClean();
      assert.equal((await dirty()).length, 2, 'what was published during the visit was not seen by it');
      await (await storage.visit({ ...partition, directory: 'nobody' })).markClean();
    },
  ],
  [
    'a replacement is dirty, for what it replaced is still there; parts that another partition holds are removed',
    async ({ storage, traits }) => {
      const { looksForHolders = true } = traits;
      const shared = { ...partition, directory: '_shared' };
      await storage.publish(shared, 'part-a.parquet', bytesOf('a'));
      assert.equal(await replaceBy(storage, 'one', 'part-old-1.parquet'), 'replaced');
      assert.deepEqual(await pathsOf(storage, { dirty: true }), ['20240115/_shared', '20240115/ana']);
      if (looksForHolders) {
        await storage.remove(shared, ['part-a.parquet'], [{ ...partition, directory: 'nobody' }]);
        assert.deepEqual(await contentsOf(storage, shared), { 'part-a.parquet': 'a' });
      }
      await storage.remove(shared, ['part-a.parquet'], [partition]);
      assert.deepEqual(await contentsOf(storage, shared), {});
    },
  ],
  [
    'dates come ascending, each once, and none where nothing is',
    async ({ storage }) => {
      assert.deepEqual(await storage.dates(), []);
      for (const date of ['20240116', '20231231', '20240115']) {
        for (const directory of ['ana', '_shared'])
          await storage.publish({ date, directory }, 'part-a.parquet', bytesOf(date + directory));
      }
      assert.deepEqual(await storage.dates(), ['20231231', '20240115', '20240116']);
    },
  ],
  [
    'an empty storage lists nothing and passes its check; a closed one is closed',
    async ({ another }) => {
      const storage = await another();
      assert.deepEqual(await pathsOf(storage, {}), []);
      const { quarantinedFiles, ...space } = await storage.check();
      assert.equal(quarantinedFiles, 0);
      assertSpace(space);
      await storage.close();
      await rejectsWith(storage.publish(partition, 'part-a.parquet', bytesOf('a')), 'closed');
      await rejectsWith(storage.snapshot(partition), 'closed');
      await rejectsWith(storage.remove(partition, []), 'closed');
      await rejectsWith(pathsOf(storage, {}), 'closed');
      await rejectsWith(storage.check(), 'closed');
      await storage.close();
    },
  ],
  [
    'what one handle published, another one opened later reads',
    async ({ storage, another }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await storage.close();
      assert.deepEqual(await contentsOf(await another()), { 'part-a.parquet': 'a' });
    },
  ],
];
