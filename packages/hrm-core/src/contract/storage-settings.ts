/** Settings of users: small files, written over whole. */
import assert from 'node:assert/strict';
import { bytesOf, pathsOf, rejectsWith, type StorageCases } from './storage-support.js';

const ANA = 'a1'.repeat(32);
const BO = 'b0'.repeat(32);

/** What is there of the settings of one user. */
function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

export const settingsCases: StorageCases = [
  [
    'the settings of a user are there for every handle, also for one that is opened later, and nowhere among the dates',
    async ({ storage, another }) => {
      assert.equal(await storage.settingsFile(ANA), null);
      assert.deepEqual(await storage.settingsFiles(), []);
      await storage.putSettingsFile(ANA, bytesOf('one'));
      await storage.putSettingsFile(BO, bytesOf('two'));
      assert.equal(textOf(await storage.settingsFile(ANA)), 'one');
      const other = await another();
      assert.equal(textOf(await other.settingsFile(ANA)), 'one');
      assert.deepEqual(await other.settingsFiles(), [ANA, BO]);
      assert.deepEqual(await pathsOf(storage, {}), []);
      assert.deepEqual(await storage.dates(), []);
      for await (const obstacle of storage.obstacles({})) assert.fail(JSON.stringify(obstacle));
    },
  ],
  [
    'settings are written over whole, and of many who write at once one has written what is there',
    async ({ storage, another }) => {
      const texts = Array.from({ length: 12 }, (_, i) => String(i).repeat(1 + 997 * i));
      const handles = [storage, await another()];
      await Promise.all(texts.map((text, i) => handles[i % 2]?.putSettingsFile(ANA, bytesOf(text))));
      assert.ok(texts.includes(textOf(await (await another()).settingsFile(ANA)) ?? ''));
      await storage.putSettingsFile(ANA, bytesOf('last'));
      assert.equal(textOf(await storage.settingsFile(ANA)), 'last');
    },
  ],
  [
    'settings that are removed are gone, and those of others stay; again is harmless',
    async ({ storage, another }) => {
      await storage.removeSettingsFile(ANA);
      await storage.putSettingsFile(ANA, bytesOf('one'));
      await storage.putSettingsFile(BO, bytesOf('two'));
      assert.equal(textOf(await storage.settingsFile(ANA)), 'one');
      await storage.removeSettingsFile(ANA);
      await storage.removeSettingsFile(ANA);
      assert.equal(await storage.settingsFile(ANA), null);
      assert.equal(await (await another()).settingsFile(ANA), null);
      assert.deepEqual(await storage.settingsFiles(), [BO]);
    },
  ],
  [
    'a name of settings that is no hash reaches nothing',
    async ({ storage }) => {
      for (const name of ['', '..', 'ana', '../20240115/ana/x', ANA.toUpperCase(), `${ANA}/`, `${ANA}0`]) {
        await rejectsWith(storage.settingsFile(name), 'internal');
        await rejectsWith(storage.putSettingsFile(name, bytesOf('x')), 'internal');
        await rejectsWith(storage.removeSettingsFile(name), 'internal');
      }
      assert.deepEqual(await storage.settingsFiles(), []);
    },
  ],
];
