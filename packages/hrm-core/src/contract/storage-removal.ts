/** The storage suite: deleting files that somebody else may have named. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Storage } from '../ports/storage.js';
import {
  bytesOf,
  contentsOf,
  partition,
  rejectsWith,
  replaceBy,
  type StorageCases,
  withSnapshot,
} from './storage-support.js';

const name = 'part-theirs.parquet';

function sha256Of(text: string): string {
  return createHash('sha256').update(bytesOf(text)).digest('hex');
}

/** Removes from a fresh snapshot. */
function removeExact(storage: Storage, text: string, holders?: Parameters<Storage['removeExact']>[2]) {
  return withSnapshot(storage, partition, (snapshot) =>
    storage.removeExact(snapshot, { name, sha256: sha256Of(text) }, holders),
  );
}

/** A file is deleted for its bytes, whatever its name; what has the name else stays. */
export const removalCases: StorageCases = [
  [
    'a file with the very bytes is removed, once',
    async ({ storage, another }) => {
      await storage.publish(partition, name, bytesOf('a'));
      await storage.publish(partition, 'part-b.parquet', bytesOf('a'));
      const other = await another();
      await withSnapshot(other, partition, async (late) => {
        assert.equal(await removeExact(storage, 'a'), 'removed');
        assert.equal(await other.removeExact(late, { name, sha256: sha256Of('a') }), 'gone');
      });
      assert.deepEqual(await contentsOf(other), { 'part-b.parquet': 'a' });
      assert.equal(await storage.publish(partition, name, bytesOf('b')), 'written', 'its name is free');
    },
  ],
  [
    'a file with other bytes stays in the partition',
    async ({ storage }) => {
      await storage.publish(partition, name, bytesOf('other'));
      assert.equal(await removeExact(storage, 'a'), 'gone');
      assert.deepEqual(Object.values(await contentsOf(storage)), ['other']);
    },
  ],
  [
    'what took the name meanwhile stays, whatever it has in it',
    async ({ storage, another }) => {
      await storage.publish(partition, name, bytesOf('a'));
      const other = await another();
      await withSnapshot(storage, partition, async (snapshot) => {
        assert.equal(await removeExact(other, 'a'), 'removed');
        await other.publish(partition, name, bytesOf('b'));
        for (const text of ['a', 'b']) {
          assert.equal(await storage.removeExact(snapshot, { name, sha256: sha256Of(text) }), 'gone');
        }
      });
      assert.deepEqual(Object.values(await contentsOf(storage)), ['b']);
    },
  ],
  [
    'of eight that remove one file at once, one does',
    async ({ storage, another }) => {
      const handles = [storage, await another()];
      await storage.publish(partition, name, bytesOf('a'));
      await storage.publish(partition, 'part-b.parquet', bytesOf('b'));
      const tries = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const handle = handles[index % 2] ?? storage;
          return { handle, snapshot: await handle.snapshot(partition) };
        }),
      );
      const outcomes = await Promise.all(
        tries.map(({ handle, snapshot }) => handle.removeExact(snapshot, { name, sha256: sha256Of('a') })),
      );
      for (const { snapshot } of tries) await snapshot.close();
      assert.equal(outcomes.filter((outcome) => outcome === 'removed').length, 1);
      assert.deepEqual(await contentsOf(storage), { 'part-b.parquet': 'b' });
    },
  ],
  [
    'nothing is removed whose holders are not there, and only a file of an open snapshot',
    async ({ storage, traits }) => {
      const { looksForHolders = true } = traits;
      await storage.publish(partition, name, bytesOf('a'));
      await replaceBy(storage, 'a', 'part-old-1.parquet');
      if (looksForHolders) {
        assert.equal(await removeExact(storage, 'a', [{ ...partition, directory: 'nobody' }]), 'gone');
      }
      const snapshot = await storage.snapshot(partition);
      const sha256 = sha256Of('a');
      for (const wrong of ['part-b.parquet', 'compacted-old.parquet', '../part-a.parquet']) {
        await rejectsWith(storage.removeExact(snapshot, { name: wrong, sha256 }), 'internal');
      }
      await snapshot.close();
      await rejectsWith(storage.removeExact(snapshot, { name, sha256 }), 'closed');
      assert.deepEqual(await contentsOf(storage), { 'compacted.parquet': 'a', [name]: 'a' });
    },
  ],
];
