/** What was erased: remembered by every handle, and told with each file that may have some of it. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Partition, Storage } from '../ports/storage.js';
import { createErasure } from '../pure/erasure/erasure.js';
import { bytesOf, partition, pathsOf, rejectsWith, type StorageCases, withSnapshot } from './storage-support.js';

const NAME = `part-${'a1'.repeat(16)}.parquet`;
const OTHERS: Partition = { date: '20240115', directory: 'bo' };
const SHARED: Partition = { date: '20240115', directory: '_shared' };

/** The mask of a partition's only file, and what tells it from the file without one. */
async function maskIn(storage: Storage, of: Partition): Promise<{ isMasked: boolean; version: string | undefined }> {
  return await withSnapshot(storage, of, async ({ files: [file] }) => {
    const [listed] = await storage.versions(of);
    assert.equal(listed?.version, file?.version);
    return { isMasked: file?.mask != null, version: file?.version };
  });
}

export const erasureCases: StorageCases = [
  [
    'an erasure is in force at once here, and for every other handle when it must be; files of others stay as they were',
    async ({ storage, another }) => {
      for (const of of [partition, OTHERS, SHARED]) await storage.publish(of, NAME, bytesOf('a'));
      const other = await another();
      const before = await Promise.all([partition, OTHERS, SHARED].map((of) => maskIn(other, of)));
      assert.deepEqual(
        before.map(({ isMasked }) => isMasked),
        [false, false, false],
      );
      const erasure = createErasure({ userId: 'ana' }, 60_000, await storage.erasures.all());
      await storage.erasures.add([erasure]);
      await storage.erasures.add([erasure]);
      for (const handle of [storage, other]) {
        if (handle === other) await delay(storage.erasures.holdMs);
        const now = await Promise.all([partition, OTHERS, SHARED].map((of) => maskIn(handle, of)));
        assert.deepEqual(
          now.map(({ isMasked }) => isMasked),
          [true, false, true],
        );
        assert.notEqual(now[0]?.version, before[0]?.version);
        assert.equal(now[1]?.version, before[1]?.version);
      }
      assert.deepEqual(
        (await (await another()).erasures.all()).map(({ id }) => id),
        [erasure.id],
      );
      assert.deepEqual(await pathsOf(storage, { directories: ['ana'] }), ['20240115/ana']);
    },
  ],
  [
    'an erasure is open until it has its report, of which the first stays',
    async ({ storage, another }) => {
      const erasure = createErasure({ userId: 'ana' }, 60_000, []);
      await storage.erasures.add([erasure]);
      const other = await another();
      assert.deepEqual(
        (await other.erasures.open()).map(({ id }) => id),
        [erasure.id],
      );
      assert.equal(await other.erasures.report(erasure.id), null);
      await other.erasures.finish(erasure.id, '{"first":true}');
      await storage.erasures.finish(erasure.id, '{"first":false}');
      assert.deepEqual(await storage.erasures.open(), []);
      assert.equal(await storage.erasures.report(erasure.id), '{"first":true}');
      assert.equal((await (await another()).erasures.all()).length, 1);
    },
  ],
  [
    'a partition without files is vacated, one that has a file is not, and it may be published to again',
    async ({ storage }) => {
      await storage.publish(partition, NAME, bytesOf('a'));
      await storage.vacate(partition);
      assert.equal((await storage.versions(partition)).length, 1);
      await storage.remove(partition, [NAME], []);
      await storage.vacate(partition);
      await storage.vacate(partition);
      assert.deepEqual(await pathsOf(storage, { fromDate: '20240101', toDate: '20240131' }), []);
      assert.deepEqual(await pathsOf(storage, { dirty: true }), []);
      assert.equal(await storage.publish(partition, NAME, bytesOf('a')), 'written');
      assert.deepEqual(await pathsOf(storage, { dirty: true }), ['20240115/ana']);
      await rejectsWith(storage.vacate({ date: '20240115', directory: '..' }), 'internal');
    },
  ],
];
