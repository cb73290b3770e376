/** The storage suite: setting files aside. */
import assert from 'node:assert/strict';
import type { Snapshot, Storage } from '../ports/storage.js';
import {
  bytesOf,
  contentsOf,
  partition,
  plainName,
  rejectsWith,
  replaceBy,
  type StorageCases,
  withSnapshot,
} from './storage-support.js';

/** What is in quarantine, as `date/directory/name: text (reason)`, sorted. */
async function quarantineOf(storage: Storage): Promise<string[]> {
  const found: string[] = [];
  for await (const { partition: from, file, reason } of storage.quarantined()) {
    const text = Buffer.from(await file.read(0, file.byteLength)).toString();
    found.push(`${from.date}/${from.directory}/${plainName(file.name)}: ${text} (${reason})`);
  }
  return found.sort();
}

/** The name of the first compacted file. */
function compactedIn({ files }: Snapshot): string {
  return files[0]?.name ?? '';
}

/** A file that is set aside leaves its partition, and is kept; no other ever is. */
export const quarantineCases: StorageCases = [
  [
    'a part that is set aside leaves its partition, is kept with its reason, and is gone for who comes second',
    async ({ storage, another }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await storage.publish(partition, 'part-b.parquet', bytesOf('b'));
      const other = await another();
      await withSnapshot(other, partition, async (late) => {
        await withSnapshot(storage, partition, async (snapshot) => {
          assert.equal(await storage.quarantine(snapshot, 'part-a.parquet', 'it is bad'), 'quarantined');
          assert.equal(await storage.quarantine(snapshot, 'part-a.parquet', 'it is bad'), 'gone');
          assert.equal((await storage.check()).quarantinedFiles, 1);
        });
        assert.equal(await other.quarantine(late, 'part-a.parquet', 'it is bad'), 'gone');
      });
      assert.deepEqual(await contentsOf(other), { 'part-b.parquet': 'b' });
      for (const handle of [storage, other]) {
        assert.deepEqual(await quarantineOf(handle), ['20240115/ana/part-a.parquet: a (it is bad)']);
      }
      assert.equal(await storage.publish(partition, 'part-a.parquet', bytesOf('a')), 'written', 'its name is free');
    },
  ],
  [
    'a compacted file that is set aside gives way to a first one',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await replaceBy(storage, 'bad', 'part-old-1.parquet');
      await withSnapshot(storage, partition, async (snapshot) => {
        assert.equal(await storage.quarantine(snapshot, compactedIn(snapshot), 'bad'), 'quarantined');
      });
      assert.deepEqual(await contentsOf(storage), { 'part-a.parquet': 'a' });
      assert.equal(await replaceBy(storage, 'good', 'part-old-2.parquet'), 'replaced');
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'good', 'part-a.parquet': 'a' });
      assert.deepEqual(await quarantineOf(storage), ['20240115/ana/compacted.parquet: bad (bad)']);
    },
  ],
  [
    'what took the name meanwhile is never set aside in its stead',
    async ({ storage, another }) => {
      const other = await another();
      await storage.publish(partition, 'part-a.parquet', bytesOf('torn'));
      await replaceBy(storage, 'bad', 'part-old-1.parquet');
      await withSnapshot(storage, partition, async (snapshot) => {
        await other.publish(partition, 'part-a.parquet', bytesOf('right'));
        assert.equal(await replaceBy(other, 'good', 'part-old-2.parquet'), 'replaced');
        assert.equal(await storage.quarantine(snapshot, 'part-a.parquet', 'bad'), 'gone');
        const compacted = compactedIn(snapshot);
        // Where nothing is replaced, what is bad has its name still.
        const isReplaced = compacted === plainName(compacted);
        assert.equal(await storage.quarantine(snapshot, compacted, 'bad'), isReplaced ? 'gone' : 'quarantined');
      });
      const texts = Object.values(await contentsOf(storage));
      for (const kept of ['right', 'good']) assert.ok(texts.includes(kept), `${kept} is gone`);
    },
  ],
  [
    'eight that set one file aside at once keep it once, and take nothing else',
    async ({ storage, another }) => {
      const handles = [storage, await another()];
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      await storage.publish(partition, 'part-b.parquet', bytesOf('b'));
      const tries = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const handle = handles[index % 2] ?? storage;
          return { handle, snapshot: await handle.snapshot(partition) };
        }),
      );
      const outcomes = await Promise.all(
        tries.map(({ handle, snapshot }) => handle.quarantine(snapshot, 'part-a.parquet', 'bad')),
      );
      for (const { snapshot } of tries) await snapshot.close();
      assert.equal(outcomes.filter((outcome) => outcome === 'quarantined').length, 1);
      assert.deepEqual(await contentsOf(storage), { 'part-b.parquet': 'b' });
      assert.deepEqual(await quarantineOf(storage), ['20240115/ana/part-a.parquet: a (bad)']);
    },
  ],
  [
    'other bytes that gave way to a part are in quarantine too',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('torn'));
      await storage.publish(partition, 'part-a.parquet', bytesOf('right'));
      const [found = '', ...others] = await quarantineOf(storage);
      assert.deepEqual(others, []);
      assert.match(found, /^20240115\/ana\/part-a\.parquet: torn \(.+\)$/);
    },
  ],
  [
    'only a file of the snapshot can be set aside, and only while it is open',
    async ({ storage }) => {
      await storage.publish(partition, 'part-a.parquet', bytesOf('a'));
      const snapshot = await storage.snapshot(partition);
      await rejectsWith(storage.quarantine(snapshot, 'part-b.parquet', 'bad'), 'internal');
      await snapshot.close();
      await rejectsWith(storage.quarantine(snapshot, 'part-a.parquet', 'bad'), 'closed');
      assert.deepEqual(await contentsOf(storage), { 'part-a.parquet': 'a' });
      assert.deepEqual(await quarantineOf(storage), []);
    },
  ],
];
