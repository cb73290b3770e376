/** A store that is opened where nothing can be written, or only later: what is stored is answered about, and the rest waits for room. */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import type { DirectoryFileSystem } from '../../src/drivers/storage/directory/files.js';
import { devices, latest, query, type Reading, type Storage, verify, writePart } from '../../src/index.js';
import { cannotMount, memoryDisk, mount, unmount } from '../support/mount.js';
import { withDirectory } from '../support/temporary-directory.js';
import { systemError, watchedFileSystem } from '../support/watched-file-system.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };

function readingOf(heartRate: number): Reading {
  return { userId: 'ana', deviceId: 'strap', timestampMs: START_MS + heartRate, heartRate, receivedMs: START_MS };
}

async function open(directory: string, fileSystem?: DirectoryFileSystem): Promise<Storage> {
  const storage = await openDirectoryStorage({ directory, fileSystem });
  onTestFinished(() => storage.close());
  return storage;
}

async function makeStore(directory: string): Promise<void> {
  const storage = await openDirectoryStorage({ directory });
  await writePart({ storage }, [readingOf(60)]);
  await storage.close();
}

/** A disk that takes nothing new as long as there is a code for it. */
function fullDisk(code: string) {
  const state: { code: string | null } = { code };
  const fileSystem = watchedFileSystem({
    before(call) {
      const takesRoom =
        ['open', 'write', 'link'].includes(call.name) || (call.name === 'mkdir' && !existsSync(call.path));
      return state.code !== null && takesRoom ? { kind: 'fail', error: systemError(state.code, call) } : null;
    },
  });
  return { state, fileSystem };
}

async function expectAnswers(storage: Storage): Promise<void> {
  expect(await query({ storage }, DAY)).toMatchObject([{ heartRate: 60, count: 1 }]);
  expect(await devices({ storage }, { userId: 'ana' })).toHaveLength(1);
  expect(await latest({ storage }, { userId: 'ana' })).toMatchObject({ latest: { heartRate: 60 } });
  expect(await verify({ storage })).toMatchObject({ files: 1, faultCount: 0 });
}

const CODES = [
  { code: 'ENOSPC', told: 'storage_full' },
  { code: 'EDQUOT', told: 'storage_full' },
  { code: 'EROFS', told: 'storage_unavailable' },
];

describe.each(CODES)('where whatever is new is $code', ({ code, told }) => {
  const refused = { kind: 'unavailable', code: told };

  it('a store opens and answers, says what is wrong, and takes readings once there is room', () =>
    withDirectory(async (data) => {
      await makeStore(data);
      const { state, fileSystem } = fullDisk(code);
      const storage = await open(data, fileSystem);
      await expectAnswers(storage);
      await expect(storage.check()).rejects.toMatchObject(refused);
      await expect(writePart({ storage }, [readingOf(61)])).rejects.toMatchObject(refused);
      // Deleting needs no room: on a full disk it makes some.
      await storage.remove({ date: '20240115', directory: 'ana' }, ['part-gone.parquet']);
      state.code = null;
      await storage.check();
      expect(await writePart({ storage }, [readingOf(61)])).toMatchObject([{ outcome: 'written' }]);
      expect(readdirSync(path.join(data, '.tmp'))).toEqual([]);
    }));

  it('so does a copy of the partitions alone, which becomes a store then, and is known as that one', () =>
    withDirectory(async (parent) => {
      const data = path.join(parent, 'data');
      await makeStore(path.join(parent, 'origin'));
      cpSync(path.join(parent, 'origin', '20240115'), path.join(data, '20240115'), { recursive: true });
      const { state, fileSystem } = fullDisk(code);
      const storage = await open(data, fileSystem);
      await expectAnswers(storage);
      await expect(storage.check()).rejects.toMatchObject(refused);
      expect(readdirSync(data)).toEqual(['20240115']);
      state.code = null;
      await Promise.all([storage.check(), writePart({ storage }, [readingOf(61)])]);
      expect(readdirSync(data).sort()).toEqual(['.dates', '.pending', '.quarantine', '.store', '.tmp', '20240115']);
      expect(readdirSync(path.join(data, '.pending')).sort()).toEqual(['20240115~ana', 'complete']);
      renameSync(data, `${data}.away`);
      await makeStore(data);
      await expect(storage.check()).rejects.toMatchObject({ code: 'storage_replaced' });
    }));

  it('a new one does not open: there is nothing to answer from', () =>
    withDirectory(async (data) => {
      const { fileSystem } = fullDisk(code);
      for (const attempt of [1, 2]) {
        await expect(open(data, fileSystem), `attempt ${attempt}`).rejects.toMatchObject(refused);
      }
    }));
});

it('a fault that room does not mend keeps a store from opening: another user, a file system without links', () =>
  withDirectory(async (data) => {
    await makeStore(data);
    for (const code of ['EACCES', 'EIO']) {
      await expect(open(data, fullDisk(code).fileSystem)).rejects.toMatchObject({ code: 'storage_unavailable' });
    }
  }));

it.skipIf(cannotMount)('on a real disk, read-only at first', () =>
  withDirectory(async (parent) => {
    const disk = path.join(parent, 'disk');
    const data = path.join(disk, 'data');
    mkdirSync(disk);
    mount(memoryDisk('size=4m'), disk);
    try {
      await makeStore(data);
      mount(['-o', 'remount,ro'], disk);
      const storage = await open(data);
      await expectAnswers(storage);
      await expect(storage.check()).rejects.toMatchObject({ code: 'storage_unavailable' });
      mount(['-o', 'remount,rw'], disk);
      expect(await writePart({ storage }, [readingOf(61)])).toMatchObject([{ outcome: 'written' }]);
    } finally {
      unmount(disk);
    }
  }),
);
