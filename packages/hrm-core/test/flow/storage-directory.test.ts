/** What is particular to a directory: modes, foreign things in it, leftovers, and others who delete what is in use. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { diskSpace, UNKNOWN_SPACE } from '../../src/ports/space.js';
import type { Storage } from '../../src/ports/storage.js';
import { partName } from '../../src/pure/partition.js';
import { bundle } from '../support/bundle.js';
import { compactAll, fileOf, storedReadings } from '../support/readings.js';
import { withDirectory } from '../support/temporary-directory.js';
import { systemError, type WatchedCall, watchedFileSystem } from '../support/watched-file-system.js';

const partition = { date: '20240115', directory: 'ana' };

async function withStorage(
  use: (storage: Storage, data: string) => Promise<void>,
  fileSystem?: DirectoryFileSystem,
): Promise<void> {
  await withDirectory(async (data) => {
    const storage = await openDirectoryStorage({ directory: data, fileSystem });
    try {
      await use(storage, data);
    } finally {
      await storage.close();
    }
  });
}

/** Does something once, before the first call that matches. */
function beforeFirst(isIt: (call: WatchedCall) => boolean, act: (call: WatchedCall) => void): DirectoryFileSystem {
  let isDone = false;
  return watchedFileSystem({
    before(call) {
      if (isDone || !isIt(call)) return null;
      isDone = true;
      act(call);
      return null;
    },
  });
}

async function pathsOf(storage: Storage): Promise<string[]> {
  const paths: string[] = [];
  for await (const { date, directory } of storage.partitions({})) paths.push(`${date}/${directory}`);
  return paths;
}

describe('modes', () => {
  test.each(['000', '022', '077', '777'])('files 0600 and directories 0700 under umask %s', (umask) =>
    withDirectory(async (root) => {
      const worker = await bundle(join(import.meta.dirname, '../support/publish-once.ts'), root);
      const data = join(root, 'deep', 'data');
      // A shell sets it, since the umask of this process is every test's.
      const script = `umask ${umask} && exec "$0" "$1" "$2"`;
      execFileSync('sh', ['-c', script, process.execPath, worker, data], { stdio: 'pipe' });
      const modes = readdirSync(join(root, 'deep'), { recursive: true, withFileTypes: true }).map((entry) => {
        const { mode } = lstatSync(join(entry.parentPath, entry.name));
        return `${entry.isDirectory() ? 'directory' : 'file'} ${(mode & 0o7777).toString(8)}`;
      });
      assert.deepEqual([...new Set(modes)].sort(), ['directory 700', 'file 600']);
      // Data, .store, .tmp, .quarantine, .dates and a file in it, .pending and two, the date, the user, a part and a compacted file.
      assert.equal(modes.length, 13);
    }),
  );
});

describe('foreign things', () => {
  test('what is no file of the storage is no file of a snapshot, and holds nothing up', () =>
    withStorage(async (storage, data) => {
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      const directory = join(data, '20240115', 'ana');
      writeFileSync(join(data, 'secret'), '[666]');
      symlinkSync(join(data, 'secret'), join(directory, 'part-link.parquet'));
      symlinkSync(join(data, 'secret'), join(directory, 'compacted.parquet'));
      mkdirSync(join(directory, 'part-directory.parquet'));
      execFileSync('mkfifo', [join(directory, 'part-pipe.parquet')]);
      for (const name of ['notes.txt', '.part-x.parquet', 'other.parquet', 'part-x.parquet.tmp', 'part-.parquet']) {
        writeFileSync(join(directory, name), 'foreign');
      }
      assert.deepEqual([...(await storedReadings(storage, partition))], [1]);
    }));

  test('what is no partition is not listed', () =>
    withStorage(async (storage, data) => {
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      await storage.publish({ date: '20240115', directory: '_shared' }, 'part-a.parquet', fileOf([1]));
      for (const path of ['2024-01-15/ana', '2024011/ana', '20240115/.hidden', '20240115/lost+found', 'x/ana']) {
        mkdirSync(join(data, path), { recursive: true });
      }
      writeFileSync(join(data, '20240116'), '');
      writeFileSync(join(data, '20240115', 'file'), '');
      symlinkSync('/', join(data, '20240115', 'link'));
      assert.deepEqual(await pathsOf(storage), ['20240115/ana']);
    }));

  test('a link named like the part to publish is set aside, and what it points to stays as it is', () =>
    withStorage(async (storage, data) => {
      mkdirSync(join(data, '20240115', 'ana'), { recursive: true });
      writeFileSync(join(data, 'secret'), '[666]');
      symlinkSync(join(data, 'secret'), join(data, '20240115', 'ana', 'part-a.parquet'));
      assert.equal(await storage.publish(partition, 'part-a.parquet', fileOf([1])), 'written');
      assert.deepEqual([...(await storedReadings(storage, partition))], [1]);
      assert.equal(readFileSync(join(data, 'secret'), 'utf8'), '[666]');
    }));

  test('a file system without hard links is refused when the storage is opened, with the reason', () =>
    withDirectory(async (directory) => {
      const fileSystem = watchedFileSystem({
        before: (call) => (call.name === 'link' ? { kind: 'fail', error: systemError('EPERM', call) } : null),
      });
      await expect(openDirectoryStorage({ directory, fileSystem })).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'storage_unavailable',
        message: expect.stringMatching(/no hard links.*choose a directory/),
      });
      assert.deepEqual(readdirSync(join(directory, '.tmp')), []);
    }));
});

describe('ancestors of the data directory', () => {
  test.each([
    ['EIO', 'fsync', false],
    ['EACCES', 'openSync', true],
    ['EINVAL', 'fsync', true],
  ])('%s when syncing one that was there, by %s: opens %s', (code, name, opens) =>
    withDirectory(async (root) => {
      const fileSystem = watchedFileSystem({
        before: (call) =>
          call.name === name && call.path === root ? { kind: 'fail', error: systemError(code, call) } : null,
      });
      const opening = openDirectoryStorage({ directory: join(root, 'deep', 'data'), fileSystem });
      // `deep` was made here, in `root`: whatever the reason, that it is durable cannot be said.
      await expect(opening).rejects.toMatchObject({ code: 'storage_unavailable' });
      const again = openDirectoryStorage({ directory: join(root, 'deep', 'data'), fileSystem });
      if (opens) await (await again).close();
      else await expect(again).rejects.toMatchObject({ code: 'storage_unavailable' });
    }),
  );
});

describe('the space', () => {
  test("is the disk's, and unknown where the file system tells nothing", async () => {
    await withStorage(async (storage, data) => {
      const { bsize, bavail } = statfsSync(data);
      const { freeBytes, totalBytes } = await storage.check();
      // Others write to this disk too: within a gigabyte.
      expect(Math.abs((freeBytes ?? 0) - bsize * bavail)).toBeLessThan(1024 ** 3);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes ?? 0);
    });
    const { freeInodes, totalInodes } = diskSpace({ bsize: 1, blocks: 2, bfree: 1, bavail: 1, files: 9, ffree: 7 });
    expect({ freeInodes, totalInodes }).toEqual({ freeInodes: 7, totalInodes: 9 });
    expect(diskSpace({ bsize: 4096, blocks: 100, bfree: 30, bavail: 20 })).toEqual({
      freeBytes: 20 * 4096,
      totalBytes: 90 * 4096,
    });
    for (const nothing of [{ bsize: 0 }, { blocks: 0 }]) {
      expect(diskSpace({ bsize: 4096, blocks: 100, bfree: 30, bavail: 20, ...nothing })).toEqual(UNKNOWN_SPACE);
    }
  });
});

describe("a file system of another machine, whose clock is not this one's", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  async function ageOfNewFile(storage: Storage): Promise<number> {
    await storage.publish(partition, partName(fileOf([1])), fileOf([1]));
    const { files, close } = await storage.snapshot(partition);
    await close();
    return files[0]?.ageMs ?? Number.NaN;
  }

  test('a file is as young as that machine says, where this one is ten minutes ahead', async () => {
    const now = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
    await withStorage(async (storage) => expect(await ageOfNewFile(storage)).toBeLessThan(300_000));
  });

  test('and where it is set ahead later, as soon as the storage is checked', () =>
    withStorage(async (storage) => {
      const now = Date.now;
      vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
      await storage.check();
      expect(await ageOfNewFile(storage)).toBeLessThan(300_000);
    }));
});

describe('leftovers', () => {
  /** The name of a temporary, from one that the driver has just made. */
  async function ownName(): Promise<string> {
    let name = '';
    const fileSystem = beforeFirst(
      (call) => call.name === 'open' && call.path.endsWith('.tmp'),
      (call) => {
        name = call.path.slice(call.path.lastIndexOf('/') + 1);
      },
    );
    await withStorage(async (storage) => void (await storage.check()), fileSystem);
    return name;
  }

  test('those of dead processes go, those of living ones stay', async () => {
    const [host = '', pid = '', start = '', rest = ''] = (await ownName()).split('~');
    const living = spawn('sleep', ['600']);
    try {
      const livingPid = String(living.pid);
      const livingStart = execFileSync('sh', ['-c', `sed 's/.*) //' /proc/${livingPid}/stat | cut -d' ' -f20`]);
      const dead = execFileSync('sh', ['-c', 'echo $$']).toString().trim();
      const stays = [
        [host, pid, start, rest],
        [host, livingPid, livingStart.toString().trim(), rest],
        ['another-host', dead, '1', rest],
      ];
      const goes = [
        [host, pid, '1', rest],
        [host, livingPid, '1', rest],
        [host, dead, '1', rest],
        ['another-host', dead, '2', rest],
        ['tmp-1234.parquet'],
        ['..~1~1~00.tmp~'],
        [' '],
      ];
      assert.equal(host, hostname().replace(/[^A-Za-z0-9.-]/g, '-'));
      await withDirectory(async (data) => {
        const temporaries = join(data, '.tmp');
        mkdirSync(join(temporaries, 'directory'), { recursive: true });
        const names = [...stays, ...goes].map((parts) => parts.join('~'));
        for (const name of names) writeFileSync(join(temporaries, name), '');
        const longAgo = new Date(Date.now() - 3_700_000);
        utimesSync(join(temporaries, `another-host~${dead}~2~${rest}`), longAgo, longAgo);
        writeFileSync(join(data, 'precious'), '');
        symlinkSync(join(data, 'precious'), join(temporaries, 'link'));

        await (await openDirectoryStorage({ directory: data })).close();
        const left = readdirSync(temporaries).sort();
        assert.deepEqual(left, [...stays.map((parts) => parts.join('~')), 'directory'].sort());
        assert.ok(existsSync(join(data, 'precious')));
      });
    } finally {
      living.kill('SIGKILL');
    }
  });

  test('a publish whose temporary is taken writes it again', () => {
    const fileSystem = beforeFirst(
      (call) => call.name === 'link' && call.newPath.endsWith('.parquet'),
      (call) => rmSync(call.path),
    );
    return withStorage(async (storage) => {
      assert.equal(await storage.publish(partition, 'part-a.parquet', fileOf([1])), 'written');
      assert.deepEqual([...(await storedReadings(storage, partition))], [1]);
    }, fileSystem);
  });
});

describe('others who delete what is in use', () => {
  test.each(['20240115', '20240115/ana'])('%s, between two publishes and within one', (gone) =>
    withDirectory(async (data) => {
      const fileSystem = beforeFirst(
        (call) => call.name === 'link' && call.newPath.endsWith('part-c.parquet'),
        () => rmSync(join(data, gone), { recursive: true }),
      );
      const storage = await openDirectoryStorage({ directory: data, fileSystem });
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      rmSync(join(data, gone), { recursive: true });
      assert.equal(await storage.publish(partition, 'part-b.parquet', fileOf([2])), 'written');
      assert.equal(await storage.publish(partition, 'part-c.parquet', fileOf([3])), 'written');
      assert.deepEqual([...(await storedReadings(storage, partition))], [3]);
      await storage.remove(partition, ['part-b.parquet']);
      await storage.close();
    }),
  );

  test('the data directory itself, as by an unmount: nothing is written beside it, and the error says so', () =>
    withStorage(async (storage, data) => {
      for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
      await expect(storage.publish(partition, 'part-a.parquet', fileOf([1]))).rejects.toMatchObject({
        kind: 'unavailable',
        message: expect.stringMatching(/There are no data in .*mount its disk if it was unmounted/),
      });
      await expect(storage.check()).rejects.toMatchObject({ kind: 'unavailable' });
      assert.deepEqual(readdirSync(data), []);
    }));
});

describe('misuse, and bad luck', () => {
  test('a replacement that failed half-way and is tried again as it was is a conflict, and overwrites nothing', () => {
    let isArmed = false;
    const fileSystem = watchedFileSystem({
      before: (call) => (isArmed && call.name === 'link' ? { kind: 'fail', error: systemError('EIO', call) } : null),
    });
    return withStorage(async (storage, data) => {
      const superseded = join(data, '20240115/ana/part-old-x.parquet');
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      assert.equal(await compactAll(storage, partition), 'replaced');
      const snapshot = await storage.snapshot(partition);
      const replacement = { snapshot, supersededName: 'part-old-x.parquet', bytes: fileOf([1]) };
      isArmed = true;
      await expect(storage.replace(replacement)).rejects.toMatchObject({ kind: 'unavailable' });
      isArmed = false;
      assert.equal(readFileSync(superseded, 'utf8'), '[1]');
      await storage.publish(partition, 'part-b.parquet', fileOf([2]));
      assert.equal(await compactAll(storage, partition), 'replaced');
      assert.equal(await storage.replace(replacement), 'conflict');
      await snapshot.close();
      assert.equal(readFileSync(superseded, 'utf8'), '[1]');
      assert.equal(readFileSync(join(data, '20240115/ana/compacted.parquet'), 'utf8'), '[1,2]');
    }, fileSystem);
  });

  test('a closed snapshot and one of another storage are refused', () =>
    withStorage(async (storage) => {
      const snapshot = await storage.snapshot(partition);
      const replacement = { snapshot, supersededName: 'part-old-x.parquet', bytes: fileOf([1]) };
      await snapshot.close();
      await expect(storage.replace(replacement)).rejects.toMatchObject({ kind: 'closed', code: 'snapshot_closed' });
      const foreign = { ...replacement, snapshot: { ...snapshot } };
      await expect(storage.replace(foreign)).rejects.toMatchObject({ kind: 'internal', code: 'foreign_snapshot' });
    }));

  test('a range that is none is a defect of the caller, and no fault of the storage', () =>
    withStorage(async (storage) => {
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      const snapshot = await storage.snapshot(partition);
      await expect(snapshot.files[0]?.read(2, 1)).rejects.toMatchObject({ kind: 'internal' });
      await snapshot.close();
    }));

  test('a partition that never stands still is a conflict in the end, with every descriptor closed', () => {
    let open = 0;
    const fileSystem = watchedFileSystem({
      before(call) {
        if (call.name === 'openSync' && call.path.endsWith('part-a.parquet')) {
          return { kind: 'fail', error: systemError('ENOENT', call) };
        }
        return null;
      },
      after(call, error) {
        if (call.name === 'openSync' && !error && call.path.endsWith('.parquet')) open += 1;
        if (call.name === 'closeSync' && call.path.endsWith('.parquet')) open -= 1;
      },
    });
    return withStorage(async (storage) => {
      await storage.publish(partition, 'part-a.parquet', fileOf([1]));
      const empty = { ...partition, directory: 'bo' };
      await compactAll(storage, empty);
      await storage.publish(empty, 'part-a.parquet', fileOf([1]));
      await expect(storage.snapshot(empty)).rejects.toMatchObject({ kind: 'unavailable', code: 'snapshot_contended' });
      assert.equal(open, 0);
    }, fileSystem);
  });
});

describe('opened to read only', () => {
  test('it finds what is stored, makes nothing, and writes nothing', async () => {
    await withStorage(async (storage, data) => {
      await storage.publish(partition, 'part-a.parquet', fileOf([1, 2]));
      const before = readdirSync(data, { recursive: true }).sort();
      const reader = await openDirectoryStorage({ directory: data, readOnly: true });
      expect(await storedReadings(reader, partition)).toEqual(new Set([1, 2]));
      const refused = { kind: 'internal', code: 'storage_read_only' };
      await expect(reader.publish(partition, 'part-b.parquet', fileOf([3]))).rejects.toMatchObject(refused);
      await expect(reader.remove(partition, ['part-a.parquet'])).rejects.toMatchObject(refused);
      await expect(reader.check()).rejects.toMatchObject(refused);
      await reader.close();
      expect(readdirSync(data, { recursive: true }).sort()).toEqual(before);
    });
  });

  test('a directory that is not there is an empty one, and stays away', async () => {
    await withDirectory(async (parent) => {
      const directory = join(parent, 'nowhere');
      const reader = await openDirectoryStorage({ directory, readOnly: true });
      for await (const found of reader.partitions({})) throw new Error(`found ${found.date}`);
      await reader.close();
      expect(existsSync(directory)).toBe(false);
    });
  });
});

test('a data directory that vanishes under a running system is an error, and no empty answer', async () => {
  await withStorage(async (storage, data) => {
    await storage.publish(partition, 'part-a.parquet', fileOf([1]));
    rmSync(data, { recursive: true });
    const listing = storage.partitions({})[Symbol.asyncIterator]();
    await expect(listing.next()).rejects.toMatchObject({ kind: 'unavailable', code: 'storage_missing' });
  });
});
