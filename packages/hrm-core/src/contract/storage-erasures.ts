/** What was erased: remembered by every handle, and told with each file that may have some of it. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Partition, Storage } from '../ports/storage.js';
import { createErasure } from '../pure/erasure/erasure.js';
import { bytesOf, partition, pathsOf, rejectsWith, type StorageCases, withSnapshot } from './storage-support.js';

const NAME = `part-${'a1'.repeat(16)}.parquet`;
const OTHERS: Partition = { date: '20240115', directory: 'bo' };
const SHARED: Partition = { date: '20240115', directory: '_shared' };
/** By the machine's clock, which the storages here have. */
const TODAY: Partition = { date: new Date().toISOString().slice(0, 10).replaceAll('-', ''), directory: 'ana' };

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
    'how long readings are kept is in force at once here, and for every other handle when it must be; what was said last counts',
    async ({ storage, another }) => {
      for (const of of [partition, OTHERS, SHARED, TODAY]) await storage.publish(of, NAME, bytesOf('a'));
      const other = await another();
      assert.equal(await storage.erasures.retention(), null);
      assert.equal(await storage.erasures.keepFor({ days: 30, rules: [{ user_id: 'bo', days: null }] }), 'said');
      assert.equal(await storage.erasures.keepFor({ days: 30, rules: [{ user_id: 'bo', days: null }] }), 'same');
      for (const handle of [storage, other]) {
        if (handle === other) await delay(storage.erasures.holdMs);
        const found = await Promise.all([partition, OTHERS, SHARED, TODAY].map((of) => handle.versions(of)));
        assert.deepEqual(
          found.map(({ length }) => length),
          [0, 1, 1, 1],
        );
        // A snapshot of a day before has it all.
        assert.equal((await handle.versions(partition, { asOf: 0 })).length, 1);
        assert.deepEqual(await pathsOf(handle, { directories: ['ana', 'bo'], toDate: '20240115' }), ['20240115/bo']);
        const all = await pathsOf(handle, { directories: ['ana'], toDate: '20240115', expired: true });
        assert.deepEqual(all, ['20240115/ana']);
      }
      assert.equal(await other.erasures.keepFor({ days: null, rules: [] }), 'said');
      assert.equal((await another()).erasures.known().retention.isNone, true);
      assert.equal((await other.versions(partition)).length, 1);
      const both = await Promise.all([
        storage.erasures.keepFor({ days: 5, rules: [] }),
        other.erasures.keepFor({ days: 6, rules: [] }),
      ]);
      assert.deepEqual(both, ['said', 'said']);
      const [one, two] = [await storage.erasures.retention(), await (await another()).erasures.retention()];
      assert.deepEqual(one, two);
      assert.equal(JSON.stringify(one).includes('bo'), false);
    },
  ],
  [
    'what is kept no longer is deleted with all that names it, and what is kept is not',
    async ({ storage }) => {
      for (const of of [partition, OTHERS, SHARED, TODAY]) await storage.publish(of, NAME, bytesOf('a'));
      await rejectsWith(storage.discard('20240115', null), 'internal');
      await storage.erasures.keepFor({ days: 30, rules: [{ user_id: 'bo', days: null }] });
      await rejectsWith(storage.discard('20240115', null), 'internal');
      await rejectsWith(storage.discard(TODAY.date, ['ana']), 'internal');
      assert.equal(await storage.discard('20240115', ['ana', 'nobody']), 1);
      assert.equal(await storage.discard('20240115', ['ana']), 0);
      assert.deepEqual(await pathsOf(storage, { toDate: '20240115', expired: true }), ['20240115/bo']);
      assert.equal((await pathsOf(storage, { dirty: true, expired: true })).includes('20240115/ana'), false);
      await storage.erasures.keepFor({ days: 30, rules: [] });
      assert.equal(await storage.discard('20240115', null), 2);
      assert.deepEqual(await pathsOf(storage, { toDate: '20240115', expired: true }), []);
      assert.equal((await storage.dates()).includes('20240115'), false);
      assert.deepEqual(await pathsOf(storage, { dirty: true, expired: true }), [`${TODAY.date}/ana`]);
      // What comes later is hidden, and goes the next time.
      assert.equal(await storage.publish(partition, NAME, bytesOf('a')), 'written');
      assert.equal((await storage.versions(partition)).length, 0);
      assert.equal(await storage.discard('20240115', null), 1);
      assert.equal((await storage.versions(TODAY)).length, 1);
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
